# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from depth_ros.diagnostics import diagnostics
from depth_ros.errors import FrameError
from depth_ros.faults import Fault
from depth_ros.frame import Camera, DepthResult, Motion
from depth_ros.health import Health, Window, percentiles


def result(stages_ms: dict[str, float], state: str = "tracking", reason: str = "") -> DepthResult:
    motion = Motion(state, np.eye(4), np.eye(4), np.eye(6), np.eye(6), reason=reason)  # type: ignore[arg-type]
    blank = np.zeros((2, 2), np.float32)
    camera, image = Camera(2, 2, 1, 1, 0, 0), np.zeros((2, 2, 3), np.uint8)
    return DepthResult(0, "c", camera, blank, blank, image, motion, True, 0, stages_ms)


def test_window_forgets_and_counts_by_the_second() -> None:
    window = Window(5.0)
    for k in range(100):
        window.add(k / 10, k)
    assert window.values(9.9) == list(range(49, 100))
    assert window.rate(9.9, 0.0) == pytest.approx(10, rel=0.03)
    assert window.rate(100.0, 0.0) == 0


def test_rate_of_the_first_seconds_is_not_diluted() -> None:
    window = Window(5.0)
    for k in range(30):
        window.add(k / 30)
    assert window.rate(1.0, 0.0) == pytest.approx(30)


def test_percentiles_are_exact() -> None:
    p = percentiles([float(v) for v in range(101)])
    assert p is not None and (p.p50, p.p99) == (50.0, 99.0)
    assert percentiles([]) is None


def test_each_image_is_counted_once_and_reasons_are_kept() -> None:
    health = Health()
    health.activated(0.0)
    for k in range(10):
        health.received(k / 10, 1.0)
    health.dropped("replaced", 2)
    health.dropped("unmatched", 0)
    health.idle(0.5)
    health.rejected(0.6, FrameError("image step", expected=1, got=2, fix="Do."))
    for k in range(6):
        health.published(0.7, result({"engine": 4.0 + k}), {"total": 9.0})
    seen = health.snapshot(1.0)
    assert seen.received == 10 == seen.published + 3 + 1
    assert seen.dropped == {"replaced": 2, "idle": 1}
    assert seen.rejected == {"image step": 1}
    assert seen.rejection == "image step: expected 1, got 2. Do."
    assert seen.stages_ms["engine"].p50 == 6.5
    assert seen.stages_ms["total"].p99 == 9.0
    assert seen.image_age_s == pytest.approx(0.1)
    assert (seen.scale, seen.odometry, seen.idle) == ("metric", "tracking", False)


def test_activation_begins_words_and_rates_afresh_but_not_counts() -> None:
    health = Health()
    health.activated(0.0)
    health.received(0.1, 1.0)
    health.published(0.2, result({}, "lost", "too few corners"), {"total": 5.0})
    assert health.snapshot(0.3).odometry == "lost: too few corners"
    health.activated(1.0)
    seen = health.snapshot(1.1)
    assert (seen.received, seen.published) == (1, 1)
    assert (seen.image_age_s, seen.input_fps, dict(seen.stages_ms)) == (None, 0.0, {})


def test_counts_are_exact_from_two_threads() -> None:
    health = Health()

    def count(reason: str) -> None:
        for _ in range(20000):
            health.dropped(reason)
            health.dropped("both")

    threads = [threading.Thread(target=count, args=(reason,)) for reason in "ab"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert health.snapshot(0.0).dropped == {"a": 20000, "b": 20000, "both": 40000}


def status(health: Health, now: float, *faults: Fault, active: bool = True) -> DiagnosticStatus:
    seen = health.snapshot(now)
    facts = {"engine.device": "CPU"}
    return diagnostics("/depth", Time(sec=7), seen, faults, facts, active).status[0]


def test_diagnostics_say_level_sentence_and_numbers() -> None:
    health = Health()
    health.activated(0.0)
    assert status(health, 0.1, active=False).message == "not active"
    assert status(health, 0.1).message == "waiting for the first image"
    health.received(0.5, 3.0)
    health.published(0.6, result({"engine": 4.0}), {"total": 12.5})
    said = status(health, 1.0)
    assert (said.level, said.hardware_id) == (DiagnosticStatus.OK, "CPU")
    assert said.message == "depth at 1.0 fps, 12.5 ms after the stamp"
    values = {v.key: v.value for v in said.values}
    assert values["received"] == values["published"] == "1"
    assert values["engine.p99_ms"] == "4.00"
    assert values["faults"] == "none"
    warned = status(health, 1.0, Fault("stall", "images have stopped", stops=False))
    assert (warned.level, warned.message) == (DiagnosticStatus.WARN, "images have stopped")
    failed = status(health, 1.0, Fault("a", "one", stops=False), Fault("b", "two"))
    assert (failed.level, failed.message) == (DiagnosticStatus.ERROR, "one | two")
    assert {v.key: v.value for v in failed.values}["faults"] == "a, b"
