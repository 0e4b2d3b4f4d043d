# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ego-motion that is known, wholly or in its length: it gives the networks metres.

Transforms (N, 4, 4) in metres; a relative pose may be that of either direction.
"""

from __future__ import annotations

import torch
from torch import Tensor


def velocity(translation: Tensor, speed_mps: Tensor, period_s: Tensor) -> Tensor:
    """mean | |t| - v dt | in metres: PackNet-SfM, Guizilini et al. 2020.

    ``translation`` (N, 3) between two frames, ``speed_mps`` and ``period_s`` (N,). NaN speeds do
    not count.
    """
    way = speed_mps.abs() * period_s
    known = way.isfinite()
    error = (_length(translation) - way.nan_to_num()).abs()
    return torch.where(known, error, 0.0).sum() / known.sum().clamp_min(1)


def pose(predicted: Tensor, truth: Tensor, metres_per_radian: float = 1.0) -> Tensor:
    """mean |t - t*| + w * |R - R*|_F / sqrt(2), in metres: known relative poses (N, 4, 4).

    The rotation's term is 2 sin(angle / 2), the angle itself where it is small.
    """
    away = _length(predicted[:, :3, 3] - truth[:, :3, 3])
    turned = _length((predicted[:, :3, :3] - truth[:, :3, :3]).flatten(1)) / 2**0.5
    return (away + metres_per_radian * turned).mean()


def length_ratio(translation: Tensor, truth: Tensor) -> Tensor:
    """The factor that gives predicted translations (N, 3) the true ones' lengths: median ratio.

    A scalar without gradient; the same factor makes the depth metric.
    """
    with torch.no_grad():
        return (_length(truth) / _length(translation).clamp_min(1e-9)).median()


def _length(vectors: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return length
