# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image to RGB or depth, and stamps to nanoseconds. FrameError where malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError
from depth_ros.frame import Float32, UInt8
from depth_ros.messages.encodings import Layout, check_size, layout_of

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time
    from sensor_msgs.msg import Image

_DEPTH = {"32FC1": "f4", "16UC1": "u2", "mono16": "u2"}


def stamp_ns(stamp: Time) -> int:
    """A header's stamp in nanoseconds. Raises FrameError unless it is a time of day after 1970."""
    if stamp.sec < 0 or not 0 <= stamp.nanosec < 1_000_000_000:
        raise FrameError(
            "stamp",
            expected="sec >= 0 and nanosec below 10^9",
            got=f"sec {stamp.sec}, nanosec {stamp.nanosec}",
            fix="Correct the clock of the node that publishes it.",
        )
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def image_to_rgb(msg: Image) -> UInt8:
    """The image as (height, width, 3) uint8 RGB.

    ``rgb8``, ``bgr8`` and ``8UC3`` (taken as BGR, as OpenCV does) are read-only views of the
    message's own memory, which they keep alive: with strides (step, 3, 1) or, for BGR, reversed
    channels with a negative last stride. OpenCV copies such a view slowly; ``view[..., ::-1]`` is
    the BGR image that it takes as it is. Other encodings are converted into a new array: YUV
    by BT.601, Bayer bilinearly, 16 bits by their upper byte.

    Raises FrameError for an unknown encoding, an impossible size or step, and data of another
    length than step * height; nothing is allocated before these checks.
    """
    layout = layout_of(msg.encoding)
    _check_shape(msg, layout)
    pixels = _pixels(msg, f"u{layout.bytes}", layout.channels)
    if layout.bytes == 2:  # the upper byte is what >> 8 leaves, in either byte order
        pixels = pixels.view(np.uint8)[..., 0 if msg.is_bigendian else 1 :: 2]
    return layout.to_rgb(pixels)


def image_to_depth(msg: Image) -> Float32:
    """A depth image as a new (height, width) float32 array in metres, NaN invalid.

    Takes 32FC1 metres and 16UC1 or mono16 millimetres (REP 118) of either byte order. Zero,
    negative and infinite depth becomes NaN. Raises FrameError as image_to_rgb does.
    """
    kind = _DEPTH.get(msg.encoding)
    if kind is None:
        known = "one of " + ", ".join(_DEPTH)
        raise FrameError("depth encoding", expected=known, got=repr(msg.encoding))
    pixels = _pixels(msg, kind, 1)[..., 0]
    depth = pixels.astype(np.float32)
    if kind == "u2":
        depth *= np.float32(0.001)
    depth[~((depth > 0) & (depth < np.inf))] = np.nan
    return depth


def _check_shape(msg: Image, layout: Layout) -> None:
    """What this encoding asks of the size, beyond what every image has to fulfil."""
    check_size(msg.width, msg.height)
    size = f"{msg.width}x{msg.height}"
    if layout.even_width and msg.width % 2:
        raise FrameError(f"width of {msg.encoding}", expected="an even number", got=size)
    if min(msg.width, msg.height) < layout.minimum:
        least = f"at least {layout.minimum}x{layout.minimum}"
        raise FrameError(f"size of {msg.encoding}", expected=least, got=size)


def _pixels(msg: Image, kind: str, channels: int) -> npt.NDArray[Any]:
    """A read-only (height, width, channels) view of the data, of the message's byte order."""
    check_size(msg.width, msg.height)
    dtype = np.dtype((">" if msg.is_bigendian else "<") + kind)
    row = msg.width * channels * dtype.itemsize
    if msg.step < row:
        raise FrameError(
            "image step",
            expected=f"at least {row} bytes for {msg.width} pixels of {msg.encoding}",
            got=msg.step,
            fix="Correct the node that publishes it.",
        )
    if len(msg.data) != msg.step * msg.height:
        raise FrameError(
            "image data",
            expected=f"step {msg.step} * height {msg.height} = {msg.step * msg.height} bytes",
            got=f"{len(msg.data)} bytes",
            fix="Correct the node that publishes it.",
        )
    shape = (msg.height, msg.width, channels)
    strides = (msg.step, channels * dtype.itemsize, dtype.itemsize)
    data = np.frombuffer(msg.data, np.uint8)
    view: npt.NDArray[Any] = np.ndarray(shape, dtype, buffer=data, strides=strides)
    view.flags.writeable = False
    return view
