# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a clip shows of its images: the same window of all, moved by a pan."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.training.data.augment import AugmentConfig
from depth_ros.training.data.window import Window, cut_depth, draw_centre, draw_crop

SQUARE = 0.01  # fx and fy may differ by this share where an image is turned


def draw_window(
    image: UInt8,
    camera: Camera | None,
    size: tuple[int, int],
    config: AugmentConfig,
    rng: np.random.Generator,
) -> Window:
    """A random crop, stretch, roll and flip within the limits of ``config``."""
    crop = draw_crop(image.shape, size, config, rng)
    angle = np.deg2rad(config.roll_deg) * rng.uniform(-1, 1) * (rng.random() < 0.5)
    if camera is not None and abs(camera.fx / camera.fy - 1) > SQUARE:
        angle = 0.0  # such pixels cannot be turned without shear
    centre = draw_centre(image.shape, crop, rng)
    mirrored = bool(rng.random() < config.flip_chance)
    return Window(size, centre, *crop, float(angle), mirrored)


def cut_image(image: UInt8, window: Window) -> UInt8:
    """(h, w, 3) to the window's size, averaged where it shrinks: no aliasing."""
    factor = max(1, round(window.shrink()))
    drawn = (window.size[0] * factor, window.size[1] * factor)
    out: Any = cv2.warpAffine(
        image,
        window.matrix(drawn, (image.shape[0], image.shape[1]), image),
        drawn,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if factor > 1:
        out = cv2.resize(out, window.size, interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.uint8)


def half_depth(depth: Float32, image: UInt8, window: Window) -> Float32:
    """Depth at half the window's size, as networks of clips give it."""
    return cut_depth(depth, image, window, (window.size[0] // 2, window.size[1] // 2))


def in_axes(motion: Float64, axes: Float64) -> Float64:
    """A rigid transform 4x4 of the camera's axes as one of the window's, right-handed again."""
    return np.asarray(axes @ motion @ np.linalg.inv(axes))
