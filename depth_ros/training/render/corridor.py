# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Corridors and halls: long, with doors, columns, beams, benches, stairs, rows of lamps."""

from __future__ import annotations

import math

import numpy as np

from depth_ros.frame import Float64
from depth_ros.training.render import fittings, furniture
from depth_ros.training.render.build import Builder
from depth_ros.training.render.clutter import plant, small_thing
from depth_ros.training.render.room import Plan, shell, wall
from depth_ros.training.render.scene import Scene


def passage(rng: np.random.Generator, seed: int) -> Scene:
    """A random corridor (1.4 to 3 m wide) or hall (up to 9 m), along y."""
    b = Builder(rng)
    hall = rng.random() < 0.35
    width = float(rng.uniform(4, 9) if hall else rng.uniform(1.4, 3))
    length, height = float(rng.uniform(8, 24)), float(rng.uniform(2.3, 4.5 if hall else 3))
    low, high = np.array([-width / 2, 0.0, 0.0]), np.array([width / 2, length, height])
    shell(b, low, high, one_wall=rng.random() < 0.8)
    plan = Plan(low, high)
    if hall:
        _columns(b, plan, width, length, height)
    for index in (1, 3):
        with wall(b, low, high, index):
            _side(b, length, height)
        _furnish(b, plan, index, width, length)
    for index in (0, 2):
        with wall(b, low, high, index):
            _end(b, width, height)
    if rng.random() < 0.25:
        _stairs(b, plan, length, width, height)
    if rng.random() < 0.5:
        _frames(b, width, length, height)
    _loose(b, plan, low, high)
    ambient, exposure = _lights(b, width, length, height)
    edge = np.array([0.1, 0.1, 0.1])
    extent = np.stack([low + edge, high - edge])
    return b.finish("corridor", seed, extent=extent, ambient=ambient, exposure=exposure)


def _side(b: Builder, length: float, height: float) -> None:
    step = float(b.rng.uniform(1.8, 4))
    kind = b.rng.random()
    for k in range(int(length / step)):
        x = -length / 2 + step * (k + 0.5)
        if b.rng.random() < 0.75:
            if kind < 0.65:
                fittings.door(b, x, height)
            else:
                fittings.window(b, x, height, min(1.6, step - 0.5))
        if b.rng.random() < 0.5:
            fittings.picture(b, x + step / 2, height)
    if b.rng.random() < 0.3:
        b.box(0, -0.04, 0.9, length, 0.06, 0.12, b.palette.some("wood"))


def _end(b: Builder, width: float, height: float) -> None:
    if b.rng.random() < 0.5:
        fittings.door(b, 0.0, height)
    elif width > 1.4:
        fittings.window(b, 0.0, height, min(width - 0.5, 2.0))


def _furnish(b: Builder, plan: Plan, index: int, width: float, length: float) -> None:
    names = ("cabinet", "shelf", "plant", "boxes", "armchair", "side table", "wardrobe")
    side = -1 if index == 1 else 1
    for _ in range(int(b.rng.poisson(length / 5))):
        piece, span = furniture.AT_WALL[str(b.rng.choice(names))]
        w, d, h = furniture.size(b.rng, span)
        d = min(d, max(0.2, width - 1.2))
        x, y = side * (width / 2 - d / 2 - 0.001), float(b.rng.uniform(w / 2, length - w / 2))
        if plan.take(x, y, d, w):
            with b.at(x - side * 0.02, y, yaw=index * math.pi / 2):
                piece(b, w, d - 0.04, h)


def _columns(b: Builder, plan: Plan, width: float, length: float, height: float) -> None:
    skin, r = b.palette.fresh("stone"), float(b.rng.uniform(0.12, 0.3))
    square, step = b.rng.random() < 0.5, float(b.rng.uniform(2.5, 5))
    for k in range(1, int(length / step)):
        for x in (-width / 4, width / 4):
            if plan.take(x, k * step, 2 * r, 2 * r):
                if square:
                    b.box(x, k * step, 0, 2 * r, 2 * r, height, skin)
                else:
                    b.tube(x, k * step, 0, r, r * 0.9, height, skin, capped=False)


def _stairs(b: Builder, plan: Plan, length: float, width: float, height: float) -> None:
    skin, steps = b.palette.fresh("stone"), int(b.rng.integers(4, 14))
    wide = width * float(b.rng.uniform(0.4, 1.0))
    x = (width - wide) / 2 * float(b.rng.choice([-1, 1]))
    deep = steps * 0.29
    if not plan.take(x, length - deep / 2, wide - 0.01, deep - 0.01):
        return
    for k in range(steps):
        y = length - deep + 0.29 * (k + 0.5) + (deep - 0.29 * (k + 1)) / 2
        b.box(x, y, 0.17 * k, wide, deep - 0.29 * k, min(0.17, height), skin)


def _frames(b: Builder, width: float, length: float, height: float) -> None:
    """Beams and door frames across the corridor."""
    skin, step = b.palette.some("paint"), float(b.rng.uniform(2, 5))
    deep = float(b.rng.uniform(0.1, 0.35))
    for k in range(1, int(length / step)):
        b.box(0, k * step, height - deep, width, 0.2, deep, skin)
        if width < 3:
            for side in (-1, 1):
                b.box(side * (width / 2 - 0.06), k * step, 0, 0.12, 0.2, height, skin)


def _loose(b: Builder, plan: Plan, low: Float64, high: Float64) -> None:
    for _ in range(int(b.rng.poisson(4))):
        x, y = (float(n) for n in b.rng.uniform(low[:2] + 0.2, high[:2] - 0.2))
        size = float(b.rng.uniform(0.08, 0.25))
        if plan.take(x, y, 2 * size, 2 * size):
            with b.at(x, y, yaw=float(b.rng.uniform(0, 6))):
                if b.rng.random() < 0.2:
                    plant(b, size, 4 * size)
                else:
                    small_thing(b, size, 0.7)


def _lights(b: Builder, width: float, length: float, height: float) -> tuple[Float64, float]:
    rng = b.rng
    warmth = np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.7, 1.05)])
    count = int(rng.integers(2, 4))
    power = float(rng.uniform(1.5, 4)) * height
    for k in range(count):
        y = length * (k + 0.5) / count
        z = fittings.ceiling_lamp(b, 0.0, y, height)
        b.lamp(0.0, y, z, warmth * power, shadow=k == count // 2)
    glow = b.palette.fresh("paint", 2.0)
    for k in range(int(length / 3)):
        b.box(width * 0.2, 3 * k + 1.2, height - 0.03, 0.3, 1.0, 0.03, glow)
    level = float(rng.uniform(0.35, 0.9))
    ambient = np.stack([warmth * level * 0.9, warmth * level])
    return ambient, float(rng.uniform(0.75, 1.35)) / (level + power / (height**2 + 2))
