# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Standing, lost, reset, dropped frames, refused input."""

from __future__ import annotations

import numpy as np
import pytest
from courses import (
    CAMERA,
    PERIOD,
    again,
    ate_percent,
    blank,
    difference,
    rendered_walk,
    run,
    states,
    step,
    true_step,
    with_image,
)
from synthetic import View, pose, views

from depth_ros.config import OdometryConfig
from depth_ros.errors import FrameError
from depth_ros.frame import Camera
from depth_ros.odometry import NoOdometry, VisualOdometry, make_odometry
from depth_ros.odometry.rigid import (
    ODOM_FROM_OPTICAL,
    UNKNOWN,
    inverse,
)


@pytest.fixture
def course() -> list[View]:
    return list(rendered_walk())


def test_standing_still_is_said_and_does_not_drift(course: list[View]) -> None:
    rng = np.random.default_rng(0)

    def noisy(k: int) -> View:
        image = course[0].frame.image + rng.normal(0, 3, course[0].frame.image.shape)
        return with_image(course[0], np.clip(image, 0, 255).astype(np.uint8), (k + 1) * PERIOD)

    motions = run(noisy(k) for k in range(20))
    assert states(motions) == ["reset"] + ["tracking"] * 2 + ["stationary"] * 17
    for motion in motions[3:]:
        assert np.array_equal(motion.previous_from_current, np.eye(4))
        assert np.array_equal(motion.odom_from_camera, motions[2].odom_from_camera)
        assert np.abs(motion.covariance).max() < 1e-4
    assert np.linalg.norm(motions[-1].odom_from_camera[:3, 3]) < 0.003


def test_standing_then_walking_is_followed(course: list[View]) -> None:
    pause = [with_image(course[0], course[0].frame.image, (k + 1) * PERIOD) for k in range(8)]
    later = [with_image(v, v.frame.image, v.frame.stamp_ns + 7 * PERIOD) for v in course[1:20]]
    motions = run(pause + later)
    assert "stationary" in states(motions[:8])
    assert states(motions[9:]) == ["tracking"] * 18
    assert ate_percent(pause + later, motions) < 0.5


def test_slow_motion_adds_up() -> None:
    """0.8 mm a frame moves corners by less than the threshold, each time."""
    creeping = views(CAMERA, [pose(x=0.0008 * k) for k in range(20)])
    motions = run(creeping)
    assert set(states(motions)[1:]) <= {"tracking", "stationary"}
    truth = ODOM_FROM_OPTICAL @ pose(x=0.0008 * 19)
    assert np.linalg.norm(difference(motions[-1].odom_from_camera, truth)[:3]) < 0.004


def test_cut_is_lost_with_a_reason_then_tracking_goes_on(course: list[View]) -> None:
    elsewhere = views(CAMERA, [pose(z=-0.5, yaw=3.1 + 0.01 * k) for k in range(4)])
    cut = [with_image(v, v.frame.image, (k + 9) * PERIOD) for k, v in enumerate(elsewhere)]
    motions = run(course[:8] + cut)
    assert states(motions[7:]) == ["tracking", "lost"] + ["tracking"] * 3
    lost = motions[8]
    assert "corners" in lost.reason
    assert np.array_equal(lost.odom_from_camera, motions[7].odom_from_camera)
    assert np.array_equal(lost.previous_from_current, np.eye(4))
    assert lost.covariance.diagonal().min() >= 1e6
    assert lost.pose_covariance.diagonal().min() >= 1e6
    after = motions[9]
    error = difference(after.previous_from_current, true_step(cut[0], cut[1]))
    assert np.abs(error).max() < 0.004
    assert after.covariance.diagonal().max() < 1e-3
    assert after.pose_covariance.diagonal().min() >= 0.99e6


def test_pose_is_found_again_after_a_blank_image(course: list[View]) -> None:
    motions = run([*course[:8], blank(course[8]), *course[9:14]])
    assert states(motions[7:]) == ["tracking", "lost"] + ["tracking"] * 5
    assert motions[8].pose_covariance.diagonal().min() >= 1e6
    truth = ODOM_FROM_OPTICAL @ inverse(course[0].world_from_camera)
    error = difference(motions[9].odom_from_camera, truth @ course[9].world_from_camera)
    assert np.linalg.norm(error[:3]) < 0.01
    assert motions[9].pose_covariance.diagonal().max() < 1e-3
    assert motions[9].covariance.diagonal().min() >= 1e6  # since the blank, which was nowhere
    assert motions[10].covariance.diagonal().max() < 1e-3


