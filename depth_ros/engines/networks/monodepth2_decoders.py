# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The two decoders of Monodepth2: features to disparity, and features to ego-motion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 128, 256)  # of the decoder's levels, from the image's size down to 1/16
POSE_WIDTH = 256
FRAMES = 2  # the official pose head returns two motions; only the first is used
SMALL_MOTION = 0.01  # so that training starts near standing still


class Conv3x3(nn.Module):
    """A 3x3 convolution that sees the image mirrored at its border."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.conv = nn.Conv2d(c_in, c_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) to (N, c_out, h, w)."""
        out: Tensor = self.conv(self.pad(x))
        return out


class ConvBlock(nn.Module):
    """Such a convolution and ELU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = Conv3x3(c_in, c_out)
        self.nonlin = nn.ELU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) to (N, c_out, h, w)."""
        out: Tensor = self.nonlin(self.conv(x))
        return out


class DepthDecoder(nn.Module):
    """From the encoder's features to the logit of disparity at each scale.

    ``decoder`` lists, as the official code does, two blocks for each level from 4 (1/16) to 0,
    then a head for each scale.
    """

    def __init__(self, widths: Sequence[int], scales: tuple[int, ...]) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        below = widths[-1]
        for level in range(4, -1, -1):
            skip = widths[level - 1] if level else 0
            blocks.append(ConvBlock(below, WIDTHS[level]))
            blocks.append(ConvBlock(WIDTHS[level] + skip, WIDTHS[level]))
            below = WIDTHS[level]
        heads = [Conv3x3(WIDTHS[s], 1) for s in scales]
        self.decoder = nn.ModuleList([*blocks, *heads])
        self.scales = scales

    def forward(self, features: Sequence[Tensor], scales: tuple[int, ...]) -> tuple[Tensor, ...]:
        """(N, 1, H / 2^s, W / 2^s) for each s of ``scales``."""
        out: dict[int, Tensor] = {}
        x = features[-1]
        for i, level in enumerate(range(4, -1, -1)):
            x = self.decoder[2 * i](x)
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            if level:
                x = torch.cat((x, features[level - 1]), 1)
            x = self.decoder[2 * i + 1](x)  # N, WIDTHS[level], H / 2^level, W / 2^level
            if level in scales:
                out[level] = self.decoder[10 + self.scales.index(level)](x)
        return tuple(out[s] for s in scales)


class PoseDecoder(nn.Module):
    """From the last feature map of a pair of frames to the motion between them."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            [
                nn.Conv2d(c_in, POSE_WIDTH, 1),
                nn.Conv2d(POSE_WIDTH, POSE_WIDTH, 3, 1, 1),
                nn.Conv2d(POSE_WIDTH, POSE_WIDTH, 3, 1, 1),
                nn.Conv2d(POSE_WIDTH, 6 * FRAMES, 1),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, c_in, h, w) to (N, 6): axis-angle, then translation."""
        x = features
        for conv in self.net[:3]:
            x = functional.relu(conv(x))
        x = self.net[3](x).mean((2, 3))  # N, 6 * FRAMES
        out: Tensor = SMALL_MOTION * x[:, :6]
        return out
