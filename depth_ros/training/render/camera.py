# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One picture of a scene, and the cameras that take it."""

from __future__ import annotations

import math

import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Camera, Float64
from depth_ros.training.render.raster import Eye, cast
from depth_ros.training.render.scene import Rendered, Scene
from depth_ros.training.render.shade import shade


def render(scene: Scene, camera: Camera, world_from_camera: Float64) -> Rendered:
    """Colour and exact z-depth at every pixel centre.

    ``world_from_camera`` is 4x4, optical camera axes to the scene's world. The camera has to be
    rectified. The first picture of a scene also draws its shadows.
    """
    if not camera.is_rectified:
        raise FrameError(
            "camera to render with",
            expected="a pinhole without distortion",
            got=f"distortion {camera.distortion}",
            fix="Render the rectified camera.",
        )
    eye = Eye.of(camera, world_from_camera)
    hits = cast(scene, eye)
    with np.errstate(divide="ignore"):
        depth = np.where(hits.inverse > 0, 1 / hits.inverse, np.float32(np.nan))
    return Rendered(shade(scene, eye, hits), depth)


def random_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """Horizontal field of view 45 to 95 degrees, mostly 55 to 75; principal point near centre."""
    degrees = float(np.clip(rng.normal(64, 8), 45, 95))
    if rng.random() < 0.2:
        degrees = float(rng.uniform(45, 95))
    focal = width / 2 / math.tan(math.radians(degrees) / 2)
    squeeze = float(1 + rng.normal(0, 0.004))
    cx = (width - 1) / 2 + width * float(np.clip(rng.normal(0, 0.01), -0.03, 0.03))
    cy = (height - 1) / 2 + height * float(np.clip(rng.normal(0, 0.01), -0.03, 0.03))
    return Camera(width, height, focal, focal * squeeze, cx, cy)
