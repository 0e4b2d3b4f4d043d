# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FeatDepth, Shu et al. 2020: an autoencoder's features compared instead of grey levels.

Features are (N, C, h, w) at any resolution; the warp needs ``warp.scaled_intrinsics`` for it and
depth of that size. The autoencoder learns first, from reconstruction and the two regularisers,
and the depth network then with its features fixed.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from depth_ros.training.losses.photometric import masked_mean, minimum_over_sources
from depth_ros.training.losses.smoothness import edge_aware, edge_aware_second
from depth_ros.training.warp import synthesise

_ROBUST = 1e-6


def feature_error(a: Tensor, b: Tensor) -> Tensor:
    """(N, 1, h, w): sqrt(|a - b|^2 + 1e-6), mean over channels (their robust L1)."""
    return ((a - b) ** 2 + _ROBUST).sqrt().mean(1, keepdim=True)


def feature_metric(
    target: Tensor,
    sources: Sequence[Tensor],
    depth: Tensor,
    source_from_target: Sequence[Tensor],
    k: Tensor,
) -> Tensor:
    """mean over pixels of min over sources of the feature error of the warped features.

    Features (N, C, h, w), depth (N, 1, h, w), transforms (N, 4, 4), k (N or 1, 4) of the features.
    Pixels that no source sees do not count. FeatDepth weighs it by 1e-3.
    """
    views = [synthesise(s, depth, t, k) for s, t in zip(sources, source_from_target, strict=True)]
    errors = [feature_error(view.image, target) for view in views]
    return masked_mean(*minimum_over_sources(errors, [view.valid for view in views]))


def discriminative(features: Tensor, image: Tensor) -> Tensor:
    """-mean |d f| exp(-|d I|): features with slopes where the image has none, L_dis.

    Image (N, 3, h, w) of the features' size. Without lower bound: keep its weight (1e-3) small.
    """
    return -edge_aware(features, image)


def convergent(features: Tensor, image: Tensor) -> Tensor:
    """mean |d2 f| exp(-|d2 I|): slopes that stay alike, for a wide basin, L_cvt; weight 1e-3."""
    return edge_aware_second(features, image)
