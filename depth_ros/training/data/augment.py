# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a reading to what the network learns from: geometry, light, and the canonical camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.schema import Checked, setting
from depth_ros.training.data.light import as_jpeg, draw_color, draw_defocus, draw_quality
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.data.window import (
    Window,
    cut_depth,
    draw_centre,
    draw_crop,
    whole_window,
)

MIN_M, MAX_M = 0.1, 80.0


@dataclass(frozen=True, slots=True)
class AugmentConfig(Checked):
    """How far training images are changed. All ``chance`` values are 0 to 1."""

    zoom: float = setting(
        0.6, "The smallest crop, as a share of the largest possible one.", low=0.05, high=1.0
    )
    aspect: float = setting(
        1.25, "The crop is stretched up to this factor either way.", low=1.0, high=4.0
    )
    roll_deg: float = setting(
        5.0, "Half of the images are turned by up to this many degrees.", low=0.0, high=180.0
    )
    flip_chance: float = setting(0.5, "Left and right change places.", low=0.0, high=1.0)
    gain: float = setting(
        0.35, "Brightness: deviation of its natural logarithm.", low=0.0, high=3.0
    )
    contrast: float = setting(0.3, "Contrast changes up to this share.", low=0.0, high=1.0)
    saturation: float = setting(0.4, "Saturation changes up to this share.", low=0.0, high=1.0)
    hue_deg: float = setting(20.0, "Colours turn up to this many degrees.", low=0.0, high=180.0)
    gamma: float = setting(0.3, "Gamma: deviation of its natural logarithm.", low=0.0, high=3.0)
    white_balance: float = setting(
        0.12, "Each channel's gain: deviation of its natural logarithm.", low=0.0, high=3.0
    )
    grey_chance: float = setting(0.08, "Without colour.", low=0.0, high=1.0)
    blur_chance: float = setting(0.2, "Defocus or motion blur.", low=0.0, high=1.0)
    noise_chance: float = setting(0.25, "Sensor noise.", low=0.0, high=1.0)
    jpeg_chance: float = setting(0.15, "JPEG of quality 25 to 80.", low=0.0, high=1.0)
    cutout_chance: float = setting(0.1, "A rectangle hides the scene.", low=0.0, high=1.0)


class Example(NamedTuple):
    """``image`` (H, W, 3) uint8; the truth belongs to (H / stride, W / stride).

    ``log_depth`` (h, w) is that of the canonical camera, NaN where unknown; ``log_metres`` is to
    be added to it for the logarithm of metres. With ``metric`` False the depth is only right up
    to a factor. ``rays`` (2, 3) takes a pixel (x, y, 1) of the truth to what it sees one unit
    along the optical axis, x to the right and y down in the source's image; NaN without a camera.
    """

    image: UInt8
    log_depth: Float32
    metric: bool
    log_metres: float
    rays: Float32


def make_example(
    reading: Reading,
    size: tuple[int, int],
    focal: float | None,
    config: AugmentConfig | None,
    rng: np.random.Generator,
    stride: int = 2,
) -> Example:
    """A reading as the network of input ``size`` (width, height) and canonical ``focal`` sees it.

    With ``config`` None the whole image is only resized, as it is when the network runs. Without
    ``focal``, depth stays in metres. The truth has the size of the network's output, which is
    ``stride`` times smaller than the image.
    """
    if config is None:
        window = whole_window(reading.image, size)
    else:
        window = _window(reading.image, size, config, rng)
    image = _warp_image(reading.image, window, rng, fixed=config is None)
    if config is not None:
        image = _relight(image, config, rng)
        image = _degrade(image, config, rng)
    out = (size[0] // stride, size[1] // stride)
    log_metres, rays = 0.0, np.full((2, 3), np.nan, np.float32)
    if reading.camera is not None:
        height, width = reading.image.shape[:2]
        rays = _rays(reading.camera, window.matrix(out, (height, width), reading.image))
        if focal is not None:
            log_metres = float(np.log(window.focal(reading.camera) / focal))
    log_depth = _log_depth(reading, window, out) - np.float32(log_metres)
    return Example(image, log_depth, reading.camera is not None, log_metres, rays)


def _rays(camera: Camera, matrix: Float64) -> Float32:
    """2x3 from pixels of an output to rays; ``matrix`` takes them to pixels of the source."""
    centre = np.array([camera.cx, camera.cy])
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] - centre])
    return (moved / [[camera.fx], [camera.fy]]).astype(np.float32)


