# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ego-motion from a pose network whose output is known: order, direction, sum, resets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_engine, write_tiny_engine
from courses import difference, states

pytest.importorskip("onnxruntime")

from depth_ros.config import Config, EngineConfig, OdometryConfig, ScaleConfig
from depth_ros.engines import Engine, open_engine
from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.errors import EngineError, FrameError
from depth_ros.frame import Camera, Float64, Frame, Motion
from depth_ros.odometry import NoOdometry, Odometry, PoseNetworkOdometry, make_odometry
from depth_ros.odometry.pose_network import FLOOR, FLOOR_RAD, SHARE
from depth_ros.odometry.rigid import ODOM_FROM_OPTICAL, inverse
from depth_ros.pipeline import make_pipeline

CAMERA = Camera.from_fov(64, 48, 1.1)
PERIOD = 33_333_333
SURE = np.ones((48, 64), np.float32)
CONFIG = OdometryConfig(source="network")
# motion = MIX @ (r, g, b of the previous image, r, g, b of the present one) + BIAS
MIX = np.random.default_rng(4).uniform(-0.5, 0.5, (6, 6)).astype(np.float32)
BIAS = np.array([0.01, -0.02, 0.03, 0.1, 0.2, -0.3], np.float32)


def pose_engine(
    folder: Path, mix: Any = MIX, bias: Any = BIAS, backend: str = "onnxruntime", **changes: Any
) -> Engine:
    """A network that averages both images and mixes their six means to a motion."""
    onnx = pytest.importorskip("onnx")
    numpy_helper, make = onnx.numpy_helper, onnx.helper.make_node
    weights = [
        numpy_helper.from_array(np.asarray(mix, np.float32)[..., None, None], "mix"),
        numpy_helper.from_array(np.asarray(bias, np.float32), "bias"),
    ]
    nodes = [
        make("GlobalAveragePool", ["images"], ["means"]),
        make("Conv", ["means", "mix", "bias"], ["mixed"]),
        make("Flatten", ["mixed"], ["motion"]),
    ]
    inputs, outputs = TensorSpec("images", (1, 6, 48, 64)), TensorSpec("motion", (1, 6))
    changes = {"kind": "motion", **changes}
    write_engine(folder, "pose", nodes, weights, (inputs,), (outputs,), **changes)
    return open_engine(folder, backend)


def constant(folder: Path, motion: list[float], **changes: Any) -> Engine:
    """A network that always returns the same motion: axis-angle, translation."""
    return pose_engine(folder, np.zeros((6, 6)), motion, **changes)


def frame(k: int, colour: tuple[int, int, int] = (90, 90, 90), **changes: Any) -> Frame:
    camera = changes.get("camera", CAMERA)
    image = np.empty((camera.height, camera.width, 3), np.uint8)
    image[:] = colour
    return Frame(
        **{"stamp_ns": k * PERIOD, "frame_id": "", "image": image, "camera": camera, **changes}
    )


def update(odometry: Odometry, shown: Frame) -> Motion:
    return odometry.update(shown, SURE, SURE)


def colours(count: int) -> list[tuple[int, int, int]]:
    return [tuple(c) for c in np.random.default_rng(1).integers(0, 256, (count, 3)).tolist()]


def true_step(before: Any, after: Any, gain: float = 1.0) -> Float64:
    """previous_from_current by the definition of the toy network."""
    means = np.r_[before, after] / 255
    motion = MIX.astype(np.float64) @ means + BIAS
    current_from_previous = np.eye(4)
    current_from_previous[:3, :3] = cv2.Rodrigues(motion[:3])[0]
    current_from_previous[:3, 3] = gain * motion[3:]
    return np.asarray(np.linalg.inv(current_from_previous))


@pytest.mark.parametrize("gain", [1.0, 5.4])
def test_trajectory_is_exactly_the_sum_of_the_steps(tmp_path: Path, gain: float) -> None:
    shown = colours(12)
    odometry = make_odometry(CONFIG, pose_engine(tmp_path / "p", gain=gain))
    motions = [update(odometry, frame(k, c)) for k, c in enumerate(shown)]
    assert states(motions) == ["reset"] + ["tracking"] * 11
    truth = ODOM_FROM_OPTICAL
    for k in range(1, 12):
        step = true_step(shown[k - 1], shown[k], gain)
        truth = truth @ step
        np.testing.assert_allclose(motions[k].previous_from_current, step, atol=1e-5 * gain)
        np.testing.assert_allclose(motions[k].odom_from_camera, truth, atol=1e-4 * gain)
        assert motions[k].interval_ns == PERIOD
        # the other order, or the inverse, is far from it
        assert np.abs(true_step(shown[k], shown[k - 1], gain) - step).max() > 0.01
        assert np.abs(inverse(step) - step).max() > 0.01


