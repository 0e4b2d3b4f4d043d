# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Keyframes, poses and states: tracking, stationary, lost, reset.

The odom frame begins at the first camera, and anew after ``reset``. Where the thread of motion
tears (lost, a gap, another camera) the pose is held, since REP 105 wants it without jumps, and
its covariance says from then on that nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from depth_ros.config import OdometryConfig
from depth_ros.frame import Camera, Float32, Float64, Frame, Motion, MotionState, UInt8
from depth_ros.odometry.continuity import check_depth, torn
from depth_ros.odometry.corners import Corners, Mask, find, follow, to_grey
from depth_ros.odometry.pnp import Noise, Problem, Solution, solve
from depth_ros.odometry.rest import Rest
from depth_ros.odometry.rigid import (
    NONE,
    ODOM_FROM_OPTICAL,
    UNKNOWN,
    carried,
    identity,
    in_axes_of,
    inverse,
    part,
    stretch,
)

KEPT = 0.6  # a new keyframe when fewer of its corners are still matched
MOVED = 0.12  # or when they have moved by this share of the image's width


@dataclass(frozen=True, slots=True)
class View:
    """The present frame, with a grey image to work on and its camera."""

    frame: Frame
    grey: UInt8
    camera: Camera
    depth: Float32
    confidence: Float32
    interval_ns: int = 0


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Corners that are tracked, and where they were seen from."""

    corners: Corners
    odom_from_keyframe: Float64
    covariance: Float64


@dataclass(frozen=True, slots=True)
class Place:
    """Where the camera was last known to be, and by which step it came there."""

    stamp_ns: int
    keyframe_from_camera: Float64
    covariance: Float64
    previous_from_current: Float64
    step_ns: int
    current: bool = True  # False: frames since then were lost

    def predicted(self, stamp_ns: int) -> Float64:
        """keyframe_from_camera at another time, at constant velocity."""
        share = (stamp_ns - self.stamp_ns) / self.step_ns if self.step_ns > 0 else 0.0
        return np.asarray(self.keyframe_from_camera @ part(self.previous_from_current, share))


class VisualOdometry:
    """Ego-motion from corner tracks and the network's depth."""

    def __init__(self, config: OdometryConfig) -> None:
        self._config = config
        self.reset("first frame")

    def reset(self, reason: str) -> None:
        """Start the odom frame anew at the next frame, which will give ``reason``."""
        self._reason = reason
        self._last: Frame | None = None
        self._odom_from_camera, self._covariance = ODOM_FROM_OPTICAL, NONE
        self._noise = Noise()
        self._keyframe: Keyframe | None = None
        self._place = Place(0, identity(), NONE, identity(), 0)
        self._rest = Rest(self._config.still_px, self._config.min_inliers)

    def update(self, frame: Frame, depth: Float32, confidence: Float32) -> Motion:
        """The motion up to this frame; see ``depth_ros.odometry.Odometry``."""
        check_depth(depth, confidence)
        grey, camera = to_grey(frame.image, frame.camera, self._config.image_width)
        view = View(frame, grey, camera, depth, confidence)
        last, self._last = self._last, frame
        if last is None:
            return self._begin(view, self._reason)
        view = replace(view, interval_ns=frame.stamp_ns - last.stamp_ns)
        if reason := torn(last, frame, self._config.max_gap_s):
            self._covariance = UNKNOWN
            return self._begin(view, reason)
        return self._advance(view)

    def _begin(self, view: View, reason: str) -> Motion:
        self._keyframe = None
        self._renew(view)
        return self._motion("reset", view, identity(), UNKNOWN, reason=reason)

    def _advance(self, view: View) -> Motion:
        if self._keyframe is None:
            return self._lose(view, "no corners with usable depth in the last frame")
        place, failures = self._place, []
        for start in (place.predicted(view.frame.stamp_ns), place.keyframe_from_camera):
            pixels, good = self._follow(self._keyframe, view, start)
            if place.current and self._rest.holds(pixels, good, view.frame.stamp_ns):
                return self._stand(view, self._keyframe, pixels, good)
            points = self._keyframe.corners.points[good]
            problem = Problem(points, pixels[good], view.camera, self._noise)
            solution = solve(problem, inverse(start), self._config.min_inliers)
            if isinstance(solution, Solution):
                good[good] = solution.inliers
                return self._move(view, self._keyframe, solution, pixels, good)
            failures.append(solution)
        return self._lose(view, failures[0])

    def _follow(self, keyframe: Keyframe, view: View, start: Float64) -> tuple[Float64, Mask]:
        corners, current_from_keyframe = keyframe.corners, inverse(start)
        moved = corners.points @ current_from_keyframe[:3, :3].T + current_from_keyframe[:3, 3]
        z = np.maximum(moved[:, 2:], 0.01)
        camera = view.camera
        seen = moved[:, :2] / z * [camera.fx, camera.fy] + [camera.cx, camera.cy]
        return follow(corners, view.grey, seen)

    def _stand(self, view: View, keyframe: Keyframe, pixels: Float64, good: Mask) -> Motion:
        place = self._place
        points = keyframe.corners.points[good]
        problem = Problem(points, pixels[good], view.camera, self._noise)
        covariance = problem.covariance(inverse(place.keyframe_from_camera), 1.0)
        self._place = replace(
            place, stamp_ns=view.frame.stamp_ns, previous_from_current=identity(), step_ns=0
        )
        if good.sum() < KEPT * len(keyframe.corners):
            self._renew(view)
        return self._motion("stationary", view, identity(), covariance, int(good.sum()))

    def _move(
        self, view: View, keyframe: Keyframe, solution: Solution, pixels: Float64, good: Mask
    ) -> Motion:
        place, here = self._place, solution.keyframe_from_current
        step = inverse(place.keyframe_from_camera) @ here
        share = solution.noise.depth
        covariance = solution.covariance + carried(place.covariance, step) + stretch(step, share)
        stamp_ns = view.frame.stamp_ns
        self._place = Place(stamp_ns, here, solution.covariance, step, stamp_ns - place.stamp_ns)
        self._noise = solution.noise
        self._odom_from_camera = keyframe.odom_from_keyframe @ here
        since = solution.covariance + stretch(here, share)
        self._covariance = since + carried(keyframe.covariance, here)
        way = np.linalg.norm((pixels - keyframe.corners.pixels)[good], axis=1)
        kept = good.sum() / len(keyframe.corners)
        if kept < KEPT or np.median(way) > MOVED * view.camera.width:
            self._renew(view)
        known = covariance if place.current else UNKNOWN
        return self._motion("tracking", view, step, known, int(good.sum()))

    def _lose(self, view: View, reason: str) -> Motion:
        self._covariance = UNKNOWN
        self._place = replace(
            self._place, previous_from_current=identity(), step_ns=0, current=False
        )
        self._renew(view)
        return self._motion("lost", view, identity(), UNKNOWN, reason=reason)

    def _renew(self, view: View) -> None:
        """A keyframe at the present pose, unless this image has too few corners for one."""
        corners = find(view.grey, view.camera, view.depth, view.confidence, self._config.corners)
        if len(corners) < 2 * self._config.min_inliers:
            return
        stamp_ns, place = view.frame.stamp_ns, self._place
        self._keyframe = Keyframe(corners, self._odom_from_camera, self._covariance)
        self._place = Place(stamp_ns, identity(), NONE, place.previous_from_current, place.step_ns)
        self._rest.begin(corners.pixels, stamp_ns)

    def _motion(
        self,
        state: MotionState,
        view: View,
        previous_from_current: Float64,
        covariance: Float64,
        inliers: int = 0,
        reason: str = "",
    ) -> Motion:
        return Motion(
            state,
            self._odom_from_camera,
            previous_from_current,
            covariance,
            in_axes_of(self._covariance, self._odom_from_camera),
            max(view.interval_ns, 0),
            inliers,
            reason,
        )
