# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the board shows of a batch: image, depth, the synthesised view, what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from depth_ros.training.losses.photometric import full_resolution
from depth_ros.training.methods.common import color_range, coloured
from depth_ros.training.methods.self_supervised.ego import ego_motion, unsupervised
from depth_ros.training.methods.self_supervised.networks import Reading
from depth_ros.training.methods.self_supervised.pairs import pairs_of
from depth_ros.training.methods.self_supervised.synthesis import errors, unmoved, warped

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig


@torch.no_grad()
def pictures(
    network: nn.Module, config: TrainConfig, batch: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Of the batch's first example, with its first source: (3, H, W) in [0, 1] each.

    ``image``, ``depth`` in colours, ``synthesised`` out of the source, its ``error`` (white is
    much), and ``counts``: where the neighbours are not explained better by standing still.
    """
    own = unsupervised(config.self_supervised)
    one = {name: values[:1] for name, values in batch.items()}
    pairs = pairs_of(one)
    reading = Reading(config.network, network).to(pairs.k.device)
    seen = reading.normalised(pairs.images.flatten(0, 1)).view(pairs.images.shape)
    inverse_depth = reading.inverse_depths(network, seen[:, 0], 1)[0]
    ego = ego_motion(reading, network, seen, pairs, own)
    view = warped(pairs, inverse_depth, ego.transforms)
    error = errors(pairs, view, own)[0]
    depth = 1 / full_resolution(inverse_depth, pairs.target)[0, 0]
    shown = {
        "image": pairs.target[0],
        "depth": coloured(depth, *color_range(depth)),
        "synthesised": view.image[0].clamp(0, 1),
        "error": torch.where(error.isfinite(), error, 0.0).clamp(0, 1).expand(3, -1, -1),
    }
    still = unmoved(pairs, own)
    if still is not None:
        shown["counts"] = (error < still.least[0]).float().expand(3, -1, -1)
    return {name: picture.cpu() for name, picture in shown.items()}
