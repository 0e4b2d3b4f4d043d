# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A depth decoder of up-projections with multi-scale feature fusion.

Hu et al., "Revisiting Single Image Depth Estimation: Toward Higher Resolution Maps with Accurate
Object Boundaries", WACV 2019. Input: a ResNet's four deeper feature maps, from 1/4 to 1/32 of the
image. Output: features at half its size. Names are those of the official D and MFF.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

FUSED = 16  # channels that the fusion makes of each feature map
Size = Sequence[int]


class UpProjection(nn.Module):
    """Bilinear upsampling, then a residual block of 5x5 and 3x3 convolutions."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 5, 1, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv1_2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn1_2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_in, c_out, 5, 1, 2, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """(N, c_in, h, w) to (N, c_out, *size)."""
        x = functional.interpolate(x, size=size, mode="bilinear", align_corners=True)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn1_2(self.conv1_2(y))
        out: Tensor = self.relu(y + self.bn2(self.conv2(x)))
        return out


class Decoder(nn.Module):
    """D: from the deepest feature map up to half the image's size."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        width = c_in // 2
        self.conv = nn.Conv2d(c_in, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        for i in range(1, 5):
            self.add_module(f"up{i}", UpProjection(width, width // 2))
            width //= 2
        self.width = width

    def forward(self, blocks: Sequence[Tensor], size: Size) -> Tensor:
        """Four feature maps, the largest first, to (N, width, *size)."""
        sizes = [b.shape[-2:] for b in blocks[2::-1]] + [size]
        x = functional.relu(self.bn(self.conv(blocks[3])))
        for i, to in enumerate(sizes, 1):
            x = self.get_submodule(f"up{i}")(x, to)
        return x


class Fusion(nn.Module):
    """MFF: every feature map brought to half the image's size, and mixed."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        for i, width in enumerate(widths, 1):
            self.add_module(f"up{i}", UpProjection(width, FUSED))
        self.width = FUSED * len(widths)
        self.conv = nn.Conv2d(self.width, self.width, 5, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(self.width)

    def forward(self, blocks: Sequence[Tensor], size: Size) -> Tensor:
        """Feature maps to (N, width, *size)."""
        ups = [self.get_submodule(f"up{i}")(b, size) for i, b in enumerate(blocks, 1)]
        return functional.relu(self.bn(self.conv(torch.cat(ups, 1))))
