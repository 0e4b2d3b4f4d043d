# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a raw item to what the network learns from: geometry, light, and the canonical camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from depth_ros.frame import Float32, Float64, UInt8
from depth_ros.training.data.sequence import Item

MIN_M, MAX_M = 0.1, 80.0


@dataclass(frozen=True)
class AugmentConfig:
    """How far training images are changed. All ``chance`` values are 0 to 1."""

    zoom: float = 0.6  # the smallest crop, as a share of the largest possible one
    aspect: float = 1.25  # the crop is stretched up to this factor either way
    roll_deg: float = 5.0
    flip_chance: float = 0.5
    gain: float = 0.35  # of the logarithm of brightness
    contrast: float = 0.3
    saturation: float = 0.4
    hue_deg: float = 20.0
    gamma: float = 0.3
    white_balance: float = 0.12
    grey_chance: float = 0.08
    blur_chance: float = 0.2
    noise_chance: float = 0.25
    jpeg_chance: float = 0.15
    cutout_chance: float = 0.1


class Example(NamedTuple):
    """``image`` (H, W, 3) uint8; ``log_depth`` (H/2, W/2) of the canonical camera, NaN unknown."""

    image: UInt8
    log_depth: Float32
    metric: bool


def make_example(
    item: Item,
    size: tuple[int, int],
    focal: float,
    config: AugmentConfig | None,
    rng: np.random.Generator,
) -> Example:
    """An item as the network of input ``size`` (width, height) and canonical ``focal`` sees it.

    With ``config`` None the whole image is only resized, as it is when the network runs.
    """
    source_from_out = _window(item.image.shape, size, config, rng)
    image = _warp_image(item.image, source_from_out, size, rng, fixed=config is None)
    if config is not None:
        image = _relight(image, config, rng)
        image = _degrade(image, config, rng)
    return Example(image, _log_depth(item, source_from_out, size, focal), item.camera is not None)


def _window(
    shape: tuple[int, ...],
    size: tuple[int, int],
    config: AugmentConfig | None,
    rng: np.random.Generator,
) -> Float64:
    """2x3 from centred output pixels to source pixels: crop, stretch, roll, flip."""
    height, width = shape[:2]
    crop_w, crop_h, angle, flip = float(width), float(height), 0.0, 1.0
    if config is not None:
        aspect = size[0] / size[1] * config.aspect ** rng.uniform(-1, 1)
        zoom = 1.0 if rng.random() < 0.25 else rng.uniform(config.zoom, 1.0)
        crop_w = min(width, height * aspect) * zoom
        crop_h = crop_w / aspect
        if rng.random() < 0.5:
            angle = np.deg2rad(config.roll_deg) * rng.uniform(-1, 1)
        flip = -1.0 if rng.random() < config.flip_chance else 1.0
    left = rng.uniform(0, max(0.0, width - crop_w))
    top = rng.uniform(0, max(0.0, height - crop_h))
    centre = [left + (crop_w - 1) / 2, top + (crop_h - 1) / 2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([flip * crop_w / size[0], crop_h / size[1]])
    return np.column_stack([linear, centre])


def _matrix(source_from_out: Float64, size: tuple[int, int], out: tuple[int, int]) -> Float64:
    """The same window for an output of ``out`` instead of ``size``, pixels from the corner."""
    linear = source_from_out[:, :2] @ np.diag([size[0] / out[0], size[1] / out[1]])
    corner = source_from_out[:, 2] - linear @ [(out[0] - 1) / 2, (out[1] - 1) / 2]
    return np.column_stack([linear, corner])


def _warp_image(
    image: UInt8, window: Float64, size: tuple[int, int], rng: np.random.Generator, fixed: bool
) -> UInt8:
    shrink = np.sqrt(abs(np.linalg.det(window[:, :2])))
    drawn = size if shrink < 1.6 else (size[0] * 2, size[1] * 2)  # then averaged: no aliasing
    how = cv2.INTER_LINEAR if fixed or rng.random() < 0.7 else cv2.INTER_CUBIC
    out = cv2.warpAffine(
        image,
        _matrix(window, size, drawn),
        drawn,
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if drawn != size:
        out = cv2.resize(out, size, interpolation=cv2.INTER_AREA)
    return np.asarray(out, np.uint8)


def _log_depth(item: Item, window: Float64, size: tuple[int, int], focal: float) -> Float32:
    half = (size[0] // 2, size[1] // 2)
    unknown = np.float32(np.nan)
    if item.depth is None:
        return np.full(half[::-1], unknown, np.float32)
    depth = cv2.warpAffine(
        item.depth,
        _matrix(window, size, half),
        half,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    if item.camera is not None:
        focal_net = item.camera.focal / np.sqrt(abs(np.linalg.det(window[:, :2])))
        canonical = focal / focal_net
    else:
        canonical = 1.0
    with np.errstate(invalid="ignore"):
        depth = np.where((depth > MIN_M) & (depth < MAX_M), depth, unknown)
    return np.asarray(np.log(depth * np.float32(canonical)), np.float32)


def _relight(image: UInt8, config: AugmentConfig, rng: np.random.Generator) -> UInt8:
    """Exposure, contrast, white balance, saturation and hue as one 3x4 matrix; then gamma."""
    grey = np.full((3, 3), 1 / 3)
    saturation = 0.0 if rng.random() < config.grey_chance else 1.0
    saturation *= 1 + config.saturation * rng.uniform(-1, 1)
    hue = cv2.Rodrigues(np.full(3, np.deg2rad(config.hue_deg * rng.uniform(-1, 1)) / 3**0.5))[0]
    gain = np.exp(config.gain * rng.normal()) * np.exp(config.white_balance * rng.normal(size=3))
    color = np.diag(gain) @ (grey + saturation * (np.eye(3) - grey)) @ hue
    contrast = 1 + config.contrast * rng.uniform(-1, 1)
    mean = float(image.mean())
    offset = np.full((3, 1), mean * (1 - contrast))
    out = cv2.transform(image, np.hstack([contrast * color, offset]))
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
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))]
        out = cv2.imdecode(cv2.imencode(".jpg", out, quality)[1], cv2.IMREAD_COLOR)
    if rng.random() < config.cutout_chance:
        h, w = out.shape[:2]
        y, x = int(rng.integers(0, h)), int(rng.integers(0, w))
        dy, dx = int(h * rng.uniform(0.05, 0.3)), int(w * rng.uniform(0.05, 0.3))
        out = out.copy()
        out[y : y + dy, x : x + dx] = rng.integers(0, 256, 3)
    return np.asarray(out, np.uint8)


def _blur_kernel(rng: np.random.Generator) -> Float32:
    if rng.random() < 0.5:
        row = cv2.getGaussianKernel(7, rng.uniform(0.5, 1.6))
        return np.asarray(row @ row.T, np.float32)
    length, angle = rng.uniform(1.5, 4.5), rng.uniform(0, np.pi)
    kernel = np.zeros((11, 11), np.float32)
    end = np.array([np.cos(angle), np.sin(angle)]) * length
    a, b = (tuple(int(v) for v in np.rint(5 + sign * end)) for sign in (-1, 1))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA)
    kernel /= kernel.sum()
    return kernel
