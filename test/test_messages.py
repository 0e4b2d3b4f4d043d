# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Reading images: every encoding against an image whose colours are known."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CompressedImage, Image

from depth_ros import messages
from depth_ros.errors import FrameError

COLORS = [(250, 20, 30), (10, 240, 40), (15, 25, 235), (200, 190, 60), (128, 128, 128), (0, 0, 0)]
PATCH = 16  # pixels; even, and whole JPEG blocks


@pytest.fixture
def rgb() -> np.ndarray:
    """Two rows of three flat patches."""
    patches = np.array(COLORS, np.uint8).reshape(2, 3, 3)
    return patches.repeat(PATCH, axis=0).repeat(PATCH, axis=1)


def to_msg(pixels: np.ndarray, encoding: str, padding: int = 0, big: bool = False) -> Image:
    """The array (H, W[, C]) as a message, rows padded with bytes that must never be seen."""
    height, width = pixels.shape[:2]
    dtype = pixels.dtype.newbyteorder(">" if big else "<")
    rows = np.ascontiguousarray(pixels.astype(dtype)).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    msg = Image(width=width, height=height, encoding=encoding, step=rows.shape[1])
    msg.is_bigendian = int(big)
    msg.data = array("B", rows.tobytes())
    return msg


def inner(image: np.ndarray) -> np.ndarray:
    """The patches (rows, columns, y, x, 3) without their edges, where colours mix."""
    patches = image.reshape(2, PATCH, 3, PATCH, 3).swapaxes(1, 2)
    return patches[:, :, 2:-2, 2:-2].astype(int)


def with_alpha(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, np.full(image.shape[:2], 77, np.uint8)])


def gray_of(image: np.ndarray) -> np.ndarray:
    return image[..., 1].copy()


def as_gray(image: np.ndarray) -> np.ndarray:
    return np.dstack([gray_of(image)] * 3)


def yuv422(image: np.ndarray, order: str) -> np.ndarray:
    """ITU-R BT.601 with the ranges of video, by its definition; two pixels share U and V."""
    r, g, b = np.moveaxis(image.astype(float) / 255, -1, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    y, u, v = 16 + 219 * luma, 128 + 112 * (b - luma) / 0.886, 128 + 112 * (r - luma) / 0.701
    first = {"y": y[:, ::2], "u": u[:, ::2], "v": v[:, ::2]}
    second = {**first, "y": y[:, 1::2]}
    pairs = [first[order[0]], first[order[1]], second[order[2]], second[order[3]]]
    height, width = luma.shape
    return np.rint(np.stack(pairs, axis=-1)).astype(np.uint8).reshape(height, width, 2)


def mosaic(image: np.ndarray, pattern: str) -> np.ndarray:
    """The colour filters by ROS' naming: the first row's two pixels, then the second row's."""
    out = np.empty(image.shape[:2], np.uint8)
    for i, color in enumerate(pattern):
        row, column = divmod(i, 2)
        out[row::2, column::2] = image[row::2, column::2, "rgb".index(color)]
    return out


LOSSLESS = {
    "rgb8": (lambda i: i, lambda i: i),
    "bgr8": (lambda i: i[..., ::-1], lambda i: i),
    "8UC3": (lambda i: i[..., ::-1], lambda i: i),
    "rgba8": (with_alpha, lambda i: i),
    "bgra8": (lambda i: with_alpha(i[..., ::-1]), lambda i: i),
    "8UC4": (lambda i: with_alpha(i[..., ::-1]), lambda i: i),
    "mono8": (gray_of, as_gray),
    "8UC1": (gray_of, as_gray),
}


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", LOSSLESS)
def test_lossless_encodings_are_exact(rgb: np.ndarray, encoding: str, padding: int) -> None:
    encode, expected = LOSSLESS[encoding]
    image = messages.image_to_rgb(to_msg(encode(rgb), encoding, padding))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected(rgb))


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "8UC3"])
def test_common_encodings_are_views_of_the_message(
    rgb: np.ndarray, encoding: str, padding: int
) -> None:
    msg = to_msg(LOSSLESS[encoding][0](rgb), encoding, padding)
    image = messages.image_to_rgb(msg)
    assert np.shares_memory(image, np.frombuffer(msg.data, np.uint8))
    assert not image.flags.writeable


def test_a_view_outlives_its_message(rgb: np.ndarray) -> None:
    image = messages.image_to_rgb(to_msg(rgb, "rgb8"))  # nothing else holds the message
    np.testing.assert_array_equal(image, rgb)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 3])
def test_mono16_keeps_the_upper_byte(rgb: np.ndarray, padding: int, big: bool) -> None:
    values = gray_of(rgb).astype(np.uint16) * 256 + 0x7B
    image = messages.image_to_rgb(to_msg(values, "mono16", padding, big))
    np.testing.assert_array_equal(image, as_gray(rgb))


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")],
)
def test_yuv_is_right_within_rounding(
    rgb: np.ndarray, encoding: str, order: str, padding: int
) -> None:
    image = messages.image_to_rgb(to_msg(yuv422(rgb, order), encoding, padding))
    # U and V are rounded to 1/224 of their range and blue weighs U by 2.0
    np.testing.assert_allclose(image.astype(int), rgb.astype(int), atol=2)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patches_have_their_colors(
    rgb: np.ndarray, pattern: str, bits: int, big: bool
) -> None:
    raw = mosaic(rgb, pattern)
    values = raw if bits == 8 else raw.astype(np.uint16) * 256 + 0x31
    image = messages.image_to_rgb(to_msg(values, f"bayer_{pattern}{bits}", 2, big))
    assert image.shape == rgb.shape
    np.testing.assert_array_equal(inner(image), inner(rgb))


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_rgb_to_image_and_back(rgb: np.ndarray, encoding: str) -> None:
    for source in (
        rgb,
        rgb[..., ::-1],
        rgb[:, ::2],
        np.ascontiguousarray(rgb[..., ::-1])[..., ::-1],
    ):
        msg = messages.rgb_to_image(source, 5_000_000_007, "cam", encoding)
        assert (msg.encoding, msg.step) == (encoding, 3 * source.shape[1])
        assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == (5, 7)
        assert msg.header.frame_id == "cam"
        np.testing.assert_array_equal(messages.image_to_rgb(msg), source)


