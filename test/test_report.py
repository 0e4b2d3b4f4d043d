# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The report's numbers against answers found by hand, and its files read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.frame import Camera, DepthResult, Frame, Motion
from depth_ros.report import Report, table
from depth_ros.sources import Item, Source

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
AXES = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])  # odom from optical


class Made(Source):
    """Items from a list."""

    def __init__(self, items: list[Item]) -> None:
        depth = any(i.depth is not None for i in items)
        poses = any(i.pose is not None for i in items)
        super().__init__("made", 10.0, len(items), 60.0, has_depth=depth, has_poses=poses)
        self._items = items

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


def item(index: int, depth: np.ndarray | None = None, pose: np.ndarray | None = None) -> Item:
    image = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    return Item(Frame(index * 100_000_000, "camera", image, CAMERA), depth, pose)


def result(of: Item, depth: np.ndarray, position: tuple[float, float, float]) -> DepthResult:
    """``position`` in the odom frame."""
    pose = AXES.copy()
    pose[:3, 3] = position
    motion = Motion("tracking", pose, np.eye(4), np.eye(6), np.eye(6))
    depth = depth.astype(np.float32)
    camera = CAMERA.scaled(depth.shape[1], depth.shape[0])
    image = cv2.resize(of.frame.image, (depth.shape[1], depth.shape[0]))
    stages = {"engine": 4.0, "decode": 1.0}
    confidence = np.ones_like(depth)
    return DepthResult(
        of.frame.stamp_ns, "camera", camera, depth, confidence, image, motion, True, 0, stages
    )


def halves(left: float, right: float, width: int = 64, height: int = 48) -> np.ndarray:
    depth = np.full((height, width), left, np.float32)
    depth[:, width // 2 :] = right
    return depth


def run(tmp_path: Path, pairs: list[tuple[Item, DepthResult]]) -> dict[str, object]:
    with Report(tmp_path, Made([i for i, _ in pairs])) as report:
        for i, (given, made) in enumerate(pairs):
            report.add(given, made, 10.0 * (i + 1))
        return report.write({"engine": {"network": "n", "backend": "b", "precision": "fp32"}})


def test_depth_errors_by_hand(tmp_path: Path) -> None:
    # Truth 2 and 4, prediction 2: the median of the truth is 3, so scaling makes it 3.
    given = item(0, halves(2, 4))
    first = (given, result(given, halves(2, 2), (0, 0, 0)))
    # Truth 2, prediction 2.4: scaling makes it perfect.
    given = item(1, halves(2, 2))
    second = (given, result(given, halves(2.4, 2.4), (0, 0, 0)))
    summary = run(tmp_path, [first, second])
    assert summary["abs_rel"] == pytest.approx((0.5 * (1 / 2 + 1 / 4) + 0) / 2, abs=1e-5)
    assert summary["delta1"] == pytest.approx((0 + 1) / 2)
    assert summary["abs_rel_metric"] == pytest.approx((0.5 * (0 + 1 / 2) + 0.2) / 2, abs=1e-5)
    assert summary["delta1_metric"] == pytest.approx((0.5 + 1) / 2)


def test_prediction_is_resized_to_the_truth(tmp_path: Path) -> None:
    rows = np.linspace(1, 3, 48, dtype=np.float32)[:, None].repeat(64, axis=1)
    given = item(0, rows)
    small = cv2.resize(rows, (32, 24), interpolation=cv2.INTER_AREA)
    summary = run(tmp_path, [(given, result(given, small, (0, 0, 0)))])
    assert summary["depth_size"] == [32, 24]
    assert summary["abs_rel_metric"] == pytest.approx(0, abs=1e-3)  # the borders are clamped
    assert summary["delta1_metric"] == 1


def test_stable_keys_and_latency(tmp_path: Path) -> None:
    given = [item(i) for i in range(4)]
    summary = run(tmp_path, [(g, result(g, halves(2, 3), (0, 0, 0))) for g in given])
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    keys = {
        "frames_in",
        "frames_out",
        "frames_dropped",
        "fps",
        "latency_ms",
        "stages_ms",
        "engine",
    }
    assert keys <= summary.keys()
    assert not {"abs_rel", "delta1", "abs_rel_metric", "delta1_metric", "ate_m"} & summary.keys()
    assert summary["latency_ms"] == pytest.approx({"p50": 25, "p95": 38.5, "p99": 39.7})
    assert summary["stages_ms"] == {"engine": 4.0, "decode": 1.0}
    assert summary["fps"] == pytest.approx(4 / 0.1)
    assert "engine 4.0 ms (80 %)" in table(summary)


def test_ate_by_hand(tmp_path: Path) -> None:
    # The truth is a square of 2 m sides in a world turned and moved; ours is 1.5 times as large.
    turn, _ = cv2.Rodrigues(np.array([0.3, -0.8, 0.5]))
    corners = np.array([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0)], float)
    pairs = []
    for i, corner in enumerate(corners):
        pose = np.eye(4)
        pose[:3, 3] = turn @ corner + (7, 8, 9)
        given = item(i, pose=pose)
        pairs.append((given, result(given, halves(2, 2), tuple(1.5 * corner))))
    summary = run(tmp_path, pairs)
    # A rigid motion can only put the centres together: each corner is off by 0.5 * sqrt(2).
    assert summary["ate_m"] == pytest.approx(0.5 * np.sqrt(2), abs=1e-4)
    assert summary["ate_scaled_m"] == pytest.approx(0, abs=1e-4)
    assert summary["odometry_scale"] == pytest.approx(1 / 1.5, abs=1e-4)
    assert summary["path_m"] == pytest.approx(6)
    assert cv2.imread(str(tmp_path / "trajectory.png")) is not None


