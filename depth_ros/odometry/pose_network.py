# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ego-motion from a pose network: two frames in, the motion between them out, added up.

The network says nothing of its own error: the covariance here is stated, not measured, as a share
of the motion and a floor. After dropped frames the network sees two images that are farther apart,
so that nothing is missing from the sum.
"""

from __future__ import annotations

import numpy as np

from depth_ros.config import OdometryConfig
from depth_ros.engines import Engine
from depth_ros.frame import Float32, Float64, Frame, Motion, MotionState
from depth_ros.odometry.continuity import check_depth, torn
from depth_ros.odometry.rigid import (
    NONE,
    ODOM_FROM_OPTICAL,
    UNKNOWN,
    carried,
    identity,
    in_axes_of,
    inverse,
    small,
)
from depth_ros.preprocess import ToInput

SHARE = 0.1  # standard deviation of way and turn, as a share of their length
FLOOR = 0.01  # and what it is at least: units of depth, of the way
FLOOR_RAD = 0.002  # and of the turn


class PoseNetworkOdometry:
    """Ego-motion from the entry's pose network, which sees every frame with the one before."""

    def __init__(self, config: OdometryConfig, engine: Engine) -> None:
        self._max_gap_s = config.max_gap_s
        self._engine = engine
        self._to_input = ToInput(engine.spec)
        pair = engine.spec.inputs[0]
        self._pair = np.zeros(pair.shape, pair.dtype)  # the previous image, then the present one
        self.reset("first frame")

    def reset(self, reason: str) -> None:
        """Start the odom frame anew at the next frame, which will give ``reason``."""
        self._reason = reason
        self._last: Frame | None = None
        self._odom_from_camera, self._covariance = ODOM_FROM_OPTICAL, NONE

    def update(self, frame: Frame, depth: Float32, confidence: Float32) -> Motion:
        """The motion up to this frame; see ``depth_ros.odometry.Odometry``."""
        check_depth(depth, confidence)
        self._show(frame)
        last, self._last = self._last, frame
        if last is None:
            return self._hold("reset", 0, self._reason)
        interval_ns = frame.stamp_ns - last.stamp_ns
        if reason := torn(last, frame, self._max_gap_s):
            self._covariance = UNKNOWN
            return self._hold("reset", interval_ns, reason)
        current_from_previous = self._infer()
        if current_from_previous is None:
            self._covariance = UNKNOWN
            return self._hold("lost", interval_ns, "the pose network's motion is not finite")
        return self._move(inverse(current_from_previous), interval_ns)

    def _show(self, frame: Frame) -> None:
        self._pair[..., :3, :, :] = self._pair[..., 3:, :, :]
        # The buffer has room for two images, of which preprocess fills the first.
        (image,) = self._to_input(frame.image).values()
        self._pair[..., 3:, :, :] = image[..., :3, :, :]

    def _infer(self) -> Float64 | None:
        """current_from_previous, unless the network returns something that is no motion."""
        spec = self._engine.spec
        outputs = self._engine.infer({spec.inputs[0].name: self._pair})
        values = np.asarray(outputs[spec.outputs[0].name], np.float64).ravel()
        if not np.isfinite(values).all():
            return None
        return small(np.concatenate([spec.gain * values[3:], values[:3]]))

    def _move(self, previous_from_current: Float64, interval_ns: int) -> Motion:
        self._odom_from_camera = self._odom_from_camera @ previous_from_current
        covariance = stated(previous_from_current)
        if self._covariance is not UNKNOWN:
            self._covariance = carried(self._covariance, previous_from_current) + covariance
        return self._motion("tracking", previous_from_current, covariance, interval_ns)

    def _hold(self, state: MotionState, interval_ns: int, reason: str) -> Motion:
        return self._motion(state, identity(), UNKNOWN, interval_ns, reason)

    def _motion(
        self,
        state: MotionState,
        previous_from_current: Float64,
        covariance: Float64,
        interval_ns: int,
        reason: str = "",
    ) -> Motion:
        return Motion(
            state,
            self._odom_from_camera,
            previous_from_current,
            covariance,
            in_axes_of(self._covariance, self._odom_from_camera),
            max(interval_ns, 0),
            reason=reason,
        )


def stated(previous_from_current: Float64) -> Float64:
    """The covariance (6x6) that is claimed for one step."""
    way = float(np.linalg.norm(previous_from_current[:3, 3]))
    cosine = (np.trace(previous_from_current[:3, :3]) - 1) / 2
    turn = float(np.arccos(np.clip(cosine, -1, 1)))
    deviation = [FLOOR + SHARE * way] * 3 + [FLOOR_RAD + SHARE * turn] * 3
    return np.diag(np.square(deviation))
