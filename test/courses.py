# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Odometry along rendered courses, and how far it is from their truth."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from synthetic import View, views, walk

from depth_ros.config import OdometryConfig
from depth_ros.frame import Camera, Float64, Motion
from depth_ros.metrics import trajectory_error
from depth_ros.odometry import Odometry, make_odometry
from depth_ros.odometry.rigid import inverse

CAMERA = Camera.from_fov(320, 240, 1.1)
PERIOD = 33_333_333


@functools.cache
def rendered_walk() -> tuple[View, ...]:
    """48 frames of a walk through the room, 0.95 m long, turning by 40 degrees."""
    return tuple(views(CAMERA, walk(48)))


def run(course: Iterable[View], config: OdometryConfig | None = None) -> list[Motion]:
    odometry = make_odometry(config or OdometryConfig())
    return [step(odometry, view) for view in course]


def step(odometry: Odometry, view: View) -> Motion:
    sure = np.isfinite(view.depth).astype(np.float32)
    return odometry.update(view.frame, view.depth, sure)


def with_image(view: View, image: np.ndarray, stamp_ns: int | None = None) -> View:
    stamp_ns = view.frame.stamp_ns if stamp_ns is None else stamp_ns
    return replace(view, frame=replace(view.frame, image=image, stamp_ns=stamp_ns))


def blank(view: View) -> View:
    return with_image(view, np.full_like(view.frame.image, 90))


def again(view: View, **changes: object) -> View:
    return replace(view, frame=replace(view.frame, **changes))  # type: ignore[arg-type]


def positions(poses: Iterable[Float64]) -> Float64:
    return np.array([p[:3, 3] for p in poses])


def ate_percent(course: Sequence[View], motions: list[Motion]) -> float:
    truth = positions(view.world_from_camera for view in course)
    return trajectory_error(positions(m.odom_from_camera for m in motions), truth)["rmse_percent"]


def difference(estimate: Float64, truth: Float64) -> Float64:
    """The twist e in ``truth = estimate @ exp(e)``: metres and radians."""
    error = inverse(estimate) @ truth
    return np.concatenate([error[:3, 3], cv2.Rodrigues(error[:3, :3])[0].ravel()])


def true_step(before: View, after: View) -> Float64:
    return inverse(before.world_from_camera) @ after.world_from_camera


def surprise(motion: Motion, truth: Float64) -> float:
    """Normalised error squared of previous_from_current: 6 on average for a true covariance."""
    error = difference(motion.previous_from_current, truth)
    return float(error @ np.linalg.solve(motion.covariance, error))


def states(motions: list[Motion]) -> list[str]:
    return [m.state for m in motions]
