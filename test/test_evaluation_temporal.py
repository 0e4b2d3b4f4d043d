# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Temporal measures: SSIM window by window in float64, and a scene that really moves."""

from __future__ import annotations

import numpy as np
import pytest

from depth_ros.errors import FrameError
from depth_ros.frame import Camera
from depth_ros.training.evaluation.temporal import (
    motion_flow,
    pair_consistency,
    sample,
    ssim,
    tcc,
    visible,
)

CAMERA = Camera(40, 30, 50, 50, 19.5, 14.5)


def _direct_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Every 11x11 window by itself."""
    offset = np.arange(11) - 5
    line = np.exp(-(offset**2) / (2 * 1.5**2))
    weight = np.outer(line, line) / line.sum() ** 2
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            ma, mb = (weight * a).sum(), (weight * b).sum()
            va, vb = (weight * (a - ma) ** 2).sum(), (weight * (b - mb) ** 2).sum()
            cab = (weight * (a - ma) * (b - mb)).sum()
            c1, c2 = 0.01**2, 0.03**2
            light = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
            values.append(light * (2 * cab + c2) / (va + vb + c2))
    return max(0.0, float(np.mean(values)))


def test_ssim_against_every_window() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, (19, 24))
    y = np.clip(x + rng.normal(0, 0.2, x.shape), 0, 2)
    assert ssim(x, y) == pytest.approx(_direct_ssim(x, y), rel=1e-9)
    assert 0.1 < ssim(x, y) < 0.95
    assert ssim(x, x) == pytest.approx(1)
    assert ssim(x, 1 - x) == 0  # it would be negative
    assert _direct_ssim(x, 1 - x) == 0
    with pytest.raises(FrameError, match="at least 11x11"):
        ssim(x[:10], y[:10])


def test_ssim_of_constant_maps_by_hand() -> None:
    """Without variance only the light is left: (2 a b + C1) / (a^2 + b^2 + C1)."""
    got = ssim(np.full((12, 12), 0.2), np.full((12, 12), 0.4))
    assert got == pytest.approx((2 * 0.08 + 1e-4) / (0.04 + 0.16 + 1e-4))


def test_tcc_compares_changes_and_leaves_out_unknown_truth() -> None:
    rng = np.random.default_rng(2)
    d, g = rng.uniform(1, 2, (2, 16, 20)), rng.uniform(1, 2, (2, 16, 20))
    g[0, 3, 4], g[1, 8, 8] = np.nan, 0.0
    mask = np.ones((16, 20))
    mask[3, 4] = mask[8, 8] = 0
    true_change = np.nan_to_num(np.abs(g[1] - g[0])) * mask
    expected = _direct_ssim(np.abs(d[1] - d[0]) * mask, true_change)
    assert tcc(d[0], d[1], g[0], g[1]) == pytest.approx(expected, rel=1e-9)
    assert tcc(g[0] + 3, g[1] + 3, g[0], g[1]) == pytest.approx(1)  # the same change


def test_flow_of_a_wall_by_hand() -> None:
    """0.2 m to the right, 0.5 m on: a wall at 2 m is then at 1.5 m and moves left."""
    move = np.eye(4)
    move[:3, 3] = -0.2, 0, -0.5
    columns, rows, z = motion_flow(np.full((30, 40), 2.0), CAMERA, move)
    assert z == pytest.approx(1.5)
    x = (10 - 19.5) / 50 * 2 - 0.2
    y = (20 - 14.5) / 50 * 2
    assert columns[20, 10] == pytest.approx(50 * x / 1.5 + 19.5)
    assert rows[20, 10] == pytest.approx(50 * y / 1.5 + 14.5)
    behind, _, _ = motion_flow(np.full((30, 40), 0.3), CAMERA, move)
    assert np.isnan(behind).all()


def test_sampling_is_linear_and_ends_at_the_outer_centres() -> None:
    plane = np.arange(12.0).reshape(3, 4)
    at = (np.array([0.0, 1.5, 3.0, 3.1, -0.1]), np.array([0.0, 0.5, 2.0, 1.0, 1.0]))
    got = sample(plane, *at)
    assert got[:3] == pytest.approx([0, 1.5 + 2, 11])
    assert np.isnan(got[3:]).all()


def test_a_truly_moving_wall_is_consistent_and_a_frozen_one_is_not() -> None:
    """opw, which does not allow for motion along the axis, says the opposite."""
    move = np.eye(4)
    move[2, 3] = -0.5
    wall, nearer = np.full((30, 40), 2.0), np.full((30, 40), 1.5)
    right = pair_consistency(wall, nearer, CAMERA, move)
    assert right["self_consistency"] == pytest.approx(0, abs=1e-12)
    assert right["rtc"] == 1
    assert right["opw"] == pytest.approx(0.5)
    frozen = pair_consistency(wall, wall, CAMERA, move)
    assert frozen["self_consistency"] == pytest.approx(0.5 / 1.5)
    assert frozen["self_consistency_m"] == pytest.approx(0.5)
    assert frozen["rtc"] == 0
    assert frozen["opw"] == pytest.approx(0)
    # Pixels whose ray has left the narrower view are not compared: 4/3 magnification.
    seen = np.abs(np.arange(40) - 19.5) * 4 / 3 <= 19.5
    rows = np.abs(np.arange(30) - 14.5) * 4 / 3 <= 14.5
    assert right["compared"] == pytest.approx(seen.sum() * rows.sum() / 1200)


def test_what_looks_different_is_left_out() -> None:
    """exp(-50 x) > 0.01 holds up to a difference of 0.0921: 13 of 255 in each colour do."""
    columns, rows = np.meshgrid(np.arange(4.0), np.arange(3.0))
    black = np.zeros((3, 4, 3), np.uint8)
    assert visible(black, black + np.uint8(13), columns, rows).all()  # 0.0883
    assert not visible(black, black + np.uint8(14), columns, rows).any()  # 0.0951
    wall = np.full((30, 40), 2.0)
    image = np.zeros((30, 40, 3), np.uint8)
    other = image.copy()
    other[:, 20:] = 255
    after = wall.copy()
    after[:, 20:] = 5.0
    hidden = pair_consistency(wall, after, CAMERA, np.eye(4), (image, other))
    assert hidden["compared"] == 0.5
    assert hidden["self_consistency"] == 0
    with pytest.raises(FrameError, match="common view"):
        pair_consistency(wall, wall, CAMERA, np.eye(4), (image, image + np.uint8(255)))
