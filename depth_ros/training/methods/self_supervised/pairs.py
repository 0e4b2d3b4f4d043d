# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The batch as pairs: a target and one of its sources, all that exist, side by side."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from depth_ros.training.losses.ssim import Reference
from depth_ros.training.warp import inverse


@dataclass(frozen=True, slots=True)
class Pairs:
    """P pairs of a batch of N examples with S places for sources.

    ``images`` (N, 1 + S, 3, H, W) in [0, 1], ``k`` (N, 4); of each pair the example ``n``, the
    ``place`` of its source, its ``order`` (frames after the target, 0 for stereo), and
    ``truth``, source_from_target (P, 4, 4) in metres where ``known``. ``reference`` is the
    targets as photometric_error compares others with them.
    """

    images: Tensor
    k: Tensor
    n: Tensor
    place: Tensor
    order: Tensor
    truth: Tensor
    known: Tensor
    reference: Reference

    @property
    def target(self) -> Tensor:
        """(N, 3, H, W)."""
        return self.images[:, 0]

    def targets(self) -> Tensor:
        """(P, 3, H, W): each pair's target."""
        return self.images[self.n, 0]

    def sources(self) -> Tensor:
        """(P, 3, H, W): each pair's source."""
        return self.images[self.n, 1 + self.place]

    def temporal(self) -> Tensor:
        """bool (P,): the source is another time's image."""
        return self.order != 0

    def only(self, which: Tensor) -> Pairs:
        """Those pairs where bool (P,) is true, of the same batch."""
        names = ("n", "place", "order", "truth", "known")
        return dataclasses.replace(self, **{name: getattr(self, name)[which] for name in names})

    def spread(self, values: Tensor, empty: float) -> Tensor:
        """(P, 1, H, W) as (N, S, H, W), ``empty`` where there is no source."""
        shape = self.images.shape[0], self.images.shape[1] - 1
        if values.shape[0] == shape[0] * shape[1]:  # none is missing, and they are in order
            return values.view(*shape, *values.shape[2:])
        full = values.new_full((*shape, *values.shape[2:]), empty)
        return full.index_put((self.n, self.place), values[:, 0])

    def spread_flag(self, flag: Tensor) -> Tensor:
        """bool (P,) as (N, S, 1, 1), False where there is no source."""
        shape = self.images.shape[0], self.images.shape[1] - 1
        full = torch.zeros(shape, dtype=torch.bool, device=flag.device)
        return full.index_put((self.n, self.place), flag)[..., None, None]


def pairs_of(batch: dict[str, Tensor]) -> Pairs:
    """The pairs of a batch as ``examples.ViewExamples`` describes it."""
    n, place = batch["exists"].nonzero(as_tuple=True)
    images = batch["images"].float() / 255
    return Pairs(
        images,
        batch["k"],
        n,
        place,
        batch["order"][n, place],
        batch["source_from_target"][n, place],
        batch["known"][n, place],
        Reference(images[:, 0].contiguous()),
    )


@dataclass(frozen=True, slots=True)
class PosePairs:
    """Q pairs of images in the order of time, for the pose network.

    ``first`` and ``second`` count images of all examples, 1 + S each; ``truth`` is
    second_from_first (Q, 4, 4) where ``known``. The first of them are the temporal pairs of
    ``Pairs`` that were asked for, in their order.
    """

    first: Tensor
    second: Tensor
    truth: Tensor
    known: Tensor

    def only(self, which: Tensor) -> PosePairs:
        """Those where bool (Q,) is true."""
        return PosePairs(*(x[which] for x in (self.first, self.second, self.truth, self.known)))


def in_time(pairs: Pairs, of: Tensor) -> PosePairs:
    """The temporal pairs with these indices, the earlier image first, as published."""
    width = pairs.images.shape[1]
    target = pairs.n[of] * width
    source = target + 1 + pairs.place[of]
    before = pairs.order[of] < 0
    truth = pairs.truth[of]
    return PosePairs(
        torch.where(before, source, target),
        torch.where(before, target, source),
        torch.where(before[:, None, None], inverse(truth), truth),
        pairs.known[of],
    )


def skipping(pairs: Pairs) -> PosePairs:
    """From each example's earliest source to its latest, past the target, by known poses."""
    width = pairs.images.shape[1]
    shape = pairs.images.shape[0], width - 1
    order = pairs.order.new_zeros(shape).index_put(
        (pairs.n, pairs.place), pairs.order * pairs.known
    )
    truth = pairs.truth.new_zeros(*shape, 4, 4).index_put((pairs.n, pairs.place), pairs.truth)
    least, first = order.min(1)
    most, last = order.max(1)
    (rows,) = ((least < 0) & (most > 0)).nonzero(as_tuple=True)
    first, last = first[rows], last[rows]
    last_from_first = truth[rows, last] @ inverse(truth[rows, first])
    return PosePairs(
        rows * width + 1 + first,
        rows * width + 1 + last,
        last_from_first,
        torch.ones_like(rows, dtype=torch.bool),
    )


def source_from_target(pairs: Pairs, of: Tensor, second_from_first: Tensor) -> Tensor:
    """The pose network's motions of ``in_time(pairs, of)`` as the warp wants them."""
    before = (pairs.order[of] < 0)[:, None, None]
    return torch.where(before, inverse(second_from_first), second_from_first)


def joined(*some: PosePairs) -> PosePairs:
    """All of them, in order."""
    return PosePairs(
        torch.cat([s.first for s in some]),
        torch.cat([s.second for s in some]),
        torch.cat([s.truth for s in some]),
        torch.cat([s.known for s in some]),
    )
