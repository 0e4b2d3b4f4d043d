# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A small DepthResult with an analytic answer: a slanted plane, a colour ramp, a known motion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from depth_ros.frame import Camera, DepthResult, Motion

CAMERA = Camera(width=48, height=36, fx=50.0, fy=52.0, cx=23.1, cy=17.4)
NORMAL, OFFSET = np.array([0.2, -0.3, 0.9]), 2.5  # the plane: NORMAL . p = OFFSET
HOLE = (slice(4, 9), slice(10, 20))  # where depth is invalid


def plane_depth(camera: Camera = CAMERA) -> np.ndarray:
    """Depth along the optical axis of the plane, float64."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)])
    return OFFSET / np.tensordot(NORMAL, rays, 1)


def ramp_image(camera: Camera = CAMERA) -> np.ndarray:
    """RGB whose red is the column, green the row, and blue a constant."""
    v, u = np.mgrid[: camera.height, : camera.width]
    return np.stack([u, v, np.full_like(u, 200)], axis=-1).astype(np.uint8)


def make_motion(**changes: Any) -> Motion:
    still = Motion("stationary", np.eye(4), np.eye(4), np.eye(6) * 1e-4, np.eye(6) * 1e-3)
    return replace(still, **changes)


def make_result(**changes: Any) -> DepthResult:
    depth = plane_depth().astype(np.float32)
    depth[HOLE] = np.nan
    confidence = np.where(np.isnan(depth), 0, 0.75).astype(np.float32)
    result = DepthResult(
        stamp_ns=1_700_000_000_123_456_789,
        frame_id="camera_optical",
        camera=CAMERA,
        depth=depth,
        confidence=confidence,
        image=ramp_image(),
        motion=make_motion(),
        scale_known=True,
    )
    return replace(result, **changes)
