# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The light that images are shown in, as drawn within AugmentConfig's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from depth_ros.frame import Float32, Float64, UInt8

if TYPE_CHECKING:
    from depth_ros.training.data.augment import AugmentConfig

DEFOCUS_PX = 7  # across the kernel


def draw_color(mean: float, config: AugmentConfig, rng: np.random.Generator) -> Float64:
    """(3, 4): RGB of 0 to 255, and 1, to other colours; may leave that range.

    Exposure, contrast around the images' ``mean``, white balance, saturation and hue.
    """
    grey = np.full((3, 3), 1 / 3)
    saturation = 0.0 if rng.random() < config.grey_chance else 1.0
    saturation *= 1 + config.saturation * rng.uniform(-1, 1)
    hue = cv2.Rodrigues(np.full(3, np.deg2rad(config.hue_deg * rng.uniform(-1, 1)) / 3**0.5))[0]
    gain = np.exp(config.gain * rng.normal()) * np.exp(config.white_balance * rng.normal(size=3))
    color = np.diag(gain) @ (grey + saturation * (np.eye(3) - grey)) @ hue
    contrast = 1 + config.contrast * rng.uniform(-1, 1)
    return np.hstack([contrast * color, np.full((3, 1), mean * (1 - contrast))])


def draw_defocus(rng: np.random.Generator) -> Float32:
    """A gaussian kernel (7, 7) whose deviation is 0.5 to 1.6 pixels."""
    row = cv2.getGaussianKernel(DEFOCUS_PX, rng.uniform(0.5, 1.6))
    return np.asarray(row @ row.T, np.float32)


def draw_quality(rng: np.random.Generator) -> int:
    """Of JPEG, from 25 to 79."""
    return int(rng.integers(25, 80))


def as_jpeg(image: UInt8, quality: int) -> UInt8:
    """The image (h, w, 3) as it comes back from a JPEG."""
    packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
