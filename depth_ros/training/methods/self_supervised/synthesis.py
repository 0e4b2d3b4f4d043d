# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The photometric error of a batch's pairs, and what the several sources of a pixel make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.training.losses.photometric import full_resolution, photometric_error
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig
from depth_ros.training.methods.self_supervised.pairs import Pairs
from depth_ros.training.warp import Warped, synthesise

_NONE = float("inf")
_NOISE = 1e-5  # what breaks ties between a warped and an unmoved source, as published


@dataclass(frozen=True, slots=True)
class Unmoved:
    """What the sources explain without moving: (N, 1, H, W), infinite where there are none."""

    least: Tensor


def unmoved(pairs: Pairs, config: SelfSupervisedConfig) -> Unmoved | None:
    """The least error of the unmoved neighbours, with the noise that breaks ties; once a step.

    The other image of a stereo pair never counts: it has moved, by the baseline.
    """
    if not config.auto_mask:
        return None
    with torch.no_grad():
        error = photometric_error(pairs.sources(), pairs.reference, config.ssim_share, of=pairs.n)
        error = torch.where(pairs.temporal()[:, None, None, None], error, _NONE)
        least = pairs.spread(error, _NONE).amin(1, keepdim=True)
        return Unmoved(least + _NOISE * torch.randn_like(least))


def warped(pairs: Pairs, inverse_depth: Tensor, transforms: Tensor) -> Warped:
    """The targets' views made of their sources (P, ...), at full resolution.

    ``inverse_depth`` (N, 1, h, w) of any size is resized to the images' first.
    """
    depth = 1 / full_resolution(inverse_depth, pairs.target)
    return synthesise(pairs.sources(), depth[pairs.n], transforms, pairs.k[pairs.n])


def errors(pairs: Pairs, view: Warped, config: SelfSupervisedConfig) -> Tensor:
    """(P, 1, H, W) of the warped views, infinite out of view unless everywhere counts."""
    error = photometric_error(view.image, pairs.reference, config.ssim_share, of=pairs.n)
    return error if config.everywhere else torch.where(view.valid, error, _NONE)


def combined(
    pairs: Pairs, error: Tensor, still: Unmoved | None, config: SelfSupervisedConfig
) -> Tensor:
    """The batch's loss from (P, 1, H, W): the mean over all pixels of what their sources make.

    The minimum (Godard et al. 2019) or the mean of the errors of those that count. Neighbours do
    not count where all of them explain no more than they do unmoved; the other image of a pair
    always counts. A pixel without any that counts adds its unmoved error, which has no gradient,
    or nothing, so that the gradient is the published one, and each example's own.
    """
    spread = pairs.spread(error, _NONE)  # N, S, H, W
    counts = spread < _NONE
    rest = torch.zeros_like(spread[:, :1])
    if still is not None:
        temporal = pairs.spread_flag(pairs.temporal())
        best = torch.where(temporal, spread.detach(), _NONE).amin(1, keepdim=True)
        counts = counts & (~temporal | (best < still.least))
        rest = torch.where(still.least < _NONE, still.least, 0.0)
    some = counts.any(1, keepdim=True)
    if config.combine == "minimum":
        value = torch.where(counts, spread, _NONE).amin(1, keepdim=True)
    else:
        total = torch.where(counts, spread, 0.0).sum(1, keepdim=True)
        value = total / counts.sum(1, keepdim=True).clamp_min(1)
    return torch.where(some, value, rest).mean()


def photometric(
    pairs: Pairs,
    inverse_depths: Sequence[Tensor],
    transforms: Tensor,
    still: Unmoved | None,
    config: SelfSupervisedConfig,
    trust: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean over scales, and the errors (P, 1, H, W) at the finest.

    ``trust`` (P, 1, H, W), 0 to 1, weighs the errors (SfMLearner's masks).
    """
    total = pairs.k.new_zeros(())
    finest: Tensor | None = None
    for inverse_depth in inverse_depths:
        error = errors(pairs, warped(pairs, inverse_depth, transforms), config)
        finest = error if finest is None else finest
        weighed = error if trust is None else _weighed(error, trust)
        total = total + combined(pairs, weighed, still, config)
    assert finest is not None
    return total / len(inverse_depths), finest


def _weighed(error: Tensor, trust: Tensor) -> Tensor:
    seen = error < _NONE
    return torch.where(seen, trust * torch.where(seen, error, 0.0), _NONE)
