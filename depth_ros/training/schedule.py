# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Everything that follows from the number of a step alone, so that a run that was killed goes on.

Steps count from 0. Which examples a step sees depends on the step, the micro batch and the
process, and on nothing that happened before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from depth_ros.training.config import TrainConfig

_MIX = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: neighbours get seeds far apart


def step_of(config: TrainConfig, share: float) -> int:
    """The first step at which ``share`` (0 to 1) of all steps is done."""
    return math.ceil(share * config.steps - 1e-9)


def stage_ends(config: TrainConfig) -> list[int]:
    """For each stage, the step after its last one."""
    return [step_of(config, stage.until) for stage in config.stages]


def stage_at(config: TrainConfig, step: int) -> int:
    """The index of the stage that ``step`` belongs to; the last one's after the end."""
    ends = stage_ends(config)
    return next((i for i, end in enumerate(ends) if step < end), len(ends) - 1)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then as ``optimizer.schedule`` says."""
    o = config.optimizer
    warm = min(1.0, (step + 1) / o.warmup_steps) if o.warmup_steps else 1.0
    return o.learning_rate * warm * _shape(config, step)


def _shape(config: TrainConfig, step: int) -> float:
    o = config.optimizer
    if o.schedule == "cosine":
        wave = 0.5 * (1 + math.cos(math.pi * step / config.steps))
        return o.final_share + (1 - o.final_share) * wave
    if o.schedule == "step":
        return 1.0 if step < step_of(config, o.step_at) else 0.1
    return 1.0


def norm_frozen(config: TrainConfig, step: int) -> bool:
    """Whether batch norms use the averaged statistics from here on."""
    return step >= step_of(config, config.optimizer.freeze_norm_at)


def kept_average(config: TrainConfig, step: int) -> float:
    """What the average keeps of itself; less at the start, when the weights are still poor."""
    return min(config.optimizer.ema, (1 + step) / (10 + step))


def seed_of(config: TrainConfig, step: int, rank: int) -> int:
    """The seed of torch's generator in this step of this process."""
    number = (config.seed * 1_000_003 + step) * 4096 + rank
    return (number * _MIX) % 2**63


@dataclass(frozen=True, slots=True)
class Batches:
    """The indices of a stage's examples, one list a micro batch, from step ``first`` on."""

    config: TrainConfig
    first: int
    rank: int
    processes: int

    def __iter__(self) -> Iterator[list[int]]:
        stage = stage_at(self.config, self.first)
        for step in range(self.first, stage_ends(self.config)[stage]):
            yield from indices(self.config, step, self.rank, self.processes)

    def __len__(self) -> int:
        stop = stage_ends(self.config)[stage_at(self.config, self.first)]
        return (stop - self.first) * self.config.optimizer.accumulate


def indices(config: TrainConfig, step: int, rank: int, processes: int) -> Iterator[list[int]]:
    """The examples of a step in one process; together the processes use each index once."""
    batch = config.stages[stage_at(config, step)].batch
    start = _examples_before(config, step, processes)
    for micro in range(config.optimizer.accumulate):
        begin = start + (micro * processes + rank) * batch
        yield list(range(begin, begin + batch))


def _examples_before(config: TrainConfig, step: int, processes: int) -> int:
    count, begin = 0, 0
    for stage, end in zip(config.stages, stage_ends(config), strict=True):
        count += max(0, min(step, end) - begin) * stage.batch
        begin = max(begin, end)
    return count * config.optimizer.accumulate * processes
