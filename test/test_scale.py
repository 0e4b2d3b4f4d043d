# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The fixed scale multiplies lengths, not angles, and covariances by the right powers."""

from __future__ import annotations

import numpy as np

from depth_ros.config import ScaleConfig
from depth_ros.frame import Motion
from depth_ros.scale import make_scale


def motion() -> Motion:
    pose = np.eye(4)
    pose[:3] = [[0, 0, 1, 1.0], [-1, 0, 0, 2.0], [0, -1, 0, 3.0]]
    return Motion("tracking", pose, pose.copy(), np.ones((6, 6)), np.ones((6, 6)))


def test_the_networks_scale_changes_nothing() -> None:
    depth, before = np.full((2, 2), 3.0, np.float32), motion()
    for metric in (True, False):
        after, moved, known = make_scale(ScaleConfig()).update(depth, before, metric)
        assert after is depth and moved is before and known is metric


def test_a_fixed_factor_scales_lengths_and_is_known() -> None:
    scale = make_scale(ScaleConfig(source="fixed", factor=2.0))
    depth, moved, known = scale.update(np.full((2, 2), 3.0, np.float32), motion(), False)
    assert known and (depth == 6.0).all()
    assert np.array_equal(moved.odom_from_camera[:3, 3], [2, 4, 6])
    assert np.array_equal(moved.odom_from_camera[:3, :3], motion().odom_from_camera[:3, :3])
    expected = np.ones((6, 6))
    expected[:3, :3], expected[:3, 3:], expected[3:, :3] = 4, 2, 2
    assert np.array_equal(moved.covariance, expected)
    assert np.array_equal(moved.pose_covariance, expected)
