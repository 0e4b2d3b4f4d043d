# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CompressedImage, JPEG or PNG, to RGB. Damaged ones raise FrameError."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import UInt8
from depth_ros.messages.encodings import check_size, layout_of

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # ITU T.81, table B.1


def compressed_to_rgb(msg: CompressedImage) -> UInt8:
    """The image as (height, width, 3) uint8 RGB, in the camera's orientation (EXIF is ignored).

    The data, not ``format``, tells JPEG from PNG. Of ``format`` as compressed_image_transport
    writes it ("rgb8; jpeg compressed bgr8"), a Bayer encoding before the semicolon is demosaiced
    and "compressed rgb" after it means that red and blue were exchanged before compression.
    16-bit PNG loses its lower byte.

    Raises FrameError for other formats (compressedDepth, H.264), truncated or damaged data, and a
    size in its header that is impossible; the size is checked before the image is decoded.
    """
    data = bytes(msg.data)
    check_size(*_size(data, msg.format))
    return _to_rgb(_decode(data, msg.format), msg.format)


def _size(data: bytes, text: str) -> tuple[int, int]:
    """Width and height from the header of a complete file."""
    if "compressedDepth" in text:
        fix = "Subscribe to the colour image's compressed topic."
        raise FrameError("compressed image", expected="a colour image", got=repr(text), fix=fix)
    if data.startswith(_PNG):
        if b"IEND" not in data[-64:]:
            raise _damaged("a PNG that ends with IEND", data)
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    raise FrameError(
        "compressed image",
        expected="JPEG or PNG data",
        got=f"format {text!r}, {len(data)} bytes that begin with {data[:8].hex(' ') or 'nothing'}",
        fix="Set the publisher's image transport to jpeg or png.",
    )


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walks the segments to the frame header; the end marker has to come after it.

    Some versions of OpenCV fill a truncated JPEG with grey and report success.
    """
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        if data[at + 1] in _FRAME_HEADERS:
            if data.rfind(b"\xff\xd9") < at:
                raise _damaged("a JPEG with an end marker", data)
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise _damaged("a JPEG with a frame header", data)


def _decode(data: bytes, text: str) -> UInt8:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _damaged(f"an image that OpenCV decodes ({error.err})", data) from error
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise _damaged(f"an image of 8 or 16 bits (format {text!r})", data)
    return np.asarray(image if image.dtype == np.uint8 else image >> 8, np.uint8)


def _to_rgb(image: UInt8, text: str) -> UInt8:
    """OpenCV decodes to gray, BGR or BGRA; the format may say that this means something else."""
    source, _, compression = text.partition(";")
    if image.ndim == 2 and source.startswith("bayer_"):
        return layout_of(source).to_rgb(image)
    channels = 1 if image.ndim == 2 else image.shape[2]
    names = {1: "mono8", 3: "bgr8", 4: "bgra8"}
    if "compressed rgb" in compression:
        names |= {3: "rgb8", 4: "rgba8"}
    return layout_of(names[channels]).to_rgb(image)


def _damaged(expected: str, data: bytes) -> FrameError:
    fix = "Check the link to the camera; the frame is dropped."
    return FrameError("compressed image", expected=expected, got=f"{len(data)} bytes", fix=fix)
