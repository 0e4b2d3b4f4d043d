# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every loss with true depth that a recipe can switch on, on one footing: log depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from depth_ros.training import losses
from depth_ros.training.losses.common import normalise_trimmed
from depth_ros.training.methods.supervised.config import SupervisedConfig

MOST = 7.0  # exp(7) is 1097 m: no prediction is farther, so that nothing overflows


@dataclass(frozen=True)
class Compared:
    """A prediction and its truth, (N, 1, h, w), NaN where the truth is unknown.

    ``log_p`` and ``log_t`` are log depth of the canonical camera, ``log_metres`` (N,) what makes
    metres of both, ``metric`` (N,) bool where scale is known, ``rays`` (N, 2, 3) as in Example,
    ``image`` (N, C, H, W) the pixels.
    """

    config: SupervisedConfig
    log_p: Tensor
    log_t: Tensor
    log_metres: Tensor
    metric: Tensor
    rays: Tensor
    image: Tensor

    @cached_property
    def known_log_t(self) -> Tensor:
        """The truth of metric images alone."""
        return torch.where(self.metric.view(-1, 1, 1, 1), self.log_t, torch.nan)

    @cached_property
    def log_p_m(self) -> Tensor:
        """Log depth in metres."""
        return (self.log_p + self.log_metres.view(-1, 1, 1, 1)).clamp_max(MOST)

    @cached_property
    def p(self) -> Tensor:
        """Metres."""
        return torch.exp(self.log_p_m)

    @cached_property
    def t(self) -> Tensor:
        """Metres, of metric images alone."""
        return torch.exp(self.known_log_t + self.log_metres.view(-1, 1, 1, 1))

    @cached_property
    def normalised(self) -> tuple[Tensor, Tensor]:
        """Prediction without scale and shift, by the pixels whose truth is known; truth."""
        p = torch.exp(self.log_p.clamp_max(MOST))
        known = torch.isfinite(self.log_t)
        within = normalise_trimmed(torch.where(known, p, torch.nan))
        return torch.where(known, within, 0.0), torch.exp(self.log_t)

    @cached_property
    def pairs(self) -> Tensor:
        """Random pairs of pixels of known depth."""
        return losses.random_pairs(self.log_t, self.config.pairs)

    def points(self, depth: Tensor) -> Tensor:
        """(N, 3, h, w) of depth, NaN where the camera is not known."""
        height, width = depth.shape[-2:]
        y, x = torch.meshgrid(
            torch.arange(height, device=depth.device, dtype=depth.dtype),
            torch.arange(width, device=depth.device, dtype=depth.dtype),
            indexing="ij",
        )
        pixels = torch.stack([x, y, torch.ones_like(x)]).flatten(1)
        across = (self.rays @ pixels).view(-1, 2, height, width)
        return torch.cat([depth * across, depth], 1)


def _ordinal(c: Compared) -> Tensor:
    """DORN's loss of a network with one output: P(beyond edge k) of a logistic distribution.

    The logit of P_k is (ln p - ln t_{k+1}) / step: one step of the bins beyond an edge is a
    chance of 73 % (the proportional odds model, McCullagh 1980).
    """
    s = c.config
    bins = losses.Bins(s.bins_near_m, s.bins_far_m, s.bins)
    edges = torch.log(losses.bin_edges(bins)[1:]).to(c.log_p_m)
    return losses.ordinal_loss((c.log_p_m - edges.view(1, -1, 1, 1)) / bins.step, c.t, bins)


def _ranking(c: Compared) -> Tensor:
    relation = losses.relations(torch.exp(c.log_t), c.pairs)
    return losses.ranking_loss(c.log_p, c.pairs, relation)


def _structure_guided(c: Compared) -> Tensor:
    count = max(1, c.config.pairs // 6)  # three pairs across edges and three random ones for each
    height, width = c.log_t.shape[-2:]
    image = torch.nn.functional.adaptive_avg_pool2d(c.image, (height, width))
    return losses.structure_guided_ranking(c.log_p, torch.exp(c.log_t), image, count)


def _pairwise_normal(c: Compared) -> Tensor:
    true = c.points(c.t)
    finite = torch.isfinite(c.rays).all(dim=2).all(dim=1).view(-1, 1, 1, 1)
    predicted = torch.where(finite, torch.nan_to_num(c.points(c.p)), 0.0)
    return losses.pairwise_normal(predicted, true, c.pairs)


_LOSSES: dict[str, Callable[[Compared], Tensor]] = {
    "l1_log": lambda c: losses.l1_log(c.log_p, c.log_t, c.metric),
    "si_log": lambda c: losses.si_log(c.log_p, c.log_t),
    "gradient_log": lambda c: losses.gradient_log(c.log_p, c.log_t),
    "l1": lambda c: losses.l1(c.p, c.t),
    "berhu": lambda c: losses.berhu(c.p, c.t),
    "scale_invariant": lambda c: losses.scale_invariant(c.log_p, c.known_log_t),
    "silog": lambda c: losses.silog(c.log_p, c.known_log_t),
    "gradient_squared_log": lambda c: losses.gradient_squared_log(c.log_p, c.log_t),
    "gradient_normalised": lambda c: losses.gradient_normalised(*c.normalised),
    "hu_depth": lambda c: losses.hu_depth(c.p, c.t),
    "hu_gradient": lambda c: losses.hu_gradient(c.p, c.t),
    "hu_normal": lambda c: losses.hu_normal(c.p, c.t),
    "ordinal": _ordinal,
    "pairwise_difference": lambda c: losses.pairwise_difference(c.log_p, c.log_t, c.pairs),
    "ranking": _ranking,
    "structure_guided_ranking": _structure_guided,
    "normalised_regression": lambda c: losses.normalised_regression(*c.normalised),
    "pairwise_normal": _pairwise_normal,
}

METRIC = frozenset(  # those that teach the scale of depth
    [
        *("l1_log", "l1", "berhu", "scale_invariant", "silog"),
        *("hu_depth", "hu_gradient", "hu_normal", "ordinal"),
    ]
)


def weights_of(config: SupervisedConfig) -> Mapping[str, float]:
    """The weight of every loss that is on."""
    return {name: w for name in _LOSSES if (w := float(getattr(config, name))) > 0}


def terms(compared: Compared) -> dict[str, Tensor]:
    """The weighted losses that are on, by name: () each."""
    return {name: w * _LOSSES[name](compared) for name, w in weights_of(compared.config).items()}
