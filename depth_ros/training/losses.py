# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses on log depth. p: predicted, t: true log depth, both (N, 1, H, W); t is NaN where unknown.

Every loss is a mean over the images that have any truth, so that a sparse lidar image weighs as
much as a dense one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def l1_log(p: Tensor, t: Tensor, use: Tensor | None = None) -> Tensor:
    """mean |p - t|. ``use`` (N,) bool picks the images whose scale is known."""
    error, valid = _error(p, t)
    per_image = _mean(error.abs(), valid)
    return _over_images(per_image, valid if use is None else valid & use.view(-1, 1, 1, 1))


def si_log(p: Tensor, t: Tensor, balance: float = 1.0) -> Tensor:
    """sqrt(mean e^2 - balance (mean e)^2), e = p - t: Eigen et al. 2014, with BTS's root.

    With ``balance`` 1 it does not change when all depths are multiplied by one factor.
    """
    error, valid = _error(p, t)
    variance = _mean(error**2, valid) - balance * _mean(error, valid) ** 2
    return _over_images(torch.sqrt(variance.clamp_min(0) + 1e-6), valid)


def gradient_log(p: Tensor, t: Tensor, scales: int = 4) -> Tensor:
    """Sum over scales of mean |dx e| + mean |dy e|, e = p - t on every 2^k-th pixel.

    MegaDepth, Li and Snavely 2018: sharp edges where the truth has them, smooth elsewhere.
    """
    error, valid = _error(p, t)
    total = error.new_zeros(())
    for k in range(scales):
        e, v = error[..., :: 2**k, :: 2**k], valid[..., :: 2**k, :: 2**k]
        for a, b, va, vb in (
            (e[..., 1:], e[..., :-1], v[..., 1:], v[..., :-1]),
            (e[..., 1:, :], e[..., :-1, :], v[..., 1:, :], v[..., :-1, :]),
        ):
            both = va & vb
            total = total + _over_images(_mean((a - b).abs(), both), both)
    return total


def berhu(p: Tensor, t: Tensor, threshold: float = 0.2) -> Tensor:
    """Laina et al. 2016: |e| up to c, (e^2 + c^2) / 2c beyond; c = threshold * max |e|."""
    error, valid = _error(p, t)
    size = error.abs()
    c = (threshold * size.max()).detach().clamp_min(1e-6)
    loss = torch.where(size <= c, size, (size**2 + c**2) / (2 * c))
    return _over_images(_mean(loss, valid), valid)


def _error(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    valid = torch.isfinite(t)
    return torch.where(valid, p - torch.nan_to_num(t), 0.0), valid


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    total = torch.where(valid, values, 0.0).sum(dim=(1, 2, 3))
    return total / valid.sum(dim=(1, 2, 3)).clamp_min(1)


def _over_images(per_image: Tensor, valid: Tensor) -> Tensor:
    has_truth = valid.flatten(1).any(dim=1)
    return torch.where(has_truth, per_image, 0.0).sum() / has_truth.sum().clamp_min(1)
