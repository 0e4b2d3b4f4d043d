# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The depth of the frame before, carried into this frame by the true motion of the camera."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_ros.training.warp import back_project, inverse, project, sample, transform


def carried(
    previous: Tensor,
    truth: Tensor,
    previous_truth: Tensor,
    motion: Tensor,
    intrinsics: tuple[Tensor, Tensor],
    seen_within: float,
) -> Tensor:
    """The previous prediction (N, 1, H, W) as this camera would see it, NaN where it does not.

    Where the true surface of each pixel was in the frame before, the previous prediction says a
    depth; the point there is moved by ``motion`` (N, 4, 4), this_from_previous, and its depth is
    taken. So a prediction that is off by one factor everywhere is carried to one that is off by
    the same factor, for points far from the path of the camera. ``truth`` and ``previous_truth``
    (N, 1, H, W) metres, NaN where unknown, find the place: a pixel counts where both see the same
    surface, their depths being within the share ``seen_within`` of each other. ``intrinsics`` (N,
    4) are those of this frame and of the previous one. A gradient flows to ``previous`` alone.
    """
    k, previous_k = intrinsics
    known = torch.isfinite(truth) & torch.isfinite(motion).all(-1).all(-1).view(-1, 1, 1, 1)
    moved = torch.where(torch.isfinite(motion), motion, torch.eye(4).to(motion))
    points = transform(inverse(moved), back_project(torch.nan_to_num(truth), k))
    pixels, before = project(points, previous_k)
    found, inside = sample(previous, pixels)
    surface, _ = sample(torch.nan_to_num(previous_truth), pixels)
    covered, _ = sample(torch.isfinite(previous_truth).to(previous), pixels)
    expected = points[:, 2:]
    same = (surface - expected).abs() < seen_within * expected.clamp_min(1e-6)
    seen = found * _rays_at(pixels, previous_k)
    depth = transform(moved, seen)[:, 2:]
    valid = known & before & inside & (covered > 0.999) & same & (depth > 0)
    return torch.where(valid, depth, torch.nan)


def _rays_at(pixels: Tensor, k: Tensor) -> Tensor:
    """(N, 3, H, W): what fractional pixels (N, 2, H, W) see one unit along the axis."""
    ray = (pixels - k[:, 2:, None, None]) / k[:, :2, None, None]
    return torch.cat([ray, torch.ones_like(ray[:, :1])], 1)
