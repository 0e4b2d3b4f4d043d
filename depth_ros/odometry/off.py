# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The odometry of a pipeline whose motion nobody wants."""

from __future__ import annotations

from depth_ros.frame import Float32, Frame, Motion
from depth_ros.odometry.rigid import ODOM_FROM_OPTICAL, UNKNOWN, identity


class NoOdometry:
    """Says "off", knows nothing and costs nothing."""

    def __init__(self) -> None:
        self._motion = Motion("off", ODOM_FROM_OPTICAL, identity(), UNKNOWN, UNKNOWN)

    def update(self, frame: Frame, depth: Float32, confidence: Float32) -> Motion:
        return self._motion

    def reset(self, reason: str) -> None:
        pass