def test_no_scale_fits_a_camera_that_stood_still(tmp_path: Path) -> None:
    pairs = []
    for i in range(4):
        pose = np.eye(4)
        pose[0, 3] = i
        given = item(i, pose=pose)
        made = result(given, halves(2, 2), (0, 1e-9 * (i % 2), 0))
        pairs.append((given, replace(made, scale_known=False)))
    summary = run(tmp_path, pairs)
    assert summary["ate_m"] == pytest.approx(np.sqrt(1.25), abs=1e-4)  # of 0, 1, 2, 3 about 1.5
    assert not summary["scale_known"]


def test_video_has_every_moment_and_all_panels(tmp_path: Path) -> None:
    given = [item(i, halves(2, 3)) for i in (0, 1, 4)]  # two frames were dropped
    run(tmp_path, [(g, result(g, halves(2, 3), (0, 0, 0))) for g in given])
    video = cv2.VideoCapture(str(tmp_path / "depth.mp4"))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    assert len(frames) == 5
    height, width = frames[0].shape[:2]
    assert width == 3 * 534 and height == 400 + 26 + 30
    camera, depth = frames[0][200, 267], frames[0][200, 534 + 100]
    np.testing.assert_allclose(camera, (50, 100, 200), atol=12)  # BGR of the camera's image
    assert np.abs(depth.astype(int) - frames[0][200, 534 + 400]).max() > 60  # near and far
    np.testing.assert_allclose(frames[0][200, 534 + 400], frames[0][200, 1068 + 400], atol=25)


def read_ply(path: Path) -> np.ndarray:
    data = path.read_bytes()
    body = data.index(b"end_header\n") + 11
    kind = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "u1", 3)]
    return np.frombuffer(data[body:], kind)


def test_map_puts_a_wall_where_it_is(tmp_path: Path) -> None:
    # The camera walks 1 m towards a wall that is 3 m ahead of the start.
    pairs = []
    for i in range(5):
        given = item(i)
        wall = np.full((48, 64), 3 - 0.25 * i, np.float32)
        pairs.append((given, result(given, wall, (0.25 * i, 0, 0))))
    run(tmp_path, pairs)
    cloud = read_ply(tmp_path / "points.ply")
    assert len(cloud) > 500
    np.testing.assert_allclose(cloud["x"], 3, atol=1e-5)
    assert abs(cloud["y"]).max() < 3 * 32 / 60 and abs(cloud["z"]).max() < 3 * 24 / 60
    assert (cloud["rgb"] == (200, 100, 50)).all()


def test_map_has_no_points_between_near_and_far(tmp_path: Path) -> None:
    given = item(0)
    depth = cv2.blur(halves(1, 2), (5, 5))  # a network smears edges
    run(tmp_path, [(given, result(given, depth, (0, 0, 0)))])
    ahead = read_ply(tmp_path / "points.ply")["x"]
    assert len(ahead) > 500
    assert ((abs(ahead - 1) < 0.01) | (abs(ahead - 2) < 0.01)).all()


def test_a_reset_starts_another_map(tmp_path: Path) -> None:
    pairs = []
    for i, state in enumerate(["reset", "tracking", "tracking", "lost", "reset", "tracking"]):
        given = item(i)
        made = result(given, np.full((48, 64), 2 if i < 3 else 1), (0, 0, 0))
        motion = replace(made.motion, state=state)  # type: ignore[arg-type]
        pairs.append((given, replace(made, motion=motion)))
    run(tmp_path, pairs)
    np.testing.assert_allclose(read_ply(tmp_path / "points.ply")["x"], 2, atol=1e-6)


def test_nothing_valid_still_gives_numbers(tmp_path: Path) -> None:
    given = item(0, halves(2, 3))
    nothing = result(given, np.full((48, 64), np.nan), (0, 0, 0))
    off = replace(nothing.motion, state="off")
    summary = run(tmp_path, [(given, replace(nothing, motion=off))])
    assert "abs_rel" not in summary and "ate_m" not in summary
    assert (tmp_path / "depth.mp4").is_file() and not (tmp_path / "points.ply").exists()


def test_an_interrupted_report_leaves_no_parts(tmp_path: Path) -> None:
    given = item(0)
    with pytest.raises(KeyboardInterrupt), Report(tmp_path, Made([given])) as report:
        report.add(given, result(given, halves(2, 3), (0, 0, 0)), 1.0)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
