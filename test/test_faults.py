# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

from depth_ros.errors import FrameError
from depth_ros.faults import HOLD_S, Fault, FaultLog, Inputs, find_faults
from depth_ros.health import Health

INPUTS = Inputs("/image", "/camera_info", 1, 1, True, matched_age_s=0.1)
ADVICE = "Fast DDS loses messages: set FASTDDS_DEFAULT_PROFILES_FILE."


def names(health: Health, inputs: Inputs, now: float) -> list[str]:
    return [f.name for f in find_faults(health.snapshot(now), inputs, now, 4.0)]


def text(health: Health, inputs: Inputs, now: float) -> str:
    return " ".join(f.text for f in find_faults(health.snapshot(now), inputs, now, 4.0))


def healthy(now: float) -> Health:
    health = Health()
    health.received(now, 1.0)
    health.info(now)
    health.idle(now, usable=True)
    return health


def test_a_healthy_node_has_none() -> None:
    assert names(healthy(9.9), INPUTS, 10.0) == []


def test_no_fault_is_named_too_early_and_each_input_has_its_own() -> None:
    silent = replace(INPUTS, image_publishers=0, info_publishers=0, matched_age_s=None)
    assert names(Health(), silent, 3.9) == []
    assert names(Health(), silent, 4.0) == ["no image", "no camera_info"]
    assert "no image on /image: nobody publishes it" in text(Health(), silent, 4.0)
    assert "although one node publishes it" in text(Health(), INPUTS, 4.0)
    assert ADVICE in text(Health(), replace(INPUTS, large_advice=ADVICE), 4.0)


def test_camera_info_may_be_optional_and_hinted_at() -> None:
    health = healthy(9.9)
    health._last.info = None
    assert names(health, INPUTS, 10.0) == ["no camera_info"]
    assert names(health, replace(INPUTS, info_needed=False), 10.0) == []
    hinted = replace(INPUTS, info_hint="/cam/camera_info is published: remap camera_info to it.")
    assert "/cam/camera_info is published" in text(health, hinted, 10.0)


def test_stamps_that_never_match_say_the_gap() -> None:
    never = replace(INPUTS, matched_age_s=None, gap_ns=12_500_000)
    assert names(healthy(9.9), never, 10.0) == ["stamps never match"]
    assert "12.500 ms apart" in text(healthy(9.9), never, 10.0)
    assert names(healthy(9.9), replace(never, matched_age_s=1.0), 10.0) == []


def test_one_bad_image_is_no_fault_but_only_bad_ones_are() -> None:
    health = healthy(9.0)
    error = FrameError("image encoding", expected="bgr8 or rgb8", got="'foo'")
    health.rejected(9.9, error)
    assert names(health, INPUTS, 10.0) == []
    health.received(13.4, 1.0)
    health.rejected(13.4, error)
    assert names(health, INPUTS, 13.5) == ["image encoding"]
    assert "expected bgr8 or rgb8, got 'foo'" in text(health, INPUTS, 13.5)


def test_a_stall_is_named_with_its_topic() -> None:
    assert names(healthy(9.9), INPUTS, 13.0) == []
    assert names(healthy(9.9), INPUTS, 14.0) == ["stall"]


def test_losses_name_their_cause_by_the_size_of_the_images() -> None:
    lossy = replace(INPUTS, sent=120, came=5, image_bytes=921_600, large_advice=ADVICE)
    assert names(healthy(9.9), lossy, 10.0) == ["images lost"]
    assert "only 5 of about 120" in text(healthy(9.9), lossy, 10.0)
    assert ADVICE in text(healthy(9.9), lossy, 10.0)
    a_few = replace(lossy, came=110)
    assert names(healthy(9.9), a_few, 10.0) == []
    assert names(healthy(9.9), replace(lossy, came=107), 10.0) == ["images lost"]
    assert ADVICE not in text(healthy(9.9), replace(lossy, image_bytes=9_000), 10.0)
    assert names(healthy(9.9), replace(lossy, sent=10, came=1), 10.0) == []


def test_connections_are_named_at_once_and_explain_the_silence() -> None:
    qos = Fault("QoS of /image", "nothing can come on /image")
    assert names(Health(), replace(INPUTS, connections=(qos,)), 0.3) == ["QoS of /image"]
    other = Fault("QoS of /camera_info", "nothing can come on /camera_info")
    both = ["QoS of /camera_info", "no image"]
    assert names(Health(), replace(INPUTS, connections=(other,)), 10.0) == both
    late = names(healthy(0.0), replace(INPUTS, connections=(qos,)), 3.0)
    assert late == ["QoS of /image"]
    silent = replace(INPUTS, connections=(qos,), info_needed=False)
    assert names(Health(), silent, 10.0) == ["QoS of /image"]


def test_the_log_says_each_change_once() -> None:
    log = FaultLog()
    stall, lost = Fault("stall", "stopped for 4 s"), Fault("images lost", "lost")
    assert log.update([], 0.0) is None
    assert log.update([stall], 1.0) == "stopped for 4 s"
    assert log.update([replace(stall, text="stopped for 5 s")], 2.0) is None
    assert log.update([stall, lost], 3.0) == "stopped for 4 s | lost"
    assert log.update([], 3.0 + HOLD_S) == "recovered from: stall, images lost"
    assert log.update([], 9.0) is None


def test_a_fault_that_comes_back_beside_another_is_said_again() -> None:
    log = FaultLog()
    stall, tf = Fault("stall", "stopped"), Fault("TF", "no TF")
    assert log.update([tf], 1.0) == "no TF"
    assert log.update([stall, tf], 2.0) == "stopped | no TF"
    assert log.update([tf], 10.0) is None
    assert log.update([stall, tf], 20.0) == "stopped | no TF"
    assert log.update([], 30.0) == "recovered from: stall, TF"


def test_a_flickering_fault_is_said_once() -> None:
    log = FaultLog()
    lost = Fault("images lost", "lost")
    assert log.update([lost], 1.0) == "lost"
    for k in range(20):
        assert log.update([lost] if k % 2 else [], 1.0 + k / 2) is None
