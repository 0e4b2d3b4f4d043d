# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Trajectories: snippets, segments and paths with errors that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from depth_ros.errors import FrameError, SourceError
from depth_ros.training.evaluation.trajectories import (
    path_errors,
    read_poses,
    segment_errors,
    snippet_error,
    snippet_errors,
)


def _turn(degrees: float) -> np.ndarray:
    """About y, the axis down."""
    a = math.radians(degrees)
    out = np.eye(4)
    out[0, 0] = out[2, 2] = math.cos(a)
    out[0, 2], out[2, 0] = math.sin(a), -math.sin(a)
    return out


def _straight(count: int, step: float) -> np.ndarray:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 2, 3] = step * np.arange(count)
    return poses


def _random_path(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    pose, out = np.eye(4), []
    for _ in range(count):
        out.append(pose)
        step = _turn(rng.normal(0, 3))
        step[:3, 3] = rng.normal(0, 0.1), rng.normal(0, 0.02), 1.0
        pose = pose @ step
    return np.array(out)


def test_a_snippet_by_hand() -> None:
    """Truth 0..4 m along z; predicted 0, 1, 2, 3, 3: s = 27/23... written out."""
    truth, ours = _straight(5, 1.0), _straight(5, 1.0)
    ours[4, 2, 3] = 3.0
    scale = (1 + 4 + 9 + 12) / (1 + 4 + 9 + 9)
    rest = [scale * p - g for p, g in zip((0, 1, 2, 3, 3), range(5), strict=True)]
    ate, turned = snippet_error(ours, truth)
    assert ate == pytest.approx(math.sqrt(sum(r * r for r in rest)) / 5)
    assert turned == 0


def test_a_snippet_does_not_care_where_it_starts_nor_about_scale() -> None:
    truth = _random_path(5)
    start = _turn(40.0)
    start[:3, 3] = 5, 6, 7
    ours = start @ truth
    ours[:, :3, 3] = ours[0, :3, 3] + 0.1 * (ours[:, :3, 3] - ours[0, :3, 3])
    ate, turned = snippet_error(ours, truth)
    assert ate == pytest.approx(0, abs=1e-12)
    assert turned == pytest.approx(0, abs=1e-6)
    ours[3] = ours[3] @ _turn(5.0)
    assert snippet_error(ours, truth)[1] == pytest.approx(math.radians(5) / 5)


def test_snippets_slide_over_the_path() -> None:
    truth = _random_path(9)
    ours = truth.copy()
    ours[8, 0, 3] += 0.2
    got = snippet_errors(ours, truth)
    each = [snippet_error(ours[i : i + 5], truth[i : i + 5])[0] for i in range(5)]
    assert got["snippets"] == 5
    assert each[:4] == pytest.approx([0] * 4, abs=1e-12)
    assert each[4] > 0.01
    assert got["ate"] == pytest.approx(each[4] / 5)
    assert got["ate_std"] == pytest.approx(np.std(each))
    with pytest.raises(FrameError, match="at least 5, got 4"):
        snippet_errors(truth[:4], truth[:4])
    with pytest.raises(FrameError, match="9 predicted and 8 true"):
        snippet_errors(truth, truth[:8])


def test_segments_of_a_straight_road_by_hand() -> None:
    """Steps of 1 m, predicted 2 % long: every segment errs by 2 % of the frames it spans.

    KITTI takes the first frame that is more than L metres on: L + 1 steps for L metres.
    """
    truth, ours = _straight(251, 1.0), _straight(251, 1.02)
    got = segment_errors(ours, truth, scale=False)
    starts = {100: range(0, 150, 10), 200: range(0, 50, 10)}
    expected = [0.02 * (length + 1) / length for length, s in starts.items() for _ in s]
    assert got["segments"] == len(expected) == 20
    assert got["t_rel"] == pytest.approx(100 * np.mean(expected))
    assert got["r_rel"] == pytest.approx(0, abs=1e-9)
    aligned = segment_errors(ours, truth)
    assert aligned["scale"] == pytest.approx(1 / 1.02)
    assert aligned["t_rel"] == pytest.approx(0, abs=1e-9)


def test_a_constant_drift_of_heading() -> None:
    """0.01 degrees a metre over 101 steps of the 100 m segments: 1.01 degrees per 100 m."""
    truth = _straight(151, 1.0)
    ours = truth.copy()
    for i in range(151):
        ours[i, :3, :3] = _turn(0.01 * i)[:3, :3]
    got = segment_errors(ours, truth, scale=False, lengths_m=(100,))
    assert got["r_rel"] == pytest.approx(1.01, rel=1e-6)


def test_segments_do_not_depend_on_the_frame_of_the_world() -> None:
    truth = _random_path(140)
    ours = truth.copy()
    ours[:, :3, 3] *= 1.05
    world = _turn(70.0)
    world[:3, 3] = 3, 2, 1
    plain = segment_errors(ours, truth, scale=False)
    assert segment_errors(world @ ours, truth, scale=False) == pytest.approx(plain, abs=1e-5)
    assert plain["t_rel"] == pytest.approx(5, rel=0.05)
    with pytest.raises(FrameError, match="more than 100 m"):
        segment_errors(truth[:50], truth[:50])


def test_ate_of_a_scaled_and_moved_path() -> None:
    truth = _random_path(60)
    world = _turn(20.0)
    ours = world @ truth
    ours[:, :3, 3] *= 0.5
    got = path_errors(ours, truth)
    assert got["ate"] == pytest.approx(0, abs=1e-9)
    assert got["scale"] == pytest.approx(2)
    assert got["ate_rigid"] > 1


def test_poses_in_files(tmp_path: Path) -> None:
    poses = _random_path(4)
    np.savetxt(tmp_path / "kitti.txt", poses[:, :3].reshape(4, 12))
    np.savetxt(tmp_path / "full.txt", poses.reshape(4, 16))
    quaternions = []
    for i in range(4):
        half = math.atan2(poses[i, 0, 2], poses[i, 0, 0]) / 2
        quaternions.append([i, *poses[i, :3, 3], 0, 2 * math.sin(half), 0, 2 * math.cos(half)])
    np.savetxt(tmp_path / "tum.txt", np.array(quaternions))
    for name in ("kitti.txt", "full.txt", "tum.txt"):
        assert read_poses(tmp_path / name) == pytest.approx(poses)
    np.savetxt(tmp_path / "short.txt", np.ones((3, 7)))
    with pytest.raises(SourceError, match="12, 16 or 8 numbers a line, got 7"):
        read_poses(tmp_path / "short.txt")
    with pytest.raises(SourceError, match="cannot read poses"):
        read_poses(tmp_path / "none.txt")