@pytest.mark.parametrize("missing", ["texture", "depth", "confidence"])
def test_nothing_to_track_is_lost(course: list[View], missing: str) -> None:
    odometry = make_odometry(OdometryConfig())
    motions = []
    for view in course[:4]:
        shown = blank(view) if missing == "texture" else view
        depth = np.full_like(view.depth, np.nan) if missing == "depth" else view.depth
        sure = np.full_like(depth, 0.05 if missing == "confidence" else 1)
        motions.append(odometry.update(shown.frame, depth, sure))
    assert states(motions) == ["reset", "lost", "lost", "lost"]
    assert "no corners with usable depth" in motions[1].reason
    assert states([step(odometry, view) for view in course[4:7]]) == [
        "lost",
        "tracking",
        "tracking",
    ]


def test_dropped_frames_are_bridged_over_true_time(course: list[View]) -> None:
    kept = [course[k] for k in (0, 1, 2, 6, 7, 12, 13, 14, 19, 23, 24, 29, 31, 36, 40, 44, 47)]
    motions = run(kept)
    assert states(motions) == ["reset"] + ["tracking"] * 16
    assert ate_percent(kept, motions) < 1
    for before, after, motion in zip(kept, kept[1:], motions[1:], strict=False):
        assert motion.interval_ns == after.frame.stamp_ns - before.frame.stamp_ns
        error = difference(motion.previous_from_current, true_step(before, after))
        assert np.abs(error[:3]).max() < 0.006


def test_torn_time_and_changed_cameras_reset_and_hold_the_pose(course: list[View]) -> None:
    late = again(course[8], stamp_ns=course[7].frame.stamp_ns + 2_500_000_000)
    early = again(course[8], stamp_ns=course[5].frame.stamp_ns - 1)
    other = again(course[8], camera=Camera.from_fov(320, 240, 0.9))
    for view, reason in ((late, "2.50 s"), (early, "time went back"), (other, "camera")):
        odometry = make_odometry(OdometryConfig())
        before = [step(odometry, v) for v in course[:8]][-1]
        motion = step(odometry, view)
        assert motion.state == "reset"
        assert reason in motion.reason
        assert np.array_equal(motion.odom_from_camera, before.odom_from_camera)
        assert motion.pose_covariance.diagonal().min() >= 1e6
        following = again(view, stamp_ns=view.frame.stamp_ns + PERIOD)
        assert step(odometry, following).state == "tracking"


def test_other_image_size_resets(course: list[View]) -> None:
    odometry = make_odometry(OdometryConfig())
    step(odometry, course[0])
    smaller = views(CAMERA.scaled(160, 120), [course[1].world_from_camera])[0]
    motion = step(odometry, again(smaller, stamp_ns=2 * PERIOD))
    assert (motion.state, motion.reason) == ("reset", "the camera or its image size changed")


def test_reset_starts_the_odom_frame_anew(course: list[View]) -> None:
    odometry = make_odometry(OdometryConfig())
    for view in course[:8]:
        step(odometry, view)
    odometry.reset("asked for")
    motion = step(odometry, course[8])
    assert (motion.state, motion.reason, motion.interval_ns) == ("reset", "asked for", 0)
    assert np.array_equal(motion.odom_from_camera, ODOM_FROM_OPTICAL)
    assert not motion.pose_covariance.any()
    assert step(odometry, course[9]).state == "tracking"


def test_disabled_odometry_is_off(course: list[View]) -> None:
    odometry = make_odometry(OdometryConfig(enabled=False))
    assert isinstance(odometry, NoOdometry)
    assert isinstance(make_odometry(OdometryConfig()), VisualOdometry)
    odometry.reset("no matter")
    motion = step(odometry, course[5])
    assert motion.state == "off"
    assert np.array_equal(motion.previous_from_current, np.eye(4))
    assert np.array_equal(motion.pose_covariance, UNKNOWN)


def test_shapes_that_do_not_fit_are_refused(course: list[View]) -> None:
    odometry, view = make_odometry(OdometryConfig()), course[0]
    with pytest.raises(FrameError, match="one shape"):
        odometry.update(view.frame, view.depth, np.ones((3, 4), np.float32))
    assert step(odometry, view).reason == "first frame"
