# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The windows of an image that protocols judge, or show to the network, by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from depth_ros.errors import ConfigError, FrameError

Window = tuple[slice, slice]  # rows, columns


def _shares(top: float, bottom: float, left: float, right: float) -> Callable[[int, int], Window]:
    """Shares of height and width, cut down to whole pixels as the published code does."""

    def window(height: int, width: int) -> Window:
        return (
            slice(int(top * height), int(bottom * height)),
            slice(int(left * width), int(right * width)),
        )

    return window


def _of_vga(top: int, bottom: int, left: int, right: int) -> Callable[[int, int], Window]:
    """Pixels of a 640x480 image; other sizes are refused, because the papers define none."""

    def window(height: int, width: int) -> Window:
        if (height, width) != (480, 640):
            raise FrameError(
                "truth under this crop",
                expected="640x480",
                got=f"{width}x{height}",
                fix="Give the truth at 640x480, or choose another protocol or --crop.",
            )
        return slice(top, bottom), slice(left, right)

    return window


def _whole(height: int, width: int) -> Window:
    return slice(0, height), slice(0, width)


def _kb(height: int, width: int) -> Window:
    """352x1216 pixels at the bottom, centred: KITTI's benchmark crop (BTS, LapDepth, GLP)."""
    if height < 352 or width < 1216:
        raise FrameError(
            "truth under KITTI's benchmark crop",
            expected="at least 1216x352",
            got=f"{width}x{height}",
        )
    left = (width - 1216) // 2
    return slice(height - 352, height), slice(left, left + 1216)


def _make3d(height: int, width: int) -> Window:
    """The middle rows of Make3D's upright 1704x2272 images that are twice as wide as high.

    These are 852 of 2272 rows; of the 55 rows of the laser's depth map 17 to 37.
    """
    rows = int(height * 852 / 2272 + 0.5)
    top = (height - rows) // 2
    return slice(top, top + rows), slice(0, width)


CROPS: dict[str, Callable[[int, int], Window]] = {
    "none": _whole,
    "garg": _shares(0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "eigen": _shares(0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "kb": _kb,
    "nyu_eigen": _of_vga(45, 471, 41, 601),
    "stclstm": _of_vga(44, 471, 40, 601),
    "stclstm_input": _of_vga(16, 472, 16, 624),  # box (8, 8, 312, 236) of the 320x240 image
    "make3d": _make3d,
}


def crop_window(name: str, shape: tuple[int, ...]) -> Window:
    """Rows and columns of the crop ``name`` in an image of ``shape`` (height, width, ...).

    Raises ConfigError for an unknown name, with the nearest one, and FrameError for a size that
    the crop is not defined for.
    """
    if name not in CROPS:
        near = get_close_matches(name, CROPS, n=1)
        fix = f"Did you mean {near[0]}?" if near else None
        raise ConfigError("crop", expected=" or ".join(CROPS), got=name, fix=fix)
    return CROPS[name](shape[0], shape[1])
