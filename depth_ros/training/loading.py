# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Examples in batches, read by other processes; and the check of all data before a run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from depth_ros.errors import SourceError
from depth_ros.training.config import TrainConfig
from depth_ros.training.data.open import open_data
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.methods import Examples
from depth_ros.training.parallel import Team
from depth_ros.training.schedule import Batches

LISTED = 40  # problems that an error lists
Batch = dict[str, Tensor]


def load(config: TrainConfig, examples: Examples, step: int, team: Team) -> Iterator[Batch]:
    """The micro batches of a stage from ``step`` to its end, in this process."""
    options: dict[str, Any] = {}
    if config.workers:
        options = {"prefetch_factor": 2 * config.optimizer.accumulate}
    return iter(
        DataLoader(
            examples,  # type: ignore[arg-type]  # torch's Dataset is a class, ours is a protocol
            batch_sampler=Batches(config, step, team.rank, team.size),
            num_workers=config.workers,
            worker_init_fn=_begin_worker if config.workers else None,
            pin_memory=team.device.type == "cuda",
            generator=torch.Generator(),  # not the global one, which belongs to the steps
            **options,
        )
    )


def to_device(batch: Batch, team: Team) -> tuple[Batch, int]:
    """The batch without its count of skipped frames, and that count."""
    skipped = batch.pop("skipped", None)
    moved = {k: v.to(team.device, non_blocking=True) for k, v in batch.items()}
    return moved, 0 if skipped is None else int(skipped.sum())


def check_sources(config: TrainConfig, data: Path) -> None:
    """Raises SourceError with a line for each file that is missing or broken, in any source."""
    problems = []
    for name in ("sources", "validation"):
        for i, source in enumerate(getattr(config, name)):
            problems += [f"{name}[{i}]: {line}" for line in _problems(source, data)]
    if problems:
        more = len(problems) - LISTED
        shown = [*problems[:LISTED], *([f"and {more} more"] if more > 0 else [])]
        raise SourceError(
            "the data are not whole. Mend them, or leave these frames out (first, stop, "
            "skip_scenes), or go on without them (--skip-broken):\n  " + "\n  ".join(shown)
        )


def _problems(source: SourceConfig, data: Path) -> list[str]:
    try:
        opened = open_data(source, data)
        return opened.problems() or ([] if len(opened) else [f"{opened.name}: nothing in it"])
    except SourceError as error:
        return [str(error)]


def _begin_worker(_: int) -> None:
    """Ctrl-C and SIGTERM, which a terminal or systemd send to all, are for the trainer alone.

    It ends its workers after the step. A worker whose trainer is gone ends by itself.
    """
    trainer = os.getppid()

    def end_if_orphan(number: int, _: FrameType | None) -> None:
        if os.getppid() != trainer:
            os._exit(128 + number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_if_orphan)