def test_rgb_to_mono8(rgb: np.ndarray) -> None:
    image = messages.image_to_rgb(messages.rgb_to_image(rgb, 0, "cam", "mono8"))
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(image, np.dstack([luma] * 3), atol=1)


@pytest.mark.parametrize("big", [False, True])
def test_depth_images_of_both_byte_orders(big: bool) -> None:
    depth = np.array([[1.25, np.nan, 0.0], [-1.0, np.inf, 65.0]], np.float32)
    expected = np.array([[1.25, np.nan, np.nan], [np.nan, np.nan, 65.0]], np.float32)
    np.testing.assert_array_equal(
        messages.image_to_depth(to_msg(depth, "32FC1", 3, big)), expected
    )
    millimetres = np.array([[1250, 0, 65535]], np.uint16)
    for encoding in ("16UC1", "mono16"):
        read = messages.image_to_depth(to_msg(millimetres, encoding, 3, big))
        np.testing.assert_allclose(read, [[1.25, np.nan, 65.535]], rtol=1e-6)


def test_stamps() -> None:
    assert messages.stamp_ns(Time(sec=2, nanosec=3)) == 2_000_000_003
    ns = 1_700_000_000_123_456_789
    assert messages.stamp_ns(messages.to_stamp(ns)) == ns
    for bad in (-1, 2**31 * 10**9):
        with pytest.raises(FrameError, match="stamp"):
            messages.to_stamp(bad)


def compressed(pixels: np.ndarray, extension: str, text: str) -> CompressedImage:
    """What OpenCV writes of the array, taken as BGR."""
    data = cv2.imencode(extension, pixels, [cv2.IMWRITE_JPEG_QUALITY, 100] * (extension == ".jpg"))
    return CompressedImage(format=text, data=array("B", data[1].tobytes()))


@pytest.mark.parametrize("text", ["png", "rgb8; png compressed bgr8", "bgr8; png compressed bgr8"])
def test_png_is_exact(rgb: np.ndarray, text: str) -> None:
    image = messages.compressed_to_rgb(compressed(rgb[..., ::-1], ".png", text))
    np.testing.assert_array_equal(image, rgb)


def test_png_of_other_kinds(rgb: np.ndarray) -> None:
    def read(pixels: np.ndarray, text: str = "png") -> np.ndarray:
        return messages.compressed_to_rgb(compressed(pixels, ".png", text))

    np.testing.assert_array_equal(read(gray_of(rgb)), as_gray(rgb))
    np.testing.assert_array_equal(read(with_alpha(rgb[..., ::-1])), rgb)
    deep = rgb[..., ::-1].astype(np.uint16) * 256 + 9
    np.testing.assert_array_equal(read(deep, "bgr16; png compressed bgr16"), rgb)
    np.testing.assert_array_equal(read(deep[..., 1], "mono16; png compressed "), as_gray(rgb))
    np.testing.assert_array_equal(read(rgb, "rgb8; png compressed rgb8"), rgb)
    bayer = read(mosaic(rgb, "grbg"), "bayer_grbg8; png compressed ")
    np.testing.assert_array_equal(inner(bayer), inner(rgb))


@pytest.mark.parametrize("text", ["jpeg", "rgb8; jpeg compressed bgr8", "jpg", ""])
def test_jpeg_has_the_colors(rgb: np.ndarray, text: str) -> None:
    image = messages.compressed_to_rgb(compressed(rgb[..., ::-1], ".jpg", text))
    np.testing.assert_allclose(inner(image), inner(rgb), atol=3)  # JPEG rounds Y, Cb and Cr


def test_exif_does_not_turn_the_image(rgb: np.ndarray) -> None:
    """The calibration is of the sensor's rows and columns."""
    entry = bytes.fromhex("0112 0003 00000001 0006 0000")  # orientation 6: turn by 90 degrees
    tiff = b"MM\0*" + bytes.fromhex("00000008 0001") + entry + bytes(4)
    exif = b"Exif\0\0" + tiff
    plain = compressed(rgb[..., ::-1], ".jpg", "jpeg")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = plain.data.tobytes()
    turned = CompressedImage(format="jpeg", data=array("B", data[:2] + segment + data[2:]))
    assert cv2.imdecode(np.frombuffer(turned.data, np.uint8), cv2.IMREAD_COLOR).shape[0] == 48
    np.testing.assert_array_equal(
        messages.compressed_to_rgb(turned), messages.compressed_to_rgb(plain)
    )


def test_jpeg_with_bytes_after_its_end(rgb: np.ndarray) -> None:
    plain = compressed(rgb[..., ::-1], ".jpg", "jpeg")
    padded = CompressedImage(format="jpeg", data=plain.data + array("B", bytes(1000)))
    np.testing.assert_array_equal(
        messages.compressed_to_rgb(padded), messages.compressed_to_rgb(plain)
    )