def _window(
    image: UInt8, size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> Window:
    """A random crop, stretch, roll and flip within the limits of ``config``."""
    crop, angle = draw_crop(image.shape, size, config, rng), 0.0
    if rng.random() < 0.5:
        angle = float(np.deg2rad(config.roll_deg) * rng.uniform(-1, 1))
    mirrored = bool(rng.random() < config.flip_chance)
    return Window(size, draw_centre(image.shape, crop, rng), *crop, angle, mirrored)


def _warp_image(image: UInt8, window: Window, rng: np.random.Generator, fixed: bool) -> UInt8:
    size, shrink = window.size, window.shrink()
    drawn = size if shrink < 1.6 else (size[0] * 2, size[1] * 2)  # then averaged: no aliasing
    how = cv2.INTER_LINEAR if fixed or rng.random() < 0.7 else cv2.INTER_CUBIC
    out = cv2.warpAffine(
        image,
        window.matrix(drawn, (image.shape[0], image.shape[1]), image),
        drawn,
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if drawn != size:
        out = cv2.resize(out, size, interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.uint8)


def _log_depth(reading: Reading, window: Window, out: tuple[int, int]) -> Float32:
    """The logarithm of the nearest known depth in metres of each pixel, NaN where unknown."""
    unknown = np.float32(np.nan)
    if reading.depth is None:
        return np.full(out[::-1], unknown, np.float32)
    depth = cut_depth(reading.depth, reading.image, window, out)
    with np.errstate(invalid="ignore"):
        depth = np.where((depth > MIN_M) & (depth < MAX_M), depth, unknown)
    return np.asarray(np.log(depth), np.float32)


def _relight(image: UInt8, config: AugmentConfig, rng: np.random.Generator) -> UInt8:
    """Other colours, then gamma."""
    out = cv2.transform(image, draw_color(float(image.mean()), config, rng))
    levels = np.linspace(0, 1, 256) ** np.exp(config.gamma * rng.normal())
    return np.asarray(cv2.LUT(out, np.rint(255 * levels).astype(np.uint8)), np.uint8)


def _degrade(image: UInt8, config: AugmentConfig, rng: np.random.Generator) -> UInt8:
    """Defocus or motion blur, sensor noise, JPEG, and a rectangle that hides the scene."""
    out: Any = image
    if rng.random() < config.blur_chance:
        out = cv2.filter2D(out, -1, _blur_kernel(rng))
    if rng.random() < config.noise_chance:
        strength = rng.uniform(2, 12)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        noise = cv2.randn(np.empty(out.shape, np.int16), (0, 0, 0), (strength,) * 3)
        out = np.clip(out.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg_chance:
        out = as_jpeg(out, draw_quality(rng))
    if rng.random() < config.cutout_chance:
        h, w = out.shape[:2]
        y, x = int(rng.integers(0, h)), int(rng.integers(0, w))
        dy, dx = int(h * rng.uniform(0.05, 0.3)), int(w * rng.uniform(0.05, 0.3))
        out = out.copy()
        out[y : y + dy, x : x + dx] = rng.integers(0, 256, 3)
    return np.asarray(out, np.uint8)


def _blur_kernel(rng: np.random.Generator) -> Float32:
    if rng.random() < 0.5:
        return draw_defocus(rng)
    length, angle = rng.uniform(1.5, 4.5), rng.uniform(0, np.pi)
    kernel = np.zeros((11, 11), np.float32)
    end = np.array([np.cos(angle), np.sin(angle)]) * length
    a, b = (tuple(int(v) for v in np.rint(5 + sign * end)) for sign in (-1, 1))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA)
    kernel /= kernel.sum()
    return kernel
