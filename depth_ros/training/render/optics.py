# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a real camera does to a picture: exposure, white balance, vignetting, blur, noise."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.frame import UInt8


def photograph(image: UInt8, rng: np.random.Generator, strength: float = 1.0) -> UInt8:
    """A copy of an (H, W, 3) image as a random cheap camera sees it; 0 changes nothing."""
    height, width = image.shape[:2]
    gain = np.exp(
        rng.normal(0, 0.12 * strength, 3) * [0.4, 0.4, 0.4] + rng.normal(0, 0.2 * strength)
    )
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    falloff = 1 - float(rng.uniform(0, 0.25)) * strength * 0.5 * (x * x + y * y)
    out = image.astype(np.float32) * falloff[..., None] * gain.astype(np.float32)
    contrast = 1 + float(rng.uniform(-0.25, 0.5)) * strength
    out = (out - 115) * contrast + 115
    if rng.random() < 0.5 * strength:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9)))
    sigma = float(rng.uniform(0, 5)) * strength
    noise = rng.standard_normal(out.shape, np.float32) * np.float32(sigma)
    photo: UInt8 = np.clip(out + noise, 0, 255).astype(np.uint8)
    return photo
