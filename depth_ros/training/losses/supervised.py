# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses against a true depth map. All maps are (N, 1, H, W); truth is NaN where unknown.

``p`` and ``t`` are the predicted and the true depth in metres, ``log_p`` and ``log_t`` their
natural logarithms; e is predicted minus true. Every loss is a mean over the images that have any
truth, so that a sparse lidar image weighs as much as a dense one. Constants are those of depth in
metres. Predictions may be of half precision: with a truth in float32 all is computed in that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depth_ros.training.losses.common import (
    error,
    image_means,
    mean,
    normalise_trimmed,
    over_images,
    sobel,
    variance,
    whole_windows,
)


def l1(p: Tensor, t: Tensor) -> Tensor:
    """mean |e|, in metres: Ma and Karaman 2018, which FastDepth is trained with."""
    e, valid = error(p, t)
    return mean(e.abs(), valid)


def l1_log(log_p: Tensor, log_t: Tensor, use: Tensor | None = None) -> Tensor:
    """mean |e| of log depth. ``use`` (N,) bool picks the images whose scale is known."""
    e, valid = error(log_p, log_t)
    per_image = image_means(e.abs(), valid)
    return over_images(per_image, valid if use is None else valid & use.view(-1, 1, 1, 1))


def berhu(p: Tensor, t: Tensor, threshold: float = 0.2) -> Tensor:
    """Laina et al. 2016: |e| up to c, (e^2 + c^2) / 2c beyond; c = threshold * max |e|.

    The maximum is over the batch, as in the paper, and no gradient flows through c. Both pieces
    have the value c and the slope 1 at c. The paper's depth is in metres; log depth works as well.
    """
    e, valid = error(p, t)
    size = e.abs()
    c = (threshold * size.max()).detach().clamp_min(1e-6)
    return mean(torch.where(size <= c, size, (size**2 + c**2) / (2 * c)), valid)


def scale_invariant(log_p: Tensor, log_t: Tensor, balance: float = 0.5) -> Tensor:
    """mean e^2 - balance (mean e)^2: Eigen et al. 2014, whose lambda is ``balance``.

    With 1 it does not change when all depths of an image are multiplied by one factor, and is
    half the mean over all pairs of pixels of (e_i - e_j)^2. With 0 it is the mean squared error
    of log depth. The paper trains with 0.5.
    """
    e, valid = error(log_p, log_t)
    return over_images(variance(e, valid, balance), valid)


def si_log(log_p: Tensor, log_t: Tensor, balance: float = 1.0) -> Tensor:
    """sqrt(mean e^2 - balance (mean e)^2 + 1e-6): Eigen et al. 2014, with BTS's root.

    With ``balance`` 1 it does not change when all depths are multiplied by one factor. The 1e-6
    bounds the curvature near 0, so that images without any error stay quiet.
    """
    e, valid = error(log_p, log_t)
    return over_images(torch.sqrt(variance(e, valid, balance) + 1e-6), valid)


def silog(log_p: Tensor, log_t: Tensor, balance: float = 0.85, factor: float = 10.0) -> Tensor:
    """factor * sqrt(mean e^2 - balance (mean e)^2): BTS, Lee et al. 2019, also LapDepth.

    GLPDepth (Kim et al. 2022) takes balance 0.5 and factor 1. The published codes put all pixels
    of a batch into one mean; here each image has its own.
    """
    e, valid = error(log_p, log_t)
    root = torch.sqrt(variance(e, valid, balance).clamp_min(1e-12))
    return factor * over_images(root, valid)


def gradient_log(log_p: Tensor, log_t: Tensor, scales: int = 4) -> Tensor:
    """Sum over scales of mean |dx e| + mean |dy e|, e on every 2^k-th pixel of log depth.

    MegaDepth, Li and Snavely 2018, and MannequinChallenge, Li et al. 2019: sharp edges where the
    truth has them, smooth elsewhere. It ignores one factor on all depths.
    """
    return _multi_scale(*error(log_p, log_t), scales)


def gradient_normalised(d: Tensor, t: Tensor, scales: int = 4) -> Tensor:
    """``gradient_log``'s sum for e = d - z, z the truth normalised by ``normalise_trimmed``.

    LeReS, Yin et al. 2021 (weight 0.5): d is a depth of unknown scale and shift, without unit; t
    is depth in metres or any positive affine map of it, which z does not see.
    """
    return _multi_scale(*error(d, normalise_trimmed(t)), scales)


def gradient_squared_log(log_p: Tensor, log_t: Tensor) -> Tensor:
    """mean (dx e)^2 + mean (dy e)^2 of log depth: the second term of Eigen and Fergus 2015.

    Differences are those of neighbours. The paper adds it to ``scale_invariant`` at balance 0.5.
    """
    e, valid = error(log_p, log_t)
    return sum((mean(d**2, both) for d, both in _differences(e, valid)), e.new_zeros(()))


def hu_depth(p: Tensor, t: Tensor, offset: float = 0.5) -> Tensor:
    """mean ln(|e| + offset), e in metres: Hu et al. 2019. It is ln(offset) where all is right."""
    e, valid = error(p, t)
    return mean(torch.log(e.abs() + offset), valid)


def hu_gradient(p: Tensor, t: Tensor, offset: float = 0.5) -> Tensor:
    """mean ln(|gx| + offset) + ln(|gy| + offset), g Sobel's differences of e: Hu et al. 2019.

    Only 3x3 windows of which all is known count. See ``sobel`` for the scale of g.
    """
    e, valid = error(p, t)
    gx, gy = sobel(e)
    values = torch.log(gx.abs() + offset) + torch.log(gy.abs() + offset)
    return mean(values, whole_windows(valid))


def hu_normal(p: Tensor, t: Tensor) -> Tensor:
    """mean 1 - cos(n, n*), n = (-gx, -gy, 1) of Sobel's differences of depth: Hu et al. 2019.

    These are normals of the depth image as a surface over the pixels, not of the scene. The loss
    ignores a constant added to all depths.
    """
    valid = torch.isfinite(t)
    ax, ay = sobel(p.to(t.dtype))
    bx, by = sobel(torch.where(valid, t, 0.0))
    lengths = torch.sqrt((ax**2 + ay**2 + 1) * (bx**2 + by**2 + 1))
    cosine = (ax * bx + ay * by + 1) / lengths
    return mean(1 - cosine, whole_windows(valid))


def hu(p: Tensor, t: Tensor, gradient: float = 1.0, normal: float = 1.0) -> Tensor:
    """hu_depth + gradient * hu_gradient + normal * hu_normal, depth in metres.

    Hu et al. 2019 with both weights 1; also the loss of each frame of ST-CLSTM.
    """
    return hu_depth(p, t) + gradient * hu_gradient(p, t) + normal * hu_normal(p, t)


def _multi_scale(e: Tensor, valid: Tensor, scales: int) -> Tensor:
    total = e.new_zeros(())
    for k in range(scales):
        step = 2**k
        for d, both in _differences(e[..., ::step, ::step], valid[..., ::step, ::step]):
            total = total + mean(d.abs(), both)
    return total


def _differences(e: Tensor, valid: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Of neighbours to the right and below, each with where both are known."""
    return (
        (e[..., 1:] - e[..., :-1], valid[..., 1:] & valid[..., :-1]),
        (e[..., 1:, :] - e[..., :-1, :], valid[..., 1:, :] & valid[..., :-1, :]),
    )
