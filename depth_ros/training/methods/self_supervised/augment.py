# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What makes other examples of one: crop, mirror and light, exact in intrinsics and poses."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32, Float64, UInt8
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
_LUMA = np.array([0.299, 0.587, 0.114])


class Window(NamedTuple):
    """The part of all images of an example that is shown: pixels of the stored images."""

    left: int
    top: int
    width: int
    height: int
    mirrored: bool


def draw_window(
    stored: tuple[int, int], config: SelfSupervisedConfig, rng: np.random.Generator
) -> Window:
    """A crop of the image's own shape, mirrored or not; ``stored`` is (width, height)."""
    share = rng.uniform(config.zoom, 1.0)
    width, height = (max(2, round(share * side)) for side in stored)
    left = int(rng.integers(0, stored[0] - width + 1))
    top = int(rng.integers(0, stored[1] - height + 1))
    return Window(left, top, width, height, bool(rng.random() < config.flip_chance))


def shown(image: UInt8, window: Window, size: tuple[int, int]) -> UInt8:
    """(H, W, 3) of the window at ``size`` (width, height)."""
    part = image[window.top :, window.left :][: window.height, : window.width]
    if (window.width, window.height) != size:
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    return part[:, ::-1] if window.mirrored else part


def shown_map(values: Float32, window: Window, size: tuple[int, int]) -> Float32:
    """The same of a map with NaN: nearest pixels, never a mean across an edge."""
    part = values[window.top :, window.left :][: window.height, : window.width]
    if (window.width, window.height) != size:
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_NEAREST), np.float32)
    return part[:, ::-1] if window.mirrored else part


def shown_camera(k: Float64, window: Window, size: tuple[int, int]) -> Float64:
    """fx, fy, cx, cy of the window at ``size``; mirrored, the centre changes sides."""
    across, down = size[0] / window.width, size[1] / window.height
    fx, fy, cx, cy = k
    cx = (cx - window.left + 0.5) * across - 0.5
    cy = (cy - window.top + 0.5) * down - 0.5
    if window.mirrored:
        cx = size[0] - 1 - cx
    return np.array([fx * across, fy * down, cx, cy])


def shown_motion(a_from_b: Float64, window: Window) -> Float64:
    """The transform between the mirrored cameras is M T M, M = diag(-1, 1, 1)."""
    return MIRROR @ a_from_b @ MIRROR if window.mirrored else a_from_b


def shown_pixels(
    pixels: Float64, window: Window, size: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Stored pixels (n, 2) as the nearest shown ones, and which of them are inside."""
    scale = np.array([size[0] / window.width, size[1] / window.height])
    at = (pixels - [window.left, window.top] + 0.5) * scale - 0.5
    if window.mirrored:
        at[:, 0] = size[0] - 1 - at[:, 0]
    near = np.rint(at).astype(np.int64)
    return near, ((near >= 0) & (near < size)).all(1)


def draw_color(config: SelfSupervisedConfig, rng: np.random.Generator) -> Float64:
    """(3, 4): colours in [0, 1] to other colours, the same for all images of an example.

    Brightness, contrast around mid grey, saturation and hue, as Monodepth2's jitter, as one
    matrix and an offset.
    """
    color = np.hstack([np.eye(3), np.zeros((3, 1))])
    if rng.random() < config.jitter_chance:
        amount = [config.brightness, config.contrast, config.saturation, config.hue]
        light, contrast, saturation, hue = np.array(amount) * rng.uniform(-1, 1, 4)
        turn = cv2.Rodrigues(np.full(3, 2 * np.pi * hue / 3**0.5))[0]
        color[:, :3] = (1 + light) * (1 + contrast) * _saturated(1 + saturation) @ turn
        color[:, 3] = -0.5 * contrast * (1 + light)
    if rng.random() < config.grey_chance:
        color = _saturated(0.0) @ color
    return color


def _saturated(share: float) -> Float64:
    return np.asarray(share * np.eye(3) + (1 - share) * _LUMA[None].repeat(3, 0))
