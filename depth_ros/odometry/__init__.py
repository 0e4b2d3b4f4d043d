# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ego-motion, from corner tracks with the network's depth or from a pose network.

Corners of a keyframe are lifted to 3-D by its depth and followed into the present image
(Lucas-Kanade); the camera's pose is the one that explains where they went, robustly, with its
covariance from what is left over. A keyframe lives while enough of it is in view, so that a
standing camera does not drift.
"""

from __future__ import annotations

from typing import Protocol

from depth_ros.config import OdometryConfig
from depth_ros.engines import Engine
from depth_ros.errors import EngineError
from depth_ros.frame import Float32, Frame, Motion
from depth_ros.odometry.off import NoOdometry
from depth_ros.odometry.pose_network import PoseNetworkOdometry
from depth_ros.odometry.visual import VisualOdometry

__all__ = ["NoOdometry", "Odometry", "PoseNetworkOdometry", "VisualOdometry", "make_odometry"]


class Odometry(Protocol):
    """What gives the pipeline its Motion."""

    def update(self, frame: Frame, depth: Float32, confidence: Float32) -> Motion:
        """The motion up to this frame.

        The image is rectified; depth (metres, NaN invalid) and confidence (0 to 1) are (h, w) of
        any size with the image's field of view. Raises FrameError where shapes do not fit.
        """
        ...

    def reset(self, reason: str) -> None:
        """Start the odom frame anew at the next frame, which will give ``reason``."""
        ...


def make_odometry(config: OdometryConfig, pose: Engine | None = None) -> Odometry:
    """The odometry that the configuration asks for, or its twin that does nothing.

    ``pose`` is the engine of the entry's pose network; EngineError where that is asked for and
    there is none.
    """
    if not config.enabled:
        return NoOdometry()
    if config.source == "visual":
        return VisualOdometry(config)
    if pose is None:
        raise EngineError(
            "odometry.source",
            expected="a network with a pose network",
            got="network, but this one gives depth alone",
            fix="Set odometry.source to visual, or take another network.",
        )
    return PoseNetworkOdometry(config, pose)
