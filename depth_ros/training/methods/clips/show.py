# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a clip: its last frame, its depth, the truth, and what memory has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from depth_ros.engines.networks.stclstm import StClstm
from depth_ros.training.methods.common import autocast, color_range, coloured, meaning_of

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig

LARGEST = 0.2  # difference of log depth that is shown as white


@torch.no_grad()
def pictures(
    config: TrainConfig, network: nn.Module, batch: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Of the first clip; ``memory`` is grey where the last frame alone would give the same depth,
    lighter where memory makes it farther, darker where nearer."""
    whole = cast(StClstm, network)
    meaning = meaning_of(config.network, network)
    images = meaning.normalise(batch["image"][:1])  # 1, 3, T, H, W
    was_training = network.training
    network.eval()
    try:
        with autocast(config, images.device):
            raw = whole(images)[:, :, -1]
            raw_alone = whole(images[:, :, -1:])[:, :, 0]
    finally:
        network.train(was_training)
    log_p, alone = (meaning.log_depth(r)[0, 0] for r in (raw, raw_alone))
    truth = batch["depth"][0, 0, -1]
    near, far = color_range(truth if torch.isfinite(truth).any() else log_p.exp())
    changed = ((log_p - alone) / LARGEST).clamp(-1, 1) / 2 + 0.5
    return {
        "image": meaning.picture(images[0, :, -1]).cpu(),
        "depth": coloured(log_p.exp(), near, far),
        "truth": coloured(truth, near, far),
        "memory": changed.expand(3, -1, -1).cpu(),
    }
