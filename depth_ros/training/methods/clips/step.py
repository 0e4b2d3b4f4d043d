# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One step: from a batch of clips to the terms of the loss, and who learns by which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from depth_ros.engines.networks.stclstm import StClstm
from depth_ros.training import losses
from depth_ros.training.methods.clips import fast
from depth_ros.training.methods.clips.terms import Batch, spatial, temporal
from depth_ros.training.methods.common import autocast, meaning_of

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig


class ClipsStep(nn.Module):
    """Holds the network and, with a weight for it, the discriminator of its clips."""

    def __init__(self, config: TrainConfig, network: nn.Module) -> None:
        super().__init__()
        self.config, self.network = config, network
        self.meaning = meaning_of(config.network, network)
        self.discriminator: nn.Module | None = None
        if config.clips.adversarial:
            self.discriminator = losses.ClipDiscriminator(config.clips.adversary_width)

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The weighted terms, () float32; those of the discriminator begin with ``adversary.``."""
        network = cast(StClstm, self.network)
        if step >= self.config.clips.norm_steps:
            hold_norms(network.R)
        images = self.meaning.normalise(batch["image"])  # N, 3, T, H, W
        with autocast(self.config, images.device):
            raw = fast.clip(network, images)
        log_p = self.meaning.log_depth(raw)  # N, 1, T, H/2, W/2
        clips = self.config.clips
        found = {**spatial(log_p, batch, clips), **temporal(log_p, batch, clips)}
        if self.discriminator is not None:
            found.update(play(self.discriminator, log_p.exp(), batch, clips.adversarial))
        return found


def hold_norms(cell: nn.Module) -> None:
    """Batch norms of the recurrence use the statistics they have, in training too.

    They differ from frame to frame of a clip, because the state grows from zeros. Each frame would
    be normalised by its own, which the running network does not have: its depth then drifts and
    flickers more than without memory.
    """
    for module in cell.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def play(discriminator: nn.Module, p: Tensor, batch: Batch, weight: float) -> dict[str, Tensor]:
    """Both players' terms, in one pass.

    The network's goes through a copy of the discriminator whose weights take no gradient, the
    discriminator's through predictions that are detached: neither moves the other.
    """
    metric = batch["metric"].view(-1, 1, 1, 1, 1)
    p, t = losses.comparable(p, torch.where(metric, batch["depth"], torch.nan))
    frozen = {name: value.detach() for name, value in discriminator.named_parameters()}
    judged: Any = torch.func.functional_call(discriminator, frozen, (p,))
    return {
        "adversarial": weight * losses.adversarial_loss(judged),
        "adversary.clips": losses.discriminator_loss(discriminator(t), discriminator(p.detach())),
    }
