# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The light of a clip: one change for all its frames, and what differs from frame to frame.

A scene keeps its colours while a camera moves through it, and so does a lens its blur. Sensor
noise, compression and a little of the exposure are new in every frame: a network that remembers
can average them away, and is to learn that.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.training.data.augment import AugmentConfig
from depth_ros.training.data.light import as_jpeg, draw_color, draw_defocus, draw_quality

Clip = npt.NDArray[np.uint8]  # (T, H, W, 3)


def relight(
    clip: Clip, config: AugmentConfig, noise: float, flicker: float, rng: np.random.Generator
) -> Clip:
    """RGB frames (T, H, W, 3) uint8 in another light.

    ``noise`` is the largest deviation of the sensor's noise (1 is white) and ``flicker`` that of
    the logarithm of each frame's exposure.
    """
    color = draw_color(float(clip.mean()), config, rng).astype(np.float32)
    out = (clip.reshape(-1, 3).astype(np.float32) @ color[:, :3].T + color[:, 3]).reshape(
        clip.shape
    )
    exposure = np.exp(flicker * rng.normal(size=len(clip)))
    out *= exposure.astype(np.float32)[:, None, None, None]
    gamma = np.exp(config.gamma * rng.normal())
    out = 255 * np.clip(out / 255, 0, 1) ** np.float32(gamma)
    if rng.random() < config.blur_chance:
        kernel = draw_defocus(rng)
        out = np.stack([cv2.filter2D(frame, -1, kernel) for frame in out])
    if rng.random() < config.noise_chance:
        strength = np.float32(255 * noise * rng.uniform(0.2, 1))
        out = out + strength * rng.standard_normal(out.shape, np.float32)
    lit: Clip = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg_chance:
        quality = draw_quality(rng)
        lit = np.stack([as_jpeg(frame, quality) for frame in lit])
    return lit
