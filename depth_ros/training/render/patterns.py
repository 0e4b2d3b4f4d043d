# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Procedural patterns: tileable (N, N, 3) float32 images of blend weights in 0 to 1.

A pattern has no colours of its own. A material turns its three channels into colour, so that a few
hundred patterns serve any number of scenes: channel 0 blends to the second colour, channel 1 to
the third, channel 2 (0.5 is neutral) darkens and brightens.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32

SIZE = 256  # pixels along each side of a pattern

Draw = Callable[[np.random.Generator], Float32]


def smooth_noise(rng: np.random.Generator, cells_y: int, cells_x: int) -> Float32:
    """Tileable noise in 0 to 1 with that many cells along each side."""
    grid = rng.random((cells_y, cells_x), dtype=np.float32)
    pad = np.pad(grid, 2, mode="wrap")
    sy, sx = SIZE // cells_y, SIZE // cells_x
    big = cv2.resize(pad, (pad.shape[1] * sx, pad.shape[0] * sy), interpolation=cv2.INTER_CUBIC)
    inner: Float32 = np.clip(big[2 * sy : 2 * sy + SIZE, 2 * sx : 2 * sx + SIZE], 0, 1)
    return inner


def fractal(
    rng: np.random.Generator, first: int = 4, octaves: int = 5, stretch: int = 1
) -> Float32:
    """Sum of octaves of `smooth_noise`, stretched to a full 0 to 1; ``stretch`` along x."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for octave in range(octaves):
        cells = min(first << octave, SIZE)
        total += smooth_noise(rng, cells, max(1, cells // stretch)) * 0.6**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def stack(
    first: npt.ArrayLike, second: npt.ArrayLike = 0.0, shade: npt.ArrayLike = 0.5
) -> Float32:
    """Three channels from arrays or numbers."""
    out = np.empty((SIZE, SIZE, 3), np.float32)
    for channel, value in enumerate((first, second, shade)):
        out[..., channel] = np.asarray(value, np.float32)
    return np.clip(out, 0, 1)


def grain(rng: np.random.Generator, amount: float) -> Float32:
    """Fine shading noise about 0.5."""
    return 0.5 + amount * (rng.random((SIZE, SIZE), dtype=np.float32) - 0.5)


def plain(rng: np.random.Generator) -> Float32:
    """Paint: faint blotches and grain."""
    return stack(fractal(rng, 2, 5) * 0.15, 0.0, grain(rng, rng.uniform(0.02, 0.15)))


def marble(rng: np.random.Generator) -> Float32:
    """Veins along the contours of noise."""
    noise = fractal(rng, int(rng.choice([2, 4])), 6)
    veins = np.abs(np.sin(noise * rng.uniform(6, 25)))
    return stack(veins ** rng.uniform(0.3, 3), fractal(rng, 4, 4) * 0.3, grain(rng, 0.05))


def blotches(rng: np.random.Generator) -> Float32:
    """Stone, concrete, camouflage, stains."""
    noise = fractal(rng, int(rng.choice([4, 8, 16])), 5)
    cut = np.clip((noise - 0.5) * rng.uniform(1.5, 12) + 0.5, 0, 1)
    return stack(cut, fractal(rng, 8, 4) ** 3, grain(rng, rng.uniform(0.05, 0.4)))


def wood(rng: np.random.Generator) -> Float32:
    """Planks along x with grain, joints and a tone of their own."""
    planks = int(rng.choice([1, 2, 4, 8, 8, 16]))
    rings = fractal(rng, 16, 4, stretch=16)
    lines = np.abs(np.sin(rings * rng.uniform(5, 30)))
    height = SIZE // planks
    y = np.arange(SIZE)
    tone = np.zeros((SIZE, SIZE), np.float32)
    joint = np.zeros((SIZE, SIZE), np.float32)
    for plank in range(planks):
        rows = slice(plank * height, (plank + 1) * height)
        cut = int(rng.integers(0, SIZE))
        tones = rng.random(2)
        tone[rows] = np.where((np.arange(SIZE) - cut) % SIZE < SIZE // 2, *tones)
        if planks > 1:
            joint[rows, [cut, (cut + SIZE // 2) % SIZE]] = 1
    if planks > 1:
        joint[y % height == 0] = 1
    depth = float(rng.uniform(0.2, 1))
    shade = grain(rng, 0.1) - 0.4 * joint * depth
    return stack(lines * rng.uniform(0.2, 0.7), tone * rng.uniform(0.1, 0.8), shade)


def cells(rng: np.random.Generator, rows: int, columns: int, shift: int, gap: int) -> Float32:
    """Bricks or tiles: channel 0 is the joint, channel 1 the tone of each stone."""
    height, width = SIZE // rows, SIZE // columns
    y, x = np.mgrid[:SIZE, :SIZE]
    row = y // height
    moved = (x + (row % 2) * shift) % SIZE
    joint = ((y % height) < gap) | ((moved % width) < gap)
    tones = rng.random((rows, columns), dtype=np.float32)
    tone = tones[row, moved // width]
    rough = fractal(rng, 16, 4)
    shade = 0.5 + 0.3 * (rough - 0.5) * rng.uniform(0, 1)
    return stack(joint, tone * (1 - joint) * rng.uniform(0.1, 1), shade)


def brick(rng: np.random.Generator) -> Float32:
    """Running bond."""
    rows, columns = [(8, 4), (16, 4), (16, 8), (32, 8)][int(rng.integers(4))]
    return cells(rng, rows, columns, SIZE // columns // 2, int(rng.integers(1, 4)))


def tiles(rng: np.random.Generator) -> Float32:
    """Square or oblong tiles."""
    rows, columns = (int(n) for n in rng.choice([2, 4, 4, 8, 16], 2))
    if rng.random() < 0.7:
        columns = rows
    return cells(rng, rows, columns, 0, int(rng.integers(1, 5)))


def checks(rng: np.random.Generator) -> Float32:
    """A chessboard, or a tartan of crossing stripes."""
    n = int(rng.choice([2, 4, 8, 16]))
    step = SIZE // n
    y, x = np.mgrid[:SIZE, :SIZE] // step
    if rng.random() < 0.5:
        return stack((x + y) % 2, 0.0, grain(rng, 0.1))
    return stack(0.5 * (x % 2) + 0.5 * (y % 2), (x % 4 == 0) * 0.5, grain(rng, 0.2))


def stripes(rng: np.random.Generator) -> Float32:
    """Stripes of random widths along y."""
    edges = np.sort(rng.integers(0, SIZE, int(rng.integers(2, 24))))
    which = np.searchsorted(edges, np.arange(SIZE), side="right") % (len(edges))
    kinds = rng.integers(0, 3, len(edges) + 1)[which]
    kinds = np.broadcast_to(kinds, (SIZE, SIZE))
    return stack(kinds == 1, kinds == 2, grain(rng, rng.uniform(0, 0.2)))


def wallpaper(rng: np.random.Generator) -> Float32:
    """A motif of ellipses and lines, repeated."""
    n = int(rng.choice([2, 4, 8]))
    step = SIZE // n
    motif = np.zeros((step * 3, step * 3, 2), np.float32)
    for _ in range(int(rng.integers(2, 7))):
        channel = int(rng.integers(0, 2))
        centre = rng.uniform(0, step, 2)
        axes = rng.uniform(0.05, 0.35, 2) * step
        thick = -1 if rng.random() < 0.5 else 1
        angle = float(rng.uniform(0, 360))
        layer = np.zeros((step * 3, step * 3), np.float32)
        for dx in (0, step, 2 * step):
            for dy in (0, step, 2 * step):
                where = (int(centre[0] + dx), int(centre[1] + dy))
                size = (max(1, int(axes[0])), max(1, int(axes[1])))
                cv2.ellipse(layer, where, size, angle, 0, 360, 1.0, thick, cv2.LINE_AA)
        motif[..., channel] = np.maximum(motif[..., channel], layer)
    unit = motif[step : 2 * step, step : 2 * step]
    both = np.tile(unit, (n, n, 1)) * float(rng.uniform(0.2, 1))
    return stack(both[..., 0], both[..., 1], grain(rng, 0.05))


def carpet(rng: np.random.Generator) -> Float32:
    """Coarse pile."""
    pile = smooth_noise(rng, 128, 128)
    return stack(pile * rng.uniform(0.1, 0.8), fractal(rng, 4, 4) * 0.4, grain(rng, 0.5))


def weave(rng: np.random.Generator) -> Float32:
    """Woven fabric."""
    period = int(rng.choice([4, 8, 16]))
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) * (2 * np.pi / period)
    thread = 0.5 + 0.25 * np.sin(x) + 0.25 * np.sin(y)
    return stack(thread * rng.uniform(0.1, 0.6), fractal(rng, 4, 4) * 0.2, grain(rng, 0.2))


def folds(rng: np.random.Generator) -> Float32:
    """Curtain: soft vertical folds, shaded as if they were round."""
    x = np.arange(SIZE, dtype=np.float32) * (2 * np.pi / SIZE)
    wave = np.sin(x * int(rng.integers(4, 9)) + 2 * np.sin(x * int(rng.integers(1, 4))))
    shade = np.broadcast_to(0.5 + 0.4 * wave, (SIZE, SIZE))
    return stack(weave(rng)[..., 0] * 0.3, 0.0, shade)


def shapes(rng: np.random.Generator) -> Float32:
    """A poster: random discs, boxes, triangles and lines in all three channels."""
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    image[:] = rng.random(3, dtype=np.float32)
    for _ in range(int(rng.integers(4, 30))):
        colour = tuple(float(c) for c in rng.random(3))
        points = rng.integers(0, SIZE, (int(rng.integers(2, 6)), 2)).astype(np.int32)
        size = int(rng.integers(4, SIZE // 3))
        kind = int(rng.integers(4))
        at = (int(points[0, 0]), int(points[0, 1]))
        if kind == 0:
            cv2.circle(image, at, size, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(image, at, (at[0] + size, at[1] + size // 2), colour, -1)
        elif kind == 2:
            cv2.fillPoly(image, [points], colour, cv2.LINE_AA)
        else:
            end = (int(points[1, 0]), int(points[1, 1]))
            cv2.line(image, at, end, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
    return image
