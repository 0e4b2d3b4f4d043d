# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Sparse points of visual odometry, or of a range finder, as a prior for dense depth.

After Andraghetti et al. 2019, "Enhancing self-supervised monocular depth estimation with
traditional visual odometry". Sparse maps are (N, 1, H, W), NaN where there is no point.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sparse_prior(
    inverse_depth: Tensor, points: Tensor, variance: Tensor, floor: float = 1e-6
) -> Tensor:
    """sum w |p - q| / sum w, w = 1 / (variance + floor), mean over the images with any point.

    Predicted inverse depth p, points' inverse depth q and its variance (1/m, 1/m, 1/m^2). However
    few points there are, the loss has the same size: it is a weighted mean, in 1/m.
    """
    known = points.isfinite() & variance.isfinite()
    weight = torch.where(known, 1 / (variance.nan_to_num() + floor), 0.0)
    error = torch.where(known, (inverse_depth - points.nan_to_num()).abs(), 0.0)
    total = weight.sum((1, 2, 3))
    some = total > 0
    per_image = (weight * error).sum((1, 2, 3)) / torch.where(some, total, 1.0)
    return per_image.sum() / some.sum().clamp_min(1)


def sparse_convolution(
    values: Tensor, known: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The sparsity-invariant convolution of Uhrig et al. 2017, and where it knows a value.

    f = sum_known(w x) / count_known + b over the window; known = any known in the window. Values
    (N, C, H, W) may be anything, NaN too, where ``known`` bool (N, 1, H, W) is false; weight
    (O, C, k, k) with k odd, bias (O,). Same size out.
    """
    size = weight.shape[-1]
    clean = torch.where(known, values, 0.0)
    window = torch.ones_like(weight[:1, :1])
    count = F.conv2d(known.to(values.dtype), window, padding=size // 2)
    out = F.conv2d(clean, weight, padding=size // 2) / count.clamp_min(1)
    return out if bias is None else out + bias[None, :, None, None], count > 0.5


def spread(values: Tensor, known: Tensor, steps: int) -> Tensor:
    """(N, 1, H, W) sparse values spread by ``steps`` means over 3x3 of what is known so far.

    The densifier with nothing learnt: known pixels keep their value; NaN where nothing reached.
    """
    kernel = values.new_ones(1, 1, 3, 3)
    filled, have = torch.where(known, values, torch.nan), known
    for _ in range(steps):
        mean, reached = sparse_convolution(filled, have, kernel)
        filled = torch.where(have, filled, torch.where(reached, mean, torch.nan))
        have = reached
    return filled
