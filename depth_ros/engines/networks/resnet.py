# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ResNet encoders: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

Input: (N, 3 * images, H, W). Output: five feature maps, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the
size. Names and shapes of the state are torchvision's, without the classifier ``fc``; in the
bottlenecks of ResNet-50 the 3x3 convolution has the stride, as there.
"""

from __future__ import annotations

from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
PLANES = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, c_in: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(c_in, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) to (N, planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut."""

    expansion = 4

    def __init__(self, c_in: int, planes: int, stride: int) -> None:
        super().__init__()
        c_out = planes * self.expansion
        self.conv1 = nn.Conv2d(c_in, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, c_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(c_in, c_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) to (N, 4 * planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


def shortcut(c_in: int, c_out: int, stride: int) -> nn.Sequential | None:
    """The projection that a shortcut needs where the shape changes."""
    if stride == 1 and c_in == c_out:
        return None
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))


class ResNet(nn.Module):
    """The encoder with 18, 34 or 50 layers for ``images`` RGB images, stacked.

    ``widths`` are the channels of its five outputs.
    """

    def __init__(self, layers: int, images: int = 1) -> None:
        super().__init__()
        block = Bottleneck if layers == 50 else BasicBlock
        self.widths = (64, *(planes * block.expansion for planes in PLANES))
        self.conv1 = nn.Conv2d(3 * images, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for i, (planes, count) in enumerate(zip(PLANES, BLOCKS[layers], strict=True)):
            stride, c_out = 1 if i == 0 else 2, planes * block.expansion
            first = block(self.widths[i], planes, stride)
            rest = (block(c_out, planes, 1) for _ in range(count - 1))
            self.add_module(f"layer{i + 1}", nn.Sequential(first, *rest))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3 * images, H, W) to the five feature maps, the largest first."""
        x = self.relu(self.bn1(self.conv1(image)))  # N, 64, H/2, W/2
        features = [x]
        x = self.maxpool(x)
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)  # N, widths[i], H / 2^(i+1), W / 2^(i+1)
            features.append(x)
        return tuple(features)
