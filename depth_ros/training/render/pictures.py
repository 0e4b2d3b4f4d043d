# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Patterns that show something: landscapes, pages of text, book spines, leaves, screens."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.frame import Float32
from depth_ros.training.render.patterns import SIZE, fractal, grain, smooth_noise, stack


def landscape(rng: np.random.Generator) -> Float32:
    """Sky, hills, trees: what a window or a picture shows. y grows downwards."""
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    y = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None]
    sky = 0.9 - 0.4 * y + 0.3 * fractal(rng, 4, 4, stretch=2)
    image[:] = sky[..., None] * np.array([0.9, 0.95, 1.0], np.float32)
    horizon = float(rng.uniform(0.3, 0.6))
    for _ in range(int(rng.integers(2, 5))):
        ridge = horizon + 0.2 * (fractal(rng, 2, 4)[0] - 0.5)
        ground = np.broadcast_to(y, (SIZE, SIZE)) > ridge[None]
        ground_colour = rng.uniform((0.1, 0.2, 0.05), (0.55, 0.6, 0.4))
        tone = ground_colour * (0.6 + 0.8 * fractal(rng, 16, 4))[..., None]
        image[ground] = tone[ground]
        horizon += float(rng.uniform(0.05, 0.25))
    return np.clip(image, 0, 1)


def paint_blobs(rng: np.random.Generator) -> Float32:
    """Soft colour fields, as in a blurred photograph."""
    cells = int(rng.choice([2, 4, 8]))
    channels = [smooth_noise(rng, cells, cells) for _ in range(3)]
    detail = fractal(rng, 16, 4)[..., None] * 0.3
    return np.clip(np.stack(channels, -1) + detail - 0.15, 0, 1).astype(np.float32)


def text(rng: np.random.Generator) -> Float32:
    """Lines of words on a page, in channel 0, with one picture in channel 1."""
    page = np.zeros((SIZE, SIZE), np.float32)
    line = int(rng.integers(6, 20))
    for top in range(line, SIZE - line, line):
        x = line
        while x < SIZE - line * 2 and rng.random() > 0.03:
            width = int(rng.integers(line // 2, line * 3))
            cv2.rectangle(page, (x, top), (min(x + width, SIZE - line), top + line // 2), 1.0, -1)
            x += width + max(2, line // 4)
    page *= 0.4 + 0.6 * rng.random((SIZE, SIZE), dtype=np.float32)
    picture = np.zeros((SIZE, SIZE), np.float32)
    x0, y0 = (int(n) for n in rng.integers(0, SIZE // 2, 2))
    picture[y0 : y0 + SIZE // 3, x0 : x0 + SIZE // 3] = 1
    return stack(page * (1 - picture), picture * fractal(rng, 8, 4), grain(rng, 0.05))


def books(rng: np.random.Generator) -> Float32:
    """Spines side by side, all colours."""
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    x = 0
    while x < SIZE:
        width = int(rng.integers(6, 26))
        top = int(rng.integers(0, SIZE // 4))
        colour = rng.random(3).astype(np.float32) * rng.uniform(0.2, 1)
        image[top:, x : x + width] = colour
        image[top:, x : x + 1] *= 0.4
        label = int(rng.integers(top, SIZE - 30))
        image[label : label + int(rng.integers(4, 30)), x + 2 : x + width - 2] = rng.random(3)
        x += width
    return image


def leaves(rng: np.random.Generator) -> Float32:
    """Foliage: overlapping leaf shapes, light over dark."""
    light = np.zeros((SIZE, SIZE), np.float32)
    for step in range(260):
        centre = tuple(int(n) for n in rng.integers(0, SIZE, 2))
        axes = (int(rng.integers(6, 22)), int(rng.integers(2, 8)))
        tone = float(0.2 + 0.8 * step / 260 * rng.random())
        cv2.ellipse(light, centre, axes, float(rng.uniform(0, 360)), 0, 360, tone, -1)
    return stack(light, fractal(rng, 8, 3) * 0.3, grain(rng, 0.3))


def screen(rng: np.random.Generator) -> Float32:
    """Windows on a monitor."""
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    image[:] = paint_blobs(rng) * 0.5
    for _ in range(int(rng.integers(1, 5))):
        x, y = (int(n) for n in rng.integers(0, SIZE * 2 // 3, 2))
        w, h = (int(n) for n in rng.integers(40, 160, 2))
        image[y : y + h, x : x + w] = rng.random(3) * 0.3 + rng.choice([0.0, 0.7])
        image[y : y + 8, x : x + w] = rng.random(3)
        for row in range(y + 14, min(y + h, SIZE) - 4, 8):
            end = x + int(rng.integers(8, max(9, w)))
            image[row : row + 3, x + 6 : end] = rng.random(3)
    return np.clip(image, 0, 1)


def asphalt(rng: np.random.Generator) -> Float32:
    """Speckled ground with cracks and patches."""
    speckle = rng.random((SIZE, SIZE), dtype=np.float32)
    noise = fractal(rng, 4, 5)
    crack = np.abs(noise - 0.5) < 0.012
    return stack(speckle * 0.5, (noise > 0.65) * 0.4, grain(rng, 0.3) - 0.3 * crack)


def panels(rng: np.random.Generator) -> Float32:
    """Doors and cupboard fronts: sunk panels with a bright and a dark edge."""
    shade = np.full((SIZE, SIZE), 0.5, np.float32)
    columns, rows = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    for column in range(columns):
        for row in range(rows):
            x0, x1 = (int((column + f) * SIZE / columns) for f in (0.15, 0.85))
            y0, y1 = (int((row + f) * SIZE / rows) for f in (0.12, 0.88))
            cv2.rectangle(shade, (x0, y0), (x1, y1), 0.25, 3)
            cv2.line(shade, (x0, y1), (x1, y1), 0.8, 2)
            cv2.line(shade, (x1, y0), (x1, y1), 0.8, 2)
    return stack(fractal(rng, 16, 4, stretch=8) * 0.2, 0.0, shade)
