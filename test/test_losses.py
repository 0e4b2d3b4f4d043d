# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random

import pytest

from depth_ros.losses import Losses

PERIOD = 33_333_333


def at(k: int) -> tuple[float, int]:
    return 10 + k / 30, k * PERIOD


def test_nothing_is_lost_at_first_or_from_a_steady_camera() -> None:
    losses = Losses()
    assert losses.estimate(0.0) == (0, 0)
    for k in range(100):
        losses.image(*at(k), 900)
        losses.info(*at(k))
    assert losses.estimate(at(99)[0]) == (100, 100)
    assert losses.image_bytes == 900


def test_camera_info_bears_witness() -> None:
    losses = Losses()
    for k in range(120):
        losses.info(*at(k))
        if k % 24 == 0:
            losses.image(*at(k), 900)
    assert losses.estimate(at(119)[0]) == (120, 5)


def test_camera_info_of_other_stamps_bears_none() -> None:
    losses = Losses()
    for k in range(120):
        now, stamp = at(k)
        losses.info(now, stamp + 777)
        if k % 24 == 0:
            losses.image(now, stamp, 900)
    assert losses.estimate(at(119)[0]) == (5, 5)


def test_the_middleware_bears_witness() -> None:
    losses = Losses()
    for k in range(20):
        losses.image(*at(k), 900)
        losses.reported(at(k)[0], 4)
    assert losses.estimate(at(19)[0]) == (100, 20)


def test_empty_places_on_the_grid_of_stamps_are_losses() -> None:
    rng = random.Random(1)
    losses = Losses()
    kept = [k for k in range(150) if rng.random() < 0.3]
    for k in kept:
        losses.image(*at(k), 900)
    sent, came = losses.estimate(at(149)[0])
    assert came == len(kept)
    assert sent == kept[-1] - kept[0] + 1


@pytest.mark.parametrize("jitter_ns", [0, 1_000_000, 4_000_000, 15_000_000])
def test_jitter_is_no_loss(jitter_ns: int) -> None:
    rng = random.Random(2)
    losses = Losses()
    for k in range(150):
        now, stamp = at(k)
        losses.image(now, stamp + rng.randrange(-jitter_ns, jitter_ns + 1), 900)
    sent, came = losses.estimate(at(149)[0])
    assert came == 150 and sent < 1.3 * came


def test_a_trigger_in_bursts_is_no_loss() -> None:
    losses = Losses()
    for k in range(50):
        now, stamp = 10 + k / 10, k * 100_000_000
        losses.image(now, stamp, 900)
        losses.image(now, stamp + 7_300_000, 900)
    sent, came = losses.estimate(14.9)
    assert sent == came


def test_old_losses_are_forgotten() -> None:
    losses = Losses()
    losses.reported(10.0, 100)
    for k in range(300):
        losses.image(*at(k), 900)
    sent, came = losses.estimate(at(299)[0])
    assert sent == came


def test_a_camera_that_pauses_loses_nothing() -> None:
    losses = Losses()
    for k in [*range(40), *range(100, 140)]:
        losses.image(*at(k), 900)
    assert losses.estimate(at(139)[0]) == (80, 80)