def test_images_are_normalised_as_the_spec_says(tmp_path: Path) -> None:
    """t = the previous image's r, g, b after (x - mean) / std, in the spec's order of colours."""
    mix = np.zeros((6, 6))
    mix[3:, :3] = np.eye(3)
    mean, std = (0.45, 0.4, 0.5), (0.225, 0.2, 0.25)
    engine = pose_engine(tmp_path / "p", mix, np.zeros(6), mean=mean, std=std, color="bgr")
    odometry = make_odometry(CONFIG, engine)
    update(odometry, frame(0, (10, 120, 250)))
    step = inverse(update(odometry, frame(1, (0, 0, 0))).previous_from_current)
    expected = (np.array([250, 120, 10]) / 255 - mean) / std
    np.testing.assert_allclose(step[:3, 3], expected, atol=1e-5)


def test_points_that_come_nearer_mean_a_way_forward(tmp_path: Path) -> None:
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0, 0, 0, 0, 0, -0.5]))
    motions = [update(odometry, frame(k)) for k in range(5)]
    np.testing.assert_allclose(motions[-1].odom_from_camera[:3, 3], [2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(motions[-1].previous_from_current[:3, 3], [0, 0, 0.5], atol=1e-7)


def test_points_that_move_right_mean_a_turn_to_the_left(tmp_path: Path) -> None:
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0, 0.1, 0, 0, 0, 0]))
    motions = [update(odometry, frame(k)) for k in range(4)]
    ahead = motions[-1].odom_from_camera[:3, 2]  # the optical axis, in odom
    np.testing.assert_allclose(ahead, [np.cos(0.3), np.sin(0.3), 0], atol=1e-6)


def test_dropped_frames_are_bridged(tmp_path: Path) -> None:
    """The pair is always the last frame that was seen, and this one."""
    shown = colours(3)
    odometry = make_odometry(CONFIG, pose_engine(tmp_path / "p"))
    update(odometry, frame(0, shown[0]))
    motion = update(odometry, frame(7, shown[2], dropped=6))
    assert (motion.state, motion.interval_ns) == ("tracking", 7 * PERIOD)
    step = true_step(shown[0], shown[2])
    np.testing.assert_allclose(motion.previous_from_current, step, atol=1e-5)


def test_covariance_is_a_share_of_the_motion_and_a_floor(tmp_path: Path) -> None:
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0, 0.1, 0, 0.3, 0, 0.4]))
    motions = [update(odometry, frame(k)) for k in range(3)]
    way, turn = FLOOR + SHARE * 0.5, FLOOR_RAD + SHARE * 0.1
    expected = np.diag([way**2] * 3 + [turn**2] * 3)
    np.testing.assert_allclose(motions[1].covariance, expected, rtol=1e-5)
    assert not motions[0].pose_covariance.any()  # the odom frame begins there
    np.testing.assert_allclose(
        np.linalg.eigvalsh(motions[1].pose_covariance)[-1], way**2, rtol=1e-5
    )
    grown = [np.trace(m.pose_covariance[:3, :3]) for m in motions]
    assert grown[2] > 2 * grown[1] > 0  # the first turn's error moves the second way, too


def test_stated_covariance_holds_for_errors_of_its_size(tmp_path: Path) -> None:
    """Networks that err by SHARE, again and again: the sum is as uncertain as the pose says."""
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0.02, 0.1, 0, 0.3, 0, -0.4]))
    motions = [update(odometry, frame(k)) for k in range(7)]
    rng, errors = np.random.default_rng(0), []
    for _ in range(3000):
        pose = ODOM_FROM_OPTICAL
        for motion in motions[1:]:
            twist = rng.normal(size=6) * np.sqrt(np.diagonal(motion.covariance))
            wrong = np.eye(4)
            wrong[:3, :3], wrong[:3, 3] = cv2.Rodrigues(twist[3:])[0], twist[:3]
            pose = pose @ motion.previous_from_current @ wrong
        errors.append(difference(motions[-1].odom_from_camera, pose))
    turn = np.kron(np.eye(2), motions[-1].odom_from_camera[:3, :3])
    measured = turn @ np.cov(np.array(errors).T) @ turn.T
    stated = motions[-1].pose_covariance
    np.testing.assert_allclose(np.diagonal(measured), np.diagonal(stated), rtol=0.15)


