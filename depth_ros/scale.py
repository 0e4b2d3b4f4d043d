# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Metric scale: who says how long a metre is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from depth_ros.config import ScaleConfig
from depth_ros.frame import Float32, Float64, Motion


class NetworkScale:
    """The network's own metres, which hold if it is metric and the camera is calibrated."""

    def update(self, depth: Float32, motion: Motion, metric: bool) -> tuple[Float32, Motion, bool]:
        """Depth and motion as they are, and whether they are metres."""
        return depth, motion, metric


class FixedScale:
    """A factor that the user has measured."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def update(self, depth: Float32, motion: Motion, metric: bool) -> tuple[Float32, Motion, bool]:
        """Depth (in place) and the lengths in motion times the factor; these are metres."""
        depth *= np.float32(self._factor)
        return depth, self._scaled(motion), True

    def _scaled(self, motion: Motion) -> Motion:
        return replace(
            motion,
            odom_from_camera=self._longer(motion.odom_from_camera),
            previous_from_current=self._longer(motion.previous_from_current),
            covariance=self._wider(motion.covariance),
            pose_covariance=self._wider(motion.pose_covariance),
        )

    def _longer(self, transform: Float64) -> Float64:
        scaled: Float64 = transform.copy()
        scaled[:3, 3] *= self._factor
        return scaled

    def _wider(self, covariance: Float64) -> Float64:
        units = np.array([self._factor] * 3 + [1.0] * 3)
        wider: Float64 = covariance * np.outer(units, units)
        return wider


def make_scale(config: ScaleConfig) -> NetworkScale | FixedScale:
    """The stage that config.source names."""
    return FixedScale(config.factor) if config.source == "fixed" else NetworkScale()
