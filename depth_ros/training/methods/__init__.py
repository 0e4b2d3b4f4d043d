# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What is learned, and from what: the one interface between the trainer and its methods.

A method NAME is a package here, with ``NAME/method.py: make(config) -> Method`` and its settings,
without torch, in ``NAME/config.py``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from torch import Tensor, nn

    from depth_ros.training.config import Stage, TrainConfig


class Examples(Protocol):
    """Examples by index, without end; picklable, because processes that read data get a copy."""

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        """Example ``index`` (0 or more) of the run, augmented, without a batch axis.

        It depends on the seed and ``index`` alone. A broken frame is replaced by the next one that
        the same generator draws; ``skipped``, () int64, says how many were (it may be left out).
        """
        ...


class Method(Protocol):
    """What is learned and from what. The trainer knows nothing else of it."""

    def build(self) -> nn.Module:
        """The network, all that is exported, with its weights before the first step.

        Random numbers come from torch's global generator, which the trainer has seeded.
        """
        ...

    def step(self, network: nn.Module) -> nn.Module:
        """The module that the trainer runs and DistributedDataParallel wraps.

        It holds ``network`` and whatever else learns with it. Its ``forward(batch, step)`` returns
        the weighted terms of the loss, () float32 each, whose sum is minimised; the network runs
        inside autocast, losses outside of it. Terms whose name begins with ``adversary.`` belong
        to another player: they are minimised in the same pass over other parameters, detached
        from these, and are no part of the loss that is shown.
        """
        ...

    def examples(self, stage: Stage) -> Examples:
        """What the stage learns from."""
        ...

    def share(self, name: str) -> float:
        """The learning rate of the step module's parameter ``name``, as a share."""
        ...

    def validate(self, network: nn.Module, stage: Stage) -> dict[str, float]:
        """Measures of the averaged network on ``config.validation``; empty if that is.

        ``score`` is what the best weights are chosen by: lower is better.
        """
        ...

    def pictures(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pictures for the board, (3, h, w) in [0, 1]: image, depth, truth, mask and so on."""
        ...

    def options(self) -> dict[str, Any]:
        """Fields of the architecture's config that make the network for its weights."""
        ...

    def facts(self, stage: Stage) -> dict[str, Any]:
        """Further fields of the entry's EngineSpec, such as canonical_focal_px."""
        ...


def make_method(config: TrainConfig) -> Method:
    """The method that the settings name; nothing else is imported."""
    module = import_module(f"depth_ros.training.methods.{config.method}.method")
    return cast("Method", module.make(config))
