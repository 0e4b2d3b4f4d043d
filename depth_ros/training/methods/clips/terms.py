# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The terms of the loss on a batch of clips, each weighted by the settings."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from depth_ros.training import losses
from depth_ros.training.methods.clips.carry import carried
from depth_ros.training.methods.clips.config import ClipsConfig

Batch = dict[str, Tensor]
Frames = Callable[[Tensor, Tensor], Tensor]  # a loss on (N, 1, H, W)


def spatial(log_p: Tensor, batch: Batch, config: ClipsConfig) -> dict[str, Tensor]:
    """What each frame alone says; ``log_p`` (N, 1, T, H, W), the logarithm of canonical metres."""
    metres, metric = batch["depth"], batch["metric"]
    log_t = torch.log(metres)
    known = torch.where(metric.view(-1, 1, 1, 1, 1), metres, torch.nan)
    weighted: dict[str, tuple[float, Frames, Tensor, Tensor]] = {
        "hu": (config.hu, losses.hu, log_p.exp(), known),
        "l1_log": (config.l1_log, losses.l1_log, log_p, torch.log(known)),
        "si_log": (config.si_log, losses.si_log, log_p, log_t),
        "gradient_log": (config.gradient_log, losses.gradient_log, log_p, log_t),
    }
    return {
        name: weight * over_time(loss, p, t, config.burn_in)
        for name, (weight, loss, p, t) in weighted.items()
        if weight
    }


def over_time(loss: Frames, p: Tensor, t: Tensor, burn_in: float) -> Tensor:
    """The mean of a loss over the frames of clips (N, 1, T, H, W), the first with ``burn_in``."""
    frames = p.shape[2]
    if frames == 1:
        return loss(p[:, :, 0], t[:, :, 0])
    rest = loss(losses.as_frames(p[:, :, 1:]), losses.as_frames(t[:, :, 1:]))
    if not burn_in:
        return rest
    first = loss(p[:, :, 0], t[:, :, 0])
    return (burn_in * first + (frames - 1) * rest) / (burn_in + frames - 1)


def temporal(log_p: Tensor, batch: Batch, config: ClipsConfig) -> dict[str, Tensor]:
    """What the frames say about each other; nothing for clips of one frame."""
    if log_p.shape[2] < 2:
        return {}
    found: dict[str, Tensor] = {}
    metric = batch["metric"].view(-1, 1, 1, 1, 1)
    if config.temporal_gradient:
        known = torch.where(metric, batch["depth"], torch.nan)
        loss = losses.temporal_gradient(log_p.exp(), known)
        found["temporal_gradient"] = config.temporal_gradient * loss
    if config.temporal_gradient_log:
        loss = losses.temporal_gradient(log_p, torch.log(batch["depth"]))
        found["temporal_gradient_log"] = config.temporal_gradient_log * loss
    if config.consistency:
        found["consistency"] = config.consistency * consistency(log_p, batch, config.seen_within)
    return found


def consistency(log_p: Tensor, batch: Batch, seen_within: float) -> Tensor:
    """How each frame differs from the one before, carried into it; see carried().

    The measure ``self_consistency`` of depth_eval follows the predicted depth to the next frame;
    here the truth leads the way, so that the loss cannot be lowered by looking elsewhere.
    """
    p, t = log_p.exp(), batch["depth"]
    motion, k = batch["motion"], batch["intrinsics"]
    before = carried(
        losses.as_frames(p[:, :, :-1]),
        losses.as_frames(t[:, :, 1:]),
        losses.as_frames(t[:, :, :-1]),
        motion[:, 1:].flatten(0, 1),
        (k[:, 1:].flatten(0, 1), k[:, :-1].flatten(0, 1)),
        seen_within,
    )
    return losses.temporal_consistency(losses.as_frames(p[:, :, 1:]), before)
