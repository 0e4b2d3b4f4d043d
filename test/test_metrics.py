# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Metrics: FastDepth's golden numbers, values by hand, and exact alignments."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from depth_ros.errors import FrameError
from depth_ros.metrics import (
    align,
    average,
    depth_metrics,
    fastdepth_metrics,
    known,
    median_scale,
    trajectory_error,
)

DataDir = Callable[[str], Path]


def test_fastdepth_golden_numbers(data_dir: DataDir) -> None:
    """The authors' own prediction against their Kinect truth: RMSE 0.6180 m, delta1 0.77726."""
    folder = data_dir("fastdepth_sample")
    prediction, truth = np.load(folder / "pred.npy")[0, 0], np.load(folder / "depth.npy")
    got = fastdepth_metrics(prediction, truth)
    assert got["rmse"] == pytest.approx(0.6180, abs=5e-5)
    assert got["delta1"] == pytest.approx(0.77726, abs=5e-6)
    ours = depth_metrics(prediction, truth)  # all truth is known here, so the masks agree
    assert ours["rmse"] == pytest.approx(got["rmse"])
    assert ours["delta1"] == pytest.approx(got["delta1"])


def test_depth_metrics_by_hand() -> None:
    """d = (1, 2, 6), g = (1, 4, 4): relative errors 0, 1/2, 1/2; ratios 1, 2, 1.5."""
    got = depth_metrics(np.array([[1.0, 2.0, 6.0]]), np.array([[1.0, 4.0, 4.0]]))
    e = np.array([0, math.log(0.5), math.log(1.5)])
    assert got["abs_rel"] == pytest.approx(1 / 3)
    assert got["sq_rel"] == pytest.approx((0 + 1 + 1) / 3)
    assert got["rmse"] == pytest.approx(math.sqrt(8 / 3))
    assert got["rmse_log"] == pytest.approx(math.sqrt((e**2).mean()))
    assert got["log10"] == pytest.approx((math.log10(2) + math.log10(1.5)) / 3)
    assert got["silog"] == pytest.approx(100 * math.sqrt((e**2).mean() - e.mean() ** 2))
    assert got["delta1"] == pytest.approx(1 / 3)
    assert got["delta2"] == pytest.approx(2 / 3)  # 1.5 < 1.5625
    assert got["delta3"] == pytest.approx(2 / 3)  # 2 > 1.953
    inverse = 1000 * np.array([0, 1 / 2 - 1 / 4, 1 / 6 - 1 / 4])
    assert got["irmse"] == pytest.approx(math.sqrt((inverse**2).mean()))
    assert got["imae"] == pytest.approx(np.abs(inverse).mean())
    assert got["coverage"] == 1.0


def test_unknown_truth_and_missing_predictions_are_left_out() -> None:
    truth = np.array([[2.0, np.nan, 0.0, -1.0, 2.0]])
    prediction = np.array([[3.0, 5.0, 5.0, 5.0, np.nan]])
    got = depth_metrics(prediction, truth)
    assert got["abs_rel"] == pytest.approx(0.5)
    assert got["coverage"] == pytest.approx(0.5)
    assert known(np.array([1.0, 90.0, np.nan]), 1e-3, 80.0).tolist() == [True, False, False]


def test_median_scaling_hides_one_factor_and_only_that() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 5, (24, 32))
    prediction = truth * rng.uniform(0.8, 1.2, truth.shape)
    plain = depth_metrics(prediction, truth, scale=True)
    assert depth_metrics(7.3 * prediction, truth, scale=True) == pytest.approx(plain)
    assert median_scale(prediction / 4, truth) == pytest.approx(
        4 * median_scale(prediction, truth)
    )
    assert depth_metrics(truth / 3, truth, scale=True)["abs_rel"] == pytest.approx(0, abs=1e-12)


def test_nothing_to_compare_is_an_error_that_says_so() -> None:
    with pytest.raises(FrameError, match="known truth"):
        depth_metrics(np.ones((2, 2)), np.full((2, 2), np.nan))
    with pytest.raises(FrameError, match="expected \\(2, 3\\), got \\(2, 2\\)"):
        depth_metrics(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(FrameError, match="images to average"):
        average([])


def test_average_is_per_image() -> None:
    assert average([{"a": 1.0}, {"a": 4.0}]) == {"a": 2.5}


def _helix(n: int = 50) -> np.ndarray:
    t = np.linspace(0, 6, n)
    return np.stack([np.cos(t), 2 * np.sin(t), 0.3 * t], axis=1)


def _rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("scale", [False, True])
def test_align_finds_a_known_transform(scale: bool) -> None:
    rng = np.random.default_rng(3)
    expected = np.eye(4)
    expected[:3, :3] = _rotation(rng) * (2.5 if scale else 1.0)
    expected[:3, 3] = [1, -2, 3]
    path = _helix()
    moved = path @ expected[:3, :3].T + expected[:3, 3]
    np.testing.assert_allclose(align(path, moved, scale=scale), expected, atol=1e-9)


def test_align_never_mirrors() -> None:
    path = _helix()
    assert np.linalg.det(align(path, path * [1, 1, -1])[:3, :3]) == pytest.approx(1.0)


def test_trajectory_error_of_a_path_of_the_wrong_scale() -> None:
    truth = _helix()
    estimate = (truth @ _rotation(np.random.default_rng(1)).T + 5) / 3
    similar = trajectory_error(estimate, truth, scale=True)
    assert similar["rmse"] == pytest.approx(0, abs=1e-9)
    assert similar["scale"] == pytest.approx(3)
    rigid = trajectory_error(estimate, truth)
    centred = truth - truth.mean(axis=0)
    expected = 2 / 3 * math.sqrt((centred**2).sum(axis=1).mean())
    assert rigid["rmse"] == pytest.approx(expected)  # what the missing factor leaves
    assert rigid["scale"] == pytest.approx(1)
    length = np.linalg.norm(np.diff(truth, axis=0), axis=1).sum()
    assert rigid["length"] == pytest.approx(length)
    assert rigid["rmse_percent"] == pytest.approx(100 * expected / length)


def test_a_path_of_two_points_cannot_be_aligned() -> None:
    with pytest.raises(FrameError, match="N at least 3"):
        align(np.zeros((2, 3)), np.zeros((2, 3)))
