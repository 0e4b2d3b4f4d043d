# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The colour map: known colours at known depths."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from depth_ros.color import colorize
from depth_ros.errors import ConfigError

NEAR, FAR = 0.5, 8.0


def turbo(level: int) -> list[int]:
    bgr = cv2.applyColorMap(np.array([[level]], np.uint8), cv2.COLORMAP_TURBO)
    return bgr[0, 0, ::-1].tolist()


def color_of(depth: float) -> list[int]:
    return colorize(np.full((2, 3), depth, np.float32), NEAR, FAR)[1, 2].tolist()


def test_the_ends_are_turbo_s_ends() -> None:
    assert color_of(NEAR) == turbo(255)
    assert color_of(FAR) == turbo(1)
    assert turbo(255)[0] > 2 * turbo(255)[2]  # near is red
    assert turbo(1)[2] > turbo(1)[0]  # far is blue


@pytest.mark.parametrize("level", [1, 2, 64, 127, 128, 200, 254, 255])
def test_levels_are_even_in_inverse_depth(level: int) -> None:
    inverse = 1 / FAR + (level - 1) / 254 * (1 / NEAR - 1 / FAR)
    assert color_of(1 / inverse) == turbo(level)


def test_depth_outside_the_range_has_the_end_s_color() -> None:
    assert color_of(0.01) == color_of(1e-38) == color_of(NEAR)
    assert color_of(9.0) == color_of(1e30) == color_of(np.inf) == color_of(FAR)


@pytest.mark.parametrize("depth", [np.nan, 0.0, -0.0, -1.0, -np.inf])
def test_invalid_depth_is_black_and_nothing_else_is(depth: float) -> None:
    assert color_of(depth) == [0, 0, 0]
    valid = colorize(np.geomspace(0.01, 100, 1000, dtype=np.float32)[None], NEAR, FAR)
    assert valid.any(axis=-1).all()


def test_shape_and_that_the_depth_is_left_alone() -> None:
    depth = np.array([[np.nan, 0.0, 1.0, 20.0]], np.float32).repeat(5, axis=0)
    kept = depth.copy()
    colors = colorize(depth, NEAR, FAR)
    assert (colors.shape, colors.dtype) == ((5, 4, 3), np.uint8)
    np.testing.assert_array_equal(depth, kept)
    np.testing.assert_array_equal(colorize(depth[:, ::2], NEAR, FAR), colors[:, ::2])


@pytest.mark.parametrize(
    ("near", "far"), [(2.0, 1.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0)]
)
def test_ranges_that_are_none(near: float, far: float) -> None:
    with pytest.raises(ConfigError, match="0 < near_m < far_m"):
        colorize(np.ones((2, 2), np.float32), near, far)
