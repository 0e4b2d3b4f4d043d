# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Who says how the cameras moved: the pose network, the data, or both."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from depth_ros.errors import ConfigError
from depth_ros.training.losses import motion
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig
from depth_ros.training.methods.self_supervised.networks import Reading
from depth_ros.training.methods.self_supervised.pairs import (
    Pairs,
    PosePairs,
    in_time,
    joined,
    skipping,
    source_from_target,
)
from depth_ros.training.warp import inverse


@dataclass(frozen=True, slots=True)
class Ego:
    """The motions of a batch's pairs.

    ``transforms`` (P, 4, 4) source_from_target are what warps. ``predicted`` (T, 4, 4) are the
    pose network's for the pairs ``of`` (T,), None without it; ``learnt`` its Q motions in the
    order of time, with ``pose_pairs`` that say what they are of.
    """

    transforms: Tensor
    of: Tensor
    predicted: Tensor | None = None
    learnt: Tensor | None = None
    pose_pairs: PosePairs | None = None


def ego_motion(
    reading: Reading, network: Any, seen: Tensor, pairs: Pairs, config: SelfSupervisedConfig
) -> Ego:
    """Asks the pose network once for all that is wanted of it.

    ``seen`` (N, 1 + S, 3, H, W) are the network's images, normalised.
    """
    temporal = pairs.temporal()
    trusted = ~temporal if config.poses == "network" else pairs.known
    supervised = supervises(config)
    learns = _some(temporal & pairs.known, config.pose_share) & supervised
    wanted = learns | (temporal & ~trusted)
    (of,) = wanted.nonzero(as_tuple=True)
    if not len(of):
        return Ego(pairs.truth, of)
    if not reading.has_pose:
        if supervised or bool((~trusted).any()):
            raise ConfigError(
                "self_supervised.poses",
                expected="given, with poses in the data, for a network without a pose network",
                got=config.poses,
                fix="Take a network with one (monodepth2), or leave such data and losses out.",
            )
        return Ego(pairs.truth, of)
    asked = in_time(pairs, of)
    if config.pose > 0 and config.pose_skip:
        far = skipping(pairs)
        asked = joined(asked, far.only(_some(far.known, config.pose_share)))
    turned = torch.zeros_like(asked.known)
    if supervised:
        free = asked.known.clone()
        free[: len(of)] &= trusted[of]  # what warps is shown in the order of time, as it runs
        turned = _some(free, config.pose_reverse_chance)
    images = seen.flatten(0, 1)
    first = images[torch.where(turned, asked.second, asked.first)]
    second = images[torch.where(turned, asked.first, asked.second)]
    said = reading.motion(network, first, second)
    said = torch.where(turned[:, None, None], inverse(said), said)
    predicted = source_from_target(pairs, of, said[: len(of)])
    mine = (~trusted[of])[:, None, None]
    transforms = pairs.truth.index_put((of,), torch.where(mine, predicted, pairs.truth[of]))
    return Ego(transforms, of, predicted, said, asked)


def _some(which: Tensor, share: float) -> Tensor:
    """That share of those that are true in bool (n,), rounded up, drawn at random."""
    if share >= 1:
        return which
    (at,) = which.nonzero(as_tuple=True)
    keep = at[torch.randperm(len(at), device=at.device)[: math.ceil(share * len(at))]]
    return torch.zeros_like(which).index_fill(0, keep, True)


def supervises(config: SelfSupervisedConfig) -> bool:
    """Whether known poses, or their lengths, teach the pose network."""
    return max(config.pose, config.velocity, config.pose_photometric) > 0


def unsupervised(config: SelfSupervisedConfig) -> SelfSupervisedConfig:
    """The same without what teaches the pose network: to look at a batch, not to learn."""
    return dataclasses.replace(config, pose=0.0, velocity=0.0, pose_photometric=0.0)


def pose_terms(ego: Ego, config: SelfSupervisedConfig) -> dict[str, Tensor]:
    """The losses of known motion: all of it, or its length alone."""
    terms: dict[str, Tensor] = {}
    if ego.learnt is None or ego.pose_pairs is None:
        return terms
    known = ego.pose_pairs.known
    said, truth = ego.learnt[known], ego.pose_pairs.truth[known]
    if config.pose > 0 and len(said):
        terms["pose"] = config.pose * motion.pose(said, truth, config.pose_metres_per_radian)
    if config.velocity > 0 and len(said):
        way = truth[:, :3, 3].norm(dim=1)
        terms["velocity"] = config.velocity * motion.velocity(
            said[:, :3, 3], way, torch.ones_like(way)
        )
    return terms
