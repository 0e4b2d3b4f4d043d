# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Shelves, cabinets, kitchens, boxes. Each fills width (x), depth (y), height (z), back to +y."""

from __future__ import annotations

from depth_ros.training.render.build import Builder
from depth_ros.training.render.clutter import items_on, small_thing
from depth_ros.training.render.parts import legs


def shelf(b: Builder, w: float, d: float, h: float) -> None:
    """Open boards between two sides, full of books and things."""
    wood = b.palette.some("wood")
    count = max(2, round(h / b.rng.uniform(0.3, 0.45)))
    for x in (-w / 2 + 0.01, w / 2 - 0.01):
        b.box(x, 0, 0, 0.025, d, h, wood)
    if b.rng.random() < 0.7:
        b.box(0, d / 2 - 0.005, 0, w, 0.01, h, wood)
    step = h / count
    for k in range(count + 1):
        b.box(0, 0, min(k * step, h - 0.02), w, d, 0.02, wood)
    for k in range(count):
        _fill_board(b, w - 0.06, d, k * step + 0.02, step - 0.04)


def _fill_board(b: Builder, w: float, d: float, z: float, room: float) -> None:
    x = -w / 2
    while x < w / 2 - 0.06:
        run = min(float(b.rng.uniform(0.06, 0.5)), w / 2 - x)
        kind = b.rng.random()
        if kind < 0.5:
            high = room * float(b.rng.uniform(0.5, 0.95))
            deep = d * float(b.rng.uniform(0.5, 0.9))
            b.box(x + run / 2, 0.02, z, run, deep, high, b.palette.some("books", 4))
        elif kind < 0.75:
            with b.at(x + run / 2, 0, z):
                small_thing(b, min(run * 0.5, d * 0.4, 0.12), room * 0.9)
        x += run + 0.01


def cabinet(b: Builder, w: float, d: float, h: float) -> None:
    """A closed box with fronts, handles, a top and things on it."""
    side, front = b.palette.some("wood"), b.palette.some("front")
    foot = float(b.rng.choice([0.0, 0.06, 0.12]))
    b.box(0, 0, foot, w, d, h - foot, side)
    if foot:
        legs(b, w, d, foot, side, 0.04)
    columns = max(1, round(w / b.rng.uniform(0.4, 0.7)))
    rows = int(b.rng.integers(1, 5)) if h < 1.3 else int(b.rng.integers(1, 3))
    each, tall = w / columns, (h - foot) / rows
    metal = b.palette.some("metal")
    for c in range(columns):
        for r in range(rows):
            x, z = -w / 2 + each * (c + 0.5), foot + tall * r
            b.box(x, -d / 2 - 0.008, z + 0.01, each - 0.02, 0.016, tall - 0.02, front)
            b.box(x, -d / 2 - 0.03, z + tall * 0.8, 0.1, 0.02, 0.015, metal)
    if h < 1.5:
        items_on(b, w, d, h, int(b.rng.integers(0, 8)))


def kitchen(b: Builder, w: float, d: float, h: float) -> None:
    """Base units with a worktop, wall units above, a stove, a sink."""
    front, top = b.palette.some("front", 1), b.palette.fresh("stone")
    metal = b.palette.some("metal")
    count = max(1, round(w / 0.6))
    each = w / count
    b.box(0, 0.02, 0, w, d - 0.08, 0.86, front)
    b.box(0, 0, 0.86, w, d, 0.04, top)
    for k in range(count):
        x = -w / 2 + each * (k + 0.5)
        b.box(x, -d / 2 + 0.05, 0.1, each - 0.01, 0.02, 0.74, front)
        b.box(x, -d / 2 + 0.03, 0.78, each * 0.6, 0.02, 0.015, metal)
        if b.rng.random() < 0.75 and h > 1.6:
            b.box(x, d / 2 - 0.17, 1.45, each - 0.01, 0.34, 0.7, front)
            b.box(x + each * 0.35, d / 2 - 0.35, 1.5, 0.015, 0.02, 0.12, metal)
    black = b.palette.fresh("metal")
    x = float(b.rng.uniform(-w / 2 + 0.3, w / 2 - 0.3))
    b.box(x, 0, 0.9, 0.56, 0.48, 0.012, black)
    if b.rng.random() < 0.6:
        b.tube(x + 0.1, 0.05, 0.912, 0.1, 0.11, 0.14, b.palette.some("metal"))
    b.facing(0, d / 2 - 0.004, 0.9, w, 0.55, b.palette.fresh("brick"))
    items_on(b, w, d * 0.8, 0.9, int(b.rng.integers(2, 9)))


def fridge(b: Builder, w: float, d: float, h: float) -> None:
    """A tall box with two doors and notes on it."""
    shell = b.palette.fresh("metal")
    b.box(0, 0, 0.03, w, d, h - 0.03, shell)
    for z, tall in ((0.05, h * 0.33), (0.07 + h * 0.33, h * 0.62)):
        b.box(0, -d / 2 - 0.02, z, w - 0.01, 0.04, tall, shell)
        b.box(
            -w * 0.4,
            -d / 2 - 0.06,
            z + tall * 0.4,
            0.03,
            0.04,
            tall * 0.3,
            b.palette.some("metal"),
        )
    for _ in range(int(b.rng.integers(0, 5))):
        size = float(b.rng.uniform(0.06, 0.2))
        x, z = float(b.rng.uniform(-w / 3, w / 3)), float(b.rng.uniform(0.9, h - 0.3))
        b.facing(x, -d / 2 - 0.045, z, size, size * 1.3, b.palette.some("picture", 5))


def boxes(b: Builder, w: float, d: float, h: float) -> None:
    """A pile of cardboard boxes."""
    z, wide = 0.0, w
    while z < h - 0.1 and wide > 0.12:
        tall = float(b.rng.uniform(0.12, 0.4))
        with b.at(0, 0, z, yaw=float(b.rng.normal(0, 0.1))):
            b.box(0, 0, 0, wide, wide * d / w, tall, b.palette.some("wood", 3))
        z, wide = z + tall, wide * float(b.rng.uniform(0.6, 1))
