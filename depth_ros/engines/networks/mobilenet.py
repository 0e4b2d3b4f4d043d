# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The MobileNet V1 encoder: Howard et al., "MobileNets", 2017. FastDepth's has its layers, too.

Input: (N, 3 * images, H, W), H and W multiples of 32. Output: five feature maps, at 1/2, 1/4,
1/8, 1/16 and 1/32 of the size, as ResNet gives them. It has a third of ResNet-18's
multiplications, and weights trained on ImageNet under a licence that permits everything.
"""

from __future__ import annotations

from torch import Tensor, nn

STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
LAST = (1, 3, 5, 11, 13)  # of the layers at each size
MEAN, STD = (0.5,) * 3, (0.5,) * 3  # of the images that the ImageNet weights know


def conv_bn(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """The stem: a full 3x3 convolution."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU6(inplace=True),
    )


def conv_dw(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """The block of all other layers: depthwise 3x3, then pointwise."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_in, 3, stride, 1, groups=c_in, bias=False),
        nn.BatchNorm2d(c_in),
        nn.ReLU6(inplace=True),
        nn.Conv2d(c_in, c_out, 1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU6(inplace=True),
    )


class MobileNet(nn.Module):
    """The encoder for ``images`` RGB images, stacked; ``widths`` are its outputs' channels."""

    def __init__(self, images: int = 1) -> None:
        super().__init__()
        self.widths = tuple(WIDTHS[i] for i in LAST)
        self.conv0 = conv_bn(3 * images, WIDTHS[0], STRIDES[0])
        for i in range(1, 14):
            self.add_module(f"conv{i}", conv_dw(WIDTHS[i - 1], WIDTHS[i], STRIDES[i]))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3 * images, H, W) to the five feature maps, the largest first."""
        x, features = image, []
        for i in range(14):
            x = self.get_submodule(f"conv{i}")(x)
            if i in LAST:
                features.append(x)
        return tuple(features)
