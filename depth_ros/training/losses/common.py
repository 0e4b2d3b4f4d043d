# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the losses share: means over what is known, Sobel differences, a robust normalisation.

The first axis is always the image (or the clip). A mean is taken within each image, then over the
images that know anything, so that a sparse lidar image weighs as much as a dense one. Without any
truth a loss is 0, and so is its gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor


def error(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """p - t, 0 where t is unknown (not finite), and the mask (bool) of where it is known."""
    valid = torch.isfinite(t)
    return torch.where(valid, p - torch.nan_to_num(t), 0.0), valid


def image_means(values: Tensor, valid: Tensor) -> Tensor:
    """The mean of the valid values of each image: (N, ...) -> (N,), 0 for an image without any."""
    total = torch.where(valid, values, 0.0).flatten(1).sum(dim=1)
    return total / valid.flatten(1).sum(dim=1).clamp_min(1)


def over_images(per_image: Tensor, valid: Tensor) -> Tensor:
    """The mean of (N,) over the images that have anything valid: (), 0 if there is none."""
    has_truth = valid.flatten(1).any(dim=1)
    return torch.where(has_truth, per_image, 0.0).sum() / has_truth.sum().clamp_min(1)


def mean(values: Tensor, valid: Tensor) -> Tensor:
    """The mean over the images of the mean over each image's valid values: (N, ...) -> ()."""
    return over_images(image_means(values, valid), valid)


def variance(e: Tensor, valid: Tensor, balance: float) -> Tensor:
    """mean e^2 - balance (mean e)^2 of each image: (N, ...) -> (N,).

    It is computed as mean (e - m)^2 + (1 - balance) m^2 with m = mean e. This is the same number,
    but never negative for a balance up to 1, and no digits are lost when m is large.
    """
    m = image_means(e, valid)
    centred = e - m.view(-1, *[1] * (e.dim() - 1))
    return image_means(centred**2, valid) + (1 - balance) * m**2


def sobel(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's 3x3 differences to the right and downwards: (..., H, W) -> (..., H-2, W-2).

    The kernel is the usual [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] and its transpose, without the
    factor 1/8: a ramp of slope s per pixel gives 8 s. There is no padding.
    """
    rows = x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]
    columns = x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]
    return rows[..., 2:] - rows[..., :-2], columns[..., 2:, :] - columns[..., :-2, :]


def whole_windows(valid: Tensor) -> Tensor:
    """Where all nine pixels of a 3x3 window are valid: (..., H, W) -> (..., H-2, W-2), bool."""
    rows = valid[..., :-2, :] & valid[..., 1:-1, :] & valid[..., 2:, :]
    return rows[..., :-2] & rows[..., 1:-1] & rows[..., 2:]


def normalise_trimmed(t: Tensor, trim: float = 0.1) -> Tensor:
    """(t - mean) / deviation of each image, NaN staying NaN: (N, ...) -> (N, ...), no unit.

    LeReS, Yin et al. 2021: the mean and the standard deviation (here of the population) leave out
    the nearest and the farthest ``trim`` of the known values. The result does not change when t
    is scaled by a positive factor or shifted. An image that deviates by less than 1e-4 of its
    mean counts as flat and becomes about 0.
    """
    images = []
    for image in t:
        values = image[torch.isfinite(image)].sort().values
        cut = int(trim * len(values))
        kept = values[cut : len(values) - cut]
        if len(kept) == 0:
            images.append(torch.full_like(image, torch.nan))
            continue
        m = kept.mean()
        deviation = ((kept - m).square().mean() + 1e-24).sqrt()  # whose slope is finite at 0
        known = torch.isfinite(image)
        centred = torch.where(known, image, 0.0) - m  # no NaN, which would spoil the gradient
        scaled = centred / torch.maximum(deviation, 1e-4 * m.detach().abs() + 1e-12)
        images.append(torch.where(known, scaled, torch.nan))
    return torch.stack(images)
