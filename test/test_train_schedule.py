# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What follows from the number of a step: learning rate, stage, examples, seeds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from depth_ros.training.config import OptimizerConfig, Stage, TrainConfig
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.schedule import (
    Batches,
    indices,
    kept_average,
    learning_rate,
    norm_frozen,
    seed_of,
    stage_at,
    stage_ends,
)

SOURCES = (SourceConfig(kind="rendered"),)


def config(steps: int = 100, stages: tuple[Stage, ...] = (Stage(),), **optimizer: Any) -> Any:
    return TrainConfig(
        sources=SOURCES, steps=steps, stages=stages, optimizer=OptimizerConfig(**optimizer)
    )


def test_warms_up_then_falls_along_a_cosine() -> None:
    c = config(1000, learning_rate=1e-3, warmup_steps=10, final_share=0.1)
    assert learning_rate(c, 0) == pytest.approx(1e-4, rel=1e-4)
    assert learning_rate(c, 4) == pytest.approx(5e-4, rel=1e-3)
    assert learning_rate(c, 500) == pytest.approx(1e-3 * (0.1 + 0.9 / 2))
    assert learning_rate(c, 250) == pytest.approx(1e-3 * (0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2))
    assert learning_rate(c, 1000) == pytest.approx(1e-4)


def test_falls_to_a_tenth_in_one_step() -> None:
    c = config(40, schedule="step", step_at=0.75, learning_rate=1e-4, warmup_steps=0)
    rates = [learning_rate(c, step) for step in range(40)]
    assert rates == [1e-4] * 30 + [pytest.approx(1e-5)] * 10


def test_stays_constant() -> None:
    c = config(10, schedule="constant", learning_rate=0.5, warmup_steps=0)
    assert {learning_rate(c, step) for step in range(10)} == {0.5}


def test_stages_end_where_they_say_despite_binary_fractions() -> None:
    c = config(100, tuple(Stage(until=u) for u in (0.07, 0.29, 0.55, 1.0)))
    assert stage_ends(c) == [7, 29, 55, 100]
    assert [stage_at(c, s) for s in (0, 6, 7, 28, 29, 54, 55, 99, 100)] == [
        *(0, 0, 1, 1, 2, 2, 3, 3, 3)
    ]


def test_every_index_is_used_once_by_all_processes_together() -> None:
    stages = (Stage(until=0.3, batch=3), Stage(until=0.5, batch=1), Stage(batch=2))
    c = config(10, stages, accumulate=2)
    used = [
        i
        for step in range(10)
        for rank in range(2)
        for batch in indices(c, step, rank, 2)
        for i in batch
    ]
    assert len(used) == (3 * 3 + 2 * 1 + 5 * 2) * 2 * 2
    assert sorted(used) == list(range(len(used)))


def test_a_run_that_goes_on_sees_what_it_would_have_seen() -> None:
    c = config(10, (Stage(until=0.5, batch=2), Stage(batch=3)), accumulate=2)
    for rank in range(2):
        whole = list(Batches(c, 5, rank, 2))
        assert list(Batches(c, 7, rank, 2)) == whole[4:]
        assert len(whole) == len(Batches(c, 5, rank, 2)) == 10


def test_processes_share_a_step_as_one_process_would_have_it() -> None:
    alone = config(10, (Stage(batch=4),))
    team = config(10, (Stage(batch=2),))
    for step in range(10):
        (batch,) = indices(alone, step, 0, 1)
        halves = [next(indices(team, step, rank, 2)) for rank in range(2)]
        assert halves[0] + halves[1] == batch


def test_no_two_steps_or_processes_share_a_seed() -> None:
    seeds = {seed_of(config(), step, rank) for step in range(500) for rank in range(8)}
    assert len(seeds) == 4000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_average_begins_short_and_norms_freeze_late() -> None:
    c = config(100, ema=0.9, freeze_norm_at=0.85)
    assert kept_average(c, 0) == pytest.approx(0.1)
    assert kept_average(c, 8) == pytest.approx(0.5)
    assert kept_average(c, 1000) == 0.9
    assert [norm_frozen(c, s) for s in (84, 85, 99)] == [False, True, True]
    assert not norm_frozen(config(100, freeze_norm_at=1.0), 99)
