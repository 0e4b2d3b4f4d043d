# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From linear light to 8 bits: sky, gamma, softened silhouettes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32, Float64, UInt8
from depth_ros.training.render.raster import Int32


def paint_sky(image: Float32, sky: Float64, fall: Float32, where: npt.NDArray[np.bool_]) -> None:
    """Colour pixels (H, W) ``where`` no surface is; ``fall`` is minus the ray's slope."""
    rise = np.clip(-fall.reshape(where.shape)[where], 0, 1)[:, None] ** 0.6
    image[where] = (sky[0] + (sky[1] - sky[0]) * rise).astype(np.float32)


@lru_cache(maxsize=1)
def _curve() -> UInt8:
    """Linear light in 1/4096 to 8 bits: sRGB-like gamma with a soft shoulder."""
    light = np.arange(4096 * 4) / 4096
    shoulder = np.where(light < 0.7, light, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.6))
    return np.round(255 * np.clip(shoulder, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def tone(image: Float32) -> UInt8:
    """(H, W, 3) linear light to 8 bits."""
    curve = _curve()
    return curve[np.clip(image * 4096, 0, len(curve) - 1).astype(np.uint16)]


def soften(image: UInt8, index: Int32) -> UInt8:
    """Blend across silhouettes, as a pixel's area does; depth stays sharp."""
    edge = np.zeros(index.shape, np.uint8)
    across, down = index[:, 1:] != index[:, :-1], index[1:] != index[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    smooth = cv2.GaussianBlur(image, (3, 3), 0.6)
    return np.asarray(cv2.copyTo(smooth, edge, image), np.uint8)
