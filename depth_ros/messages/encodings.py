# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What each image encoding of sensor_msgs looks like in memory, and how it becomes 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import UInt8

MAX_SIDE = 65535  # pixels; larger sides come from broken messages, not from cameras
MAX_PIXELS = 2**26  # 67 megapixels: what one message may make us allocate for


@dataclass(frozen=True, slots=True)
class Layout:
    """Memory of one pixel, and the function from (H, W, channels) uint8 to (H, W, 3) RGB."""

    channels: int
    bytes: int  # per channel
    to_rgb: Callable[[UInt8], UInt8]
    minimum: int = 1  # pixels that either side must have at least
    even_width: bool = False  # two pixels share their colour


def check_size(width: int, height: int) -> None:
    """Raises FrameError for a size that no image has, before anything is allocated for it."""
    sane = 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS
    if not sane:
        raise FrameError(
            "image size",
            expected=f"1x1 to {MAX_SIDE} pixels a side and {MAX_PIXELS} in all",
            got=f"{width}x{height}",
            fix="Correct the node that publishes it.",
        )


def layout_of(encoding: str) -> Layout:
    """The layout of an encoding; FrameError names the known ones for any other."""
    try:
        return _LAYOUTS[encoding]
    except KeyError:
        raise FrameError(
            "image encoding",
            expected="one of " + ", ".join(_LAYOUTS),
            got=repr(encoding),
            fix="Convert it with image_proc or change the camera driver's pixel format.",
        ) from None


def _same(image: UInt8) -> UInt8:
    return image


def _reversed(image: UInt8) -> UInt8:
    return image[..., ::-1]


def _by_opencv(code: int) -> Callable[[UInt8], UInt8]:
    def convert(image: UInt8) -> UInt8:
        return np.asarray(cv2.cvtColor(image, code), np.uint8)

    return convert


_GRAY = _by_opencv(cv2.COLOR_GRAY2RGB)
_BGRA = _by_opencv(cv2.COLOR_BGRA2RGB)
_UYVY = Layout(2, 1, _by_opencv(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = Layout(2, 1, _by_opencv(cv2.COLOR_YUV2RGB_YUY2), even_width=True)

# ROS names a mosaic by its first row and column from the first pixel on; OpenCV by those from the
# pixel at (1, 1). Its bilinear demosaicing returns black below 3x3 pixels.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

_LAYOUTS = {
    "rgb8": Layout(3, 1, _same),
    "bgr8": Layout(3, 1, _reversed),
    "8UC3": Layout(3, 1, _reversed),
    "mono8": Layout(1, 1, _GRAY),
    "8UC1": Layout(1, 1, _GRAY),
    "mono16": Layout(1, 2, _GRAY),
    "rgba8": Layout(4, 1, _by_opencv(cv2.COLOR_RGBA2RGB)),
    "bgra8": Layout(4, 1, _BGRA),
    "8UC4": Layout(4, 1, _BGRA),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
} | {
    f"bayer_{pattern}{8 * size}": Layout(1, size, _by_opencv(code), minimum=3)
    for size in (1, 2)
    for pattern, code in _BAYER.items()
}
