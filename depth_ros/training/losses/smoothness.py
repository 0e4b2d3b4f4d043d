# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Smooth where the image is: regularisers of disparity (inverse depth) and depth.

Values are (N, 1, H, W), or (N, C, H, W) for features; images (N, 3, H, W) in [0, 1], same size.
Derivatives are differences of neighbouring pixels, so the loss is per pixel, not per metre.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def normalised(disparity: Tensor) -> Tensor:
    """d / mean(d) of each image, so that smoothness does not shrink the scene (Wang 2018)."""
    return disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)


def edge_aware(values: Tensor, image: Tensor) -> Tensor:
    """mean |dx v| exp(-|dx I|) + mean |dy v| exp(-|dy I|), |.| of I averaged over channels.

    Godard et al. 2017. Give it ``normalised`` disparity for Monodepth2's loss, which neither the
    scene's scale nor a constant changes.
    """
    return _weighted(across(values), across(image)) + _weighted(down(values), down(image))


def edge_aware_second(values: Tensor, image: Tensor) -> Tensor:
    """The sum over xx, xy, yx, yy of mean |d2 v| exp(-|d2 I|): planes in disparity are free.

    The second term of FeatDepth (Shu et al. 2020), which adds half of it to ``edge_aware``.
    """
    total = values.new_zeros(())
    for first in (across, down):
        for second in (across, down):
            total = total + _weighted(second(first(values)), second(first(image)))
    return total


def second_derivative(depth: Tensor) -> Tensor:
    """The sum over xx, xy, yx, yy of mean |d2 D|: Zhou et al. 2017 (SfMLearner), on depth.

    Has the unit of ``depth``; the image plays no part.
    """
    total = depth.new_zeros(())
    for first in (across, down):
        for second in (across, down):
            total = total + second(first(depth)).abs().mean()
    return total


def multi_scale_smoothness(
    disparities: Sequence[Tensor], image: Tensor, second: float = 0.0
) -> Tensor:
    """mean over scales s of 2^-s (first + second * second order) on normalised disparity.

    ``disparities`` (N, 1, h, w), finest first, each at its own resolution; the image is averaged
    down to it. Monodepth2 weighs this by 1e-3 with ``second`` 0, FeatDepth with 0.5.
    """
    total, small = image.new_zeros(()), image
    for scale, disparity in enumerate(disparities):
        smooth, small = normalised(disparity), _averaged(image, small, disparity)
        rough = edge_aware(smooth, small)
        if second:
            rough = rough + second * edge_aware_second(smooth, small)
        total = total + rough / 2**scale
    return total / len(disparities)


def multi_scale_second_derivative(depths: Sequence[Tensor], decay: float = 2.3) -> Tensor:
    """The sum over scales s of second_derivative / decay^s, finest first.

    SfMLearner's weights as its PyTorch port sets them: 2.3 a scale.
    """
    terms = [second_derivative(depth) / decay**scale for scale, depth in enumerate(depths)]
    return torch.stack(terms).sum()


def across(values: Tensor) -> Tensor:
    """(..., H, W - 1): each pixel's right neighbour minus itself."""
    return values[..., 1:] - values[..., :-1]


def down(values: Tensor) -> Tensor:
    """(..., H - 1, W): each pixel's lower neighbour minus itself."""
    return values[..., 1:, :] - values[..., :-1, :]


def _averaged(image: Tensor, smaller: Tensor, like: Tensor) -> Tensor:
    """The image averaged down to the size of ``like``; from ``smaller``, where means of it do."""
    height, width = like.shape[-2:]
    if smaller.shape[-2:] == (height, width):
        return smaller
    whole = smaller.shape[-2] % height == 0 and smaller.shape[-1] % width == 0
    return F.adaptive_avg_pool2d(smaller if whole else image, (height, width))


def _weighted(slope: Tensor, edge: Tensor) -> Tensor:
    return (slope.abs() * torch.exp(-edge.abs().mean(1, keepdim=True))).mean()
