# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth as colours to look at."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from depth_ros.errors import ConfigError
from depth_ros.frame import Float32, UInt8


def colorize(depth: Float32, near_m: float, far_m: float) -> UInt8:
    """Depth (height, width) in metres as (height, width, 3) uint8 RGB.

    Turbo (Mikhailov 2019) over inverse depth, which shows near surfaces finely: dark red at
    ``near_m`` and nearer, dark blue at ``far_m`` and farther; black where depth is NaN or not
    positive. Raises ConfigError unless 0 < near_m < far_m.
    """
    if not 0 < near_m < far_m:
        expected = "0 < near_m < far_m"
        raise ConfigError("colour range", expected=expected, got=f"{near_m} to {far_m}")
    # level 1 at far_m, 255 at near_m (and a half, to round); 0 is kept for invalid pixels
    gain = 254 / (1 / near_m - 1 / far_m)
    with np.errstate(divide="ignore", over="ignore"):
        level = np.float32(gain) / depth
    level += np.float32(1.5 - gain / far_m)
    np.fmax(level, np.float32(1), out=level)  # 1 for NaN, too
    np.minimum(level, np.float32(255), out=level)
    level *= depth > 0
    return np.asarray(cv2.applyColorMap(level.astype(np.uint8), _turbo()), np.uint8)


@cache
def _turbo() -> UInt8:
    """256 RGB colours as OpenCV takes them, (256, 1, 3), black first."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1].copy()
    colors[0] = 0
    return np.asarray(colors, np.uint8)
