# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses, each one small function that states its formula, its paper and its units.

supervised, ordinal, ranking and temporal need true depth. Those of view synthesis are modules of
their own and are imported by their full names.
"""

from __future__ import annotations

from depth_ros.training.losses.ordinal import (
    Bins,
    bin_decode,
    bin_edges,
    bin_encode,
    bin_loss,
    ordinal_decode,
    ordinal_logits,
    ordinal_loss,
    soft_weighted_sum,
)
from depth_ros.training.losses.ranking import (
    edge_pairs,
    normalised_regression,
    pairwise_difference,
    pairwise_normal,
    random_pairs,
    ranking_loss,
    relations,
    structure_guided_ranking,
)
from depth_ros.training.losses.supervised import (
    berhu,
    gradient_log,
    gradient_normalised,
    gradient_squared_log,
    hu,
    hu_depth,
    hu_gradient,
    hu_normal,
    l1,
    l1_log,
    scale_invariant,
    si_log,
    silog,
)
from depth_ros.training.losses.temporal import (
    ClipDiscriminator,
    adversarial_loss,
    as_frames,
    comparable,
    discriminator_loss,
    temporal_consistency,
    temporal_gradient,
    visibility,
)

__all__ = [
    "Bins",
    "ClipDiscriminator",
    "adversarial_loss",
    "as_frames",
    "berhu",
    "bin_decode",
    "bin_edges",
    "bin_encode",
    "bin_loss",
    "comparable",
    "discriminator_loss",
    "edge_pairs",
    "gradient_log",
    "gradient_normalised",
    "gradient_squared_log",
    "hu",
    "hu_depth",
    "hu_gradient",
    "hu_normal",
    "l1",
    "l1_log",
    "normalised_regression",
    "ordinal_decode",
    "ordinal_logits",
    "ordinal_loss",
    "pairwise_difference",
    "pairwise_normal",
    "random_pairs",
    "ranking_loss",
    "relations",
    "scale_invariant",
    "si_log",
    "silog",
    "soft_weighted_sum",
    "structure_guided_ranking",
    "temporal_consistency",
    "temporal_gradient",
    "visibility",
]
