# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ten thousand malformed messages: every one ends in a FrameError that says what to do."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest

from depth_ros import messages
from depth_ros.errors import FrameError

Rng = np.random.Generator
Case = tuple[Callable[[object], object], object]
KNOWN = ["rgb8", "bgr8", "mono8", "mono16", "8UC1", "8UC3", "bgra8", "rgba8", "yuv422", "uyvy"]
KNOWN += ["yuv422_yuy2", "yuyv"]
KNOWN += [f"bayer_{p}{b}" for p in ("rggb", "bggr", "gbrg", "grbg") for b in (8, 16)]
BYTES = {"rgb8": 3, "bgr8": 3, "8UC3": 3, "mono8": 1, "8UC1": 1, "bgra8": 4, "rgba8": 4}
WIDTH, HEIGHT = 12, 8
_PIXELS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
JPEG = cv2.imencode(".jpg", _PIXELS)[1].tobytes()
PNG = cv2.imencode(".png", _PIXELS)[1].tobytes()


def good_image(rng: Rng) -> Image:
    encoding = str(rng.choice(KNOWN))
    size = BYTES.get(encoding, 1 if encoding.endswith("8") and "bayer" in encoding else 2)
    step = WIDTH * size + int(rng.integers(0, 4))
    msg = Image(width=WIDTH, height=HEIGHT, encoding=encoding, step=step)
    msg.data = array("B", bytes(step * HEIGHT))
    return msg


def good_info() -> CameraInfo:
    msg = CameraInfo(width=640, height=480, distortion_model="plumb_bob", d=[0.1] * 5)
    msg.k[:] = 400, 0, 320, 0, 400, 240, 0, 0, 1
    return msg


def wrong_length(rng: Rng) -> Case:
    msg = good_image(rng)
    length = int(rng.integers(0, 2 * len(msg.data)))
    msg.data = array("B", bytes(length + (length == len(msg.data))))
    return messages.image_to_rgb, msg


def wrong_size(rng: Rng) -> Case:
    msg = good_image(rng)
    side = str(rng.choice(["width", "height"]))
    setattr(msg, side, int(rng.choice([0, 70_000, 2**31, 2**32 - 1])))
    return messages.image_to_rgb, msg


def both_sizes_huge(rng: Rng) -> Case:
    msg = good_image(rng)
    msg.width, msg.height, msg.step = 65_535, 65_535, 2**32 - 1
    return messages.image_to_rgb, msg


def wrong_step(rng: Rng) -> Case:
    msg = good_image(rng)
    msg.step = int(rng.choice([0, 1, WIDTH - 1, msg.step + 1, 2**31, 2**32 - 1]))
    return messages.image_to_rgb, msg


def wrong_encoding(rng: Rng) -> Case:
    msg = good_image(rng)
    letters = "".join(chr(c) for c in rng.integers(32, 0x2FF, rng.integers(0, 12)))
    choices = [letters, msg.encoding.upper() + "x", "", "rgb", "64FC1", "nv21", "32FC1", "bayer_"]
    msg.encoding = str(rng.choice(choices))
    return messages.image_to_rgb, msg


def odd_yuv(rng: Rng) -> Case:
    encoding = str(rng.choice(["yuv422", "uyvy", "yuyv", "yuv422_yuy2"]))
    msg = Image(width=11, height=HEIGHT, encoding=encoding, step=22)
    msg.data = array("B", bytes(22 * HEIGHT))
    return messages.image_to_rgb, msg


def tiny_bayer(rng: Rng) -> Case:
    width, height = (int(v) for v in rng.permutation([int(rng.integers(1, 3)), 9]))
    msg = Image(width=width, height=height, encoding="bayer_rggb8", step=width)
    msg.data = array("B", bytes(width * height))
    return messages.image_to_rgb, msg


def wrong_depth(rng: Rng) -> Case:
    encoding = str(rng.choice(["32FC1", "16UC1", "8UC1", "64FC1", ""]))
    msg = Image(width=WIDTH, height=HEIGHT, encoding=encoding, step=4 * WIDTH)
    msg.data = array("B", bytes(int(rng.integers(0, 4 * WIDTH * HEIGHT))))
    return messages.image_to_depth, msg


def wrong_stamp(rng: Rng) -> Case:
    past = Time(sec=-int(rng.integers(1, 2**31)), nanosec=0)
    late = Time(sec=1, nanosec=int(rng.integers(10**9, 2**32)))
    return messages.stamp_ns, [past, late][rng.integers(2)]