def test_gap_time_and_camera_reset_and_hold_the_pose(tmp_path: Path) -> None:
    engine = constant(tmp_path / "p", [0, 0.1, 0, 0, 0, -0.5])
    smaller = CAMERA.scaled(32, 24)
    cases = (
        (frame(3, stamp_ns=2 * PERIOD + 2_500_000_000), "2.50 s"),
        (frame(1), "time went back"),
        (frame(3, camera=smaller), "the camera or its image size changed"),
    )
    for shown, reason in cases:
        odometry = make_odometry(CONFIG, engine)
        before = [update(odometry, frame(k)) for k in range(3)][-1]
        motion = update(odometry, shown)
        assert motion.state == "reset" and reason in motion.reason
        assert np.array_equal(motion.odom_from_camera, before.odom_from_camera)
        assert np.array_equal(motion.previous_from_current, np.eye(4))
        assert motion.covariance.diagonal().min() >= 1e6
        following = frame(0, camera=shown.camera, stamp_ns=shown.stamp_ns + PERIOD)
        after = update(odometry, following)
        assert after.state == "tracking"
        assert after.covariance.max() < 1 and after.pose_covariance.diagonal().min() >= 1e6
        np.testing.assert_allclose(
            after.odom_from_camera,
            before.odom_from_camera @ after.previous_from_current,
            atol=1e-9,
        )


def test_reset_starts_the_odom_frame_anew(tmp_path: Path) -> None:
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0, 0.1, 0, 0, 0, -0.5]))
    assert update(odometry, frame(0)).reason == "first frame"
    update(odometry, frame(1))
    odometry.reset("another network")
    motion = update(odometry, frame(2))
    assert (motion.state, motion.reason, motion.interval_ns) == ("reset", "another network", 0)
    assert np.array_equal(motion.odom_from_camera, ODOM_FROM_OPTICAL)
    assert not motion.pose_covariance.any()


def test_a_motion_that_is_not_finite_is_lost(tmp_path: Path) -> None:
    """Red overflows this network."""
    mix = np.zeros((6, 6))
    mix[5, 3] = 3e38
    odometry = make_odometry(CONFIG, pose_engine(tmp_path / "p", mix, [0, 0, 0, 0, 0, 3e38]))
    shown = [(0, 0, 0), (255, 0, 0), (0, 0, 0)]
    motions = [update(odometry, frame(k, c)) for k, c in enumerate(shown)]
    assert states(motions) == ["reset", "lost", "tracking"]
    lost = motions[1]
    assert "not finite" in lost.reason
    assert np.array_equal(lost.odom_from_camera, ODOM_FROM_OPTICAL)
    assert lost.pose_covariance.diagonal().min() >= 1e6


def test_pipeline_moves_by_the_entrys_pose_network(tmp_path: Path) -> None:
    """depth = 1 + 4 * grey, and 0.5 forward for each frame, both in the spec of one entry."""
    entry = write_tiny_engine(tmp_path / "entry", metric=False)
    constant(tmp_path / "pose", [0, 0, 0, 0, 0, -0.5]).close()
    shutil.copy(tmp_path / "pose" / "pose.onnx", entry)
    pose = EngineSpec.load(tmp_path / "pose" / "spec.json")
    replace(EngineSpec.load(entry / "spec.json"), pose=pose).save(entry / "spec.json")
    engine = EngineConfig(path=str(entry), backend="onnxruntime")
    config = Config(engine=engine, odometry=CONFIG)
    pipeline = make_pipeline(config)
    results = [pipeline.process(frame(k, (51, 51, 51))) for k in range(4)]
    assert [r.motion.state for r in results] == ["reset"] + ["tracking"] * 3
    assert not results[-1].scale_known
    np.testing.assert_allclose(results[-1].depth, 1.8, rtol=1e-5)
    np.testing.assert_allclose(results[-1].motion.odom_from_camera[:3, 3], [1.5, 0, 0], atol=1e-6)
    pipeline.close()
    measured = replace(config, scale=ScaleConfig(source="fixed", factor=3.0))
    pipeline = make_pipeline(measured)
    scaled = [pipeline.process(frame(k, (51, 51, 51))) for k in range(2)][-1]
    np.testing.assert_allclose(scaled.motion.odom_from_camera[:3, 3], [1.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(scaled.depth, 5.4, rtol=1e-5)
    assert scaled.scale_known
    pipeline.close()


def test_shapes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    odometry = make_odometry(CONFIG, constant(tmp_path / "p", [0] * 6))
    with pytest.raises(FrameError, match="one shape"):
        odometry.update(frame(0), SURE, SURE[:3])
    assert update(odometry, frame(0)).reason == "first frame"


def test_config_chooses(tmp_path: Path) -> None:
    engine = constant(tmp_path / "p", [0] * 6)
    assert isinstance(make_odometry(CONFIG, engine), PoseNetworkOdometry)
    assert not isinstance(make_odometry(OdometryConfig(), engine), PoseNetworkOdometry)
    off = make_odometry(OdometryConfig(source="network", enabled=False), engine)
    assert isinstance(off, NoOdometry)
    with pytest.raises(EngineError, match=r"odometry\.source"):
        make_odometry(CONFIG, None)