def packed(data: bytes, text: str) -> Case:
    return messages.compressed_to_rgb, CompressedImage(format=text, data=array("B", data))


def truncated_jpeg(rng: Rng) -> Case:
    return packed(JPEG[: rng.integers(0, len(JPEG))], "jpeg")


def truncated_png(rng: Rng) -> Case:
    return packed(PNG[: rng.integers(0, len(PNG) - 8)], "png")


def random_bytes(rng: Rng) -> Case:
    start = [b"", JPEG[:3], JPEG[: rng.integers(4, 200)], PNG[:8], PNG[: rng.integers(9, 60)]]
    data = start[rng.integers(len(start))] + rng.bytes(rng.integers(0, 300))
    return packed(data, str(rng.choice(["jpeg", "png", "", "rgb8; jpeg compressed bgr8"])))


def png_of_absurd_size(rng: Rng) -> Case:
    sides = rng.choice([0, 70_000, 2**31 - 1], 2)
    header = b"".join(int(side).to_bytes(4, "big") for side in sides)
    return packed(PNG[:16] + header + PNG[24:], "png")


def jpeg_of_absurd_size(rng: Rng) -> Case:
    at = JPEG.index(b"\xff\xc0") + 5
    size = [b"\0\0\0\x08", b"\0\x08\0\0", b"\xff\xff\xff\xff"][rng.integers(3)]
    return packed(JPEG[:at] + size + JPEG[at + 4 :], "jpeg")


def other_format(rng: Rng) -> Case:
    text = str(rng.choice(["16UC1; compressedDepth png", "32FC1; compressedDepth", "h264"]))
    return packed(rng.bytes(12) + (b"" if text == "h264" else PNG), text)


def not_finite(rng: Rng) -> Case:
    msg = good_info()
    name, index = [("k", 9), ("r", 9), ("p", 12), ("d", 5)][rng.integers(4)]
    getattr(msg, name)[int(rng.integers(index))] = rng.choice([math.nan, math.inf, -math.inf])
    return messages.camera_from_info, msg


def wrong_info_size(rng: Rng) -> Case:
    msg = good_info()
    setattr(msg, str(rng.choice(["width", "height"])), int(rng.choice([0, 70_000, 2**32 - 1])))
    return messages.camera_from_info, msg


def wrong_calibration(rng: Rng) -> Case:
    msg = good_info()
    kind = rng.integers(7)
    if kind == 0:
        msg.k[:] = 0
    elif kind == 1:
        msg.k[0] = -rng.uniform(0.1, 1000)
    elif kind == 2:
        msg.r[:] = rng.normal(size=9)
    elif kind == 3:
        msg.d = array("d", rng.uniform(0.1, 1, rng.choice([1, 2, 3, 6, 9, 100])))
    elif kind == 4:
        msg.distortion_model = str(rng.choice(["", "kannala_brandt", "Plumb_Bob", "?"]))
    elif kind == 5:
        msg.k[1] = rng.uniform(1, 5)
    else:
        msg.p[:] = -rng.uniform(1, 9, 12)
    return messages.camera_from_info, msg


def wrong_region(rng: Rng) -> Case:
    msg = good_info()
    x, y, width, height = (int(v) for v in rng.choice([0, 1, 641, 2**32 - 1], 4))
    msg.roi = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
    inside = width > 0 and height > 0 and x + width <= 640 and y + height <= 480
    if inside or not any((x, y, width, height)):
        msg.binning_x = 2**32 - 1
    return messages.camera_from_info, msg


KINDS = [
    wrong_length,
    wrong_size,
    both_sizes_huge,
    wrong_step,
    wrong_encoding,
    odd_yuv,
    tiny_bayer,
    wrong_depth,
    wrong_stamp,
    truncated_jpeg,
    truncated_png,
    random_bytes,
    png_of_absurd_size,
    jpeg_of_absurd_size,
    other_format,
    not_finite,
    wrong_info_size,
    wrong_calibration,
    wrong_region,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_malformed(kind: Callable[[Rng], Case]) -> None:
    """10 000 messages in all, each refused with a sentence that says expected and got."""
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(-(-10_000 // len(KINDS))):
        read, msg = kind(rng)
        with pytest.raises(FrameError, match=r"(?s)expected .*, got "):
            read(msg)


def test_the_messages_were_good_before() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert messages.image_to_rgb(good_image(rng)).shape == (HEIGHT, WIDTH, 3)
    for data in (JPEG, PNG):
        read, msg = packed(data, "")
        assert read(msg).shape == (HEIGHT, WIDTH, 3)
    assert messages.camera_from_info(good_info()).fx == 400
