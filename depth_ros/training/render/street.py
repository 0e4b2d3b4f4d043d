# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Streets along y: carriageway, kerbs, facades with windows, cars, trees, poles, sky."""

from __future__ import annotations

import math

import numpy as np

from depth_ros.frame import Float64
from depth_ros.training.render.build import Builder
from depth_ros.training.render.clutter import person
from depth_ros.training.render.palette import linear
from depth_ros.training.render.scene import TRIANGLE, Light, Scene

_BEHIND_M, _AHEAD_M = 30.0, 150.0


def street(rng: np.random.Generator, seed: int) -> Scene:
    """A random street."""
    b = Builder(rng)
    road, walk = float(rng.uniform(5, 12)), float(rng.uniform(1.5, 4))
    long = _BEHIND_M + _AHEAD_M
    middle = (_AHEAD_M - _BEHIND_M) / 2
    b.panel((0, middle, -0.15), (1, 0, 0), (0, 1, 0), (400, long + 300), b.palette.fresh("ground"))
    pavement = b.palette.fresh("ground")
    for side in (-1, 1):
        x = side * (road / 2 + walk / 2)
        b.box(x, middle, -0.15, walk, long, 0.15, pavement)
    _markings(b, road)
    built = rng.random() < 0.75
    for side in (-1, 1):
        if built or rng.random() < 0.3:
            _houses(b, side, road / 2 + walk)
        else:
            _green(b, side, road / 2 + walk)
        _beside(b, side, road / 2, walk)
    _cars(b, road)
    extent = np.array([[-road / 2 + 1, 0.0, 0.3], [road / 2 - 1, _AHEAD_M - 50, 3.0]])
    ambient, sky, exposure = _daylight(b)
    return b.finish("street", seed, extent=extent, ambient=ambient, sky=sky, exposure=exposure)


def _markings(b: Builder, road: float) -> None:
    paint = b.palette.fresh("paint")
    step = float(b.rng.uniform(4, 10))
    for k in range(int(_AHEAD_M / step)):
        b.panel((0, k * step, -0.14), (1, 0, 0), (0, 1, 0), (0.15, step / 2), paint)
    for side in (-1, 1):
        x = side * (road / 2 - 0.3)
        b.panel((x, _AHEAD_M / 2, -0.14), (1, 0, 0), (0, 1, 0), (0.12, _AHEAD_M), paint)


def _houses(b: Builder, side: int, start: float) -> None:
    y = -_BEHIND_M
    while y < _AHEAD_M:
        wide = float(b.rng.uniform(6, 18))
        if b.rng.random() < 0.85:
            back = float(b.rng.uniform(0, 3)) * (b.rng.random() < 0.4)
            with b.at(side * (start + back), y + wide / 2, yaw=-side * math.pi / 2):
                _house(b, wide, float(b.rng.uniform(3.5, 18)))
        y += wide + float(b.rng.uniform(0, 4)) * (b.rng.random() < 0.3)


def _house(b: Builder, wide: float, high: float) -> None:
    """A block whose front is local y = 0, facing -y, with rows of windows, a door, a roof."""
    deep = 10.0
    b.box(0, deep / 2, 0, wide, deep, high, b.palette.fresh("facade"))
    frame, glass = b.palette.fresh("paint"), b.palette.fresh("view", 0.3)
    floors, columns = max(1, int(high / 3.2)), max(1, int(wide / b.rng.uniform(2, 4)))
    w, h = wide / columns * float(b.rng.uniform(0.3, 0.7)), float(b.rng.uniform(1.1, 2))
    for floor in range(floors):
        for column in range(columns):
            x, z = -wide / 2 + wide * (column + 0.5) / columns, 0.9 + 3.1 * floor
            if z + h > high - 0.2:
                continue
            b.facing(x, -0.04, z - 0.08, w + 0.2, h + 0.16, frame)
            b.facing(x, -0.06, z, w, h, glass)
    b.box(
        float(b.rng.uniform(-0.3, 0.3)) * wide, -0.03, 0, 1.2, 0.2, 2.3, b.palette.fresh("front")
    )
    if high < 9 and b.rng.random() < 0.7:
        roof, rise = b.palette.fresh("brick"), float(b.rng.uniform(1.5, 3.5))
        slant = math.hypot(rise, deep / 2)
        up = (0.0, deep / 2 / slant, rise / slant)
        b.panel((0, deep / 4, high + rise / 2), (1, 0, 0), up, (wide + 0.4, slant), roof)
        for end in (-1, 1):
            centre = (end * wide / 2, deep / 2, high + rise / 2)
            gable = b.palette.some("facade")
            b.panel(centre, (0, end, 0), (0, 0, 1), (deep, rise), gable, shape=TRIANGLE)
    else:
        b.box(0, deep / 2 - 0.1, high, wide + 0.2, deep + 0.3, 0.3, b.palette.some("stone"))


def _green(b: Builder, side: int, start: float) -> None:
    """A hedge or a fence with trees behind."""
    if b.rng.random() < 0.6:
        high = float(b.rng.uniform(0.6, 2))
        x, middle = side * (start + 0.5), (_AHEAD_M - _BEHIND_M) / 2
        b.box(x, middle, 0, 0.8, _AHEAD_M + _BEHIND_M, high, b.palette.fresh("foliage"))
    for _ in range(22):
        y = float(b.rng.uniform(-_BEHIND_M, _AHEAD_M))
        with b.at(side * (start + float(b.rng.uniform(2, 25))), y):
            _tree(b, float(b.rng.uniform(4, 14)))


def _tree(b: Builder, high: float) -> None:
    bark, leaf = b.palette.some("wood"), b.palette.some("foliage", 4)
    trunk = high * float(b.rng.uniform(0.25, 0.5))
    b.tube(0, 0, -0.15, 0.04 * high**0.7, 0.02 * high, trunk + 0.6, bark, capped=False)
    if b.rng.random() < 0.25:
        b.tube(0, 0, trunk * 0.6, high * 0.22, 0.05, high - trunk * 0.6, leaf)
        return
    for _ in range(int(b.rng.integers(2, 6))):
        x, y = (float(n) for n in b.rng.normal(0, high * 0.08, 2))
        r = high * float(b.rng.uniform(0.12, 0.24))
        z = float(b.rng.uniform(trunk, high - r))
        b.ball(x, y, z, r, r, r * float(b.rng.uniform(0.7, 1.1)), leaf)


def _beside(b: Builder, side: int, kerb: float, walk: float) -> None:
    """Poles, trees, bins and people-sized posts on the pavement."""
    step, metal = float(b.rng.uniform(8, 25)), b.palette.some("metal")
    trees = b.rng.random() < 0.5
    y = -_BEHIND_M + float(b.rng.uniform(0, step))
    while y < _AHEAD_M:
        with b.at(side * (kerb + 0.5), y):
            if trees and b.rng.random() < 0.6:
                _tree(b, float(b.rng.uniform(3, 8)))
            else:
                high = float(b.rng.uniform(3, 8))
                b.tube(0, 0, 0, 0.09, 0.05, high, metal, capped=False)
                if b.rng.random() < 0.5:
                    b.box(-side * 0.7, 0, high, 1.5, 0.15, 0.1, metal)
                else:
                    b.box(0, -0.06, high - 1, 0.6, 0.02, 0.6, b.palette.some("thing"))
        y += step
    for _ in range(int(b.rng.poisson(9))):
        x = side * (kerb + float(b.rng.uniform(0.6, walk - 0.3)))
        with b.at(x, float(b.rng.uniform(-5, _AHEAD_M)), yaw=float(b.rng.uniform(0, 3))):
            if b.rng.random() < 0.5:
                person(b)
            else:
                b.box(
                    0, 0, 0, 0.5, 0.6, float(b.rng.uniform(0.6, 1.3)), b.palette.some("thing", 4)
                )


def _cars(b: Builder, road: float) -> None:
    for side in (-1, 1):
        y = float(b.rng.uniform(-_BEHIND_M, 8))
        chance = float(b.rng.uniform(0, 0.9))
        while y < _AHEAD_M:
            if b.rng.random() < chance:
                x = side * (road / 2 - 1.1 + float(b.rng.normal(0, 0.05)))
                with b.at(x, y, -0.15, yaw=float(b.rng.normal(0, 0.02))):
                    _car(b)
            y += float(b.rng.uniform(5, 9))


def _car(b: Builder) -> None:
    """Along y: body, cabin with windows, wheels; now and then a van."""
    paint, glass, black = (b.palette.some(s, 6) for s in ("metal", "screen", "metal"))
    if b.rng.random() < 0.7:
        paint = b.palette.fresh("ceramic")
    w, n = float(b.rng.uniform(1.65, 1.9)), float(b.rng.uniform(3.7, 4.8))
    van = b.rng.random() < 0.15
    b.box(0, 0, 0.25, w, n, 1.5 if van else 0.55, paint)
    if not van:
        b.box(0, -0.1, 0.8, w * 0.88, n * 0.5, 0.5, glass)
        b.box(0, -0.1, 1.3, w * 0.86, n * 0.46, 0.07, paint)
    for x in (-w / 2 + 0.08, w / 2 - 0.08):
        for y in (-n * 0.31, n * 0.31):
            turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
            with b.at(x, y, 0.31, turn=turned):
                b.tube(0, 0, -0.11, 0.31, 0.31, 0.22, black)


def _daylight(b: Builder) -> tuple[Float64, Float64, float]:
    rng = b.rng
    cloudy = float(rng.uniform(0, 1))
    blue, grey = np.array([0.45, 0.65, 0.95]), np.full(3, 0.85)
    top = linear(blue + (grey - blue) * cloudy) * float(rng.uniform(0.7, 1.2))
    horizon = linear(np.array([0.8, 0.88, 0.95])) * float(rng.uniform(0.8, 1.2))
    height, turn = float(rng.uniform(0.35, 1.2)), float(rng.uniform(0, 2 * math.pi))
    flat = math.cos(height)
    down = np.array([flat * math.cos(turn), flat * math.sin(turn), -math.sin(height)])
    sun = np.array([1.0, 0.95, 0.85]) * (1.6 * (1 - cloudy))
    b.lights.append(Light(np.zeros(3), sun, down, shadow=cloudy < 0.8))
    level = 0.35 + 0.6 * cloudy
    ambient = np.stack([np.full(3, level * 0.5), level * (0.6 + 0.4 * top / top.max())])
    return ambient, np.stack([horizon, top]), float(rng.uniform(0.8, 1.15)) / (level + 0.25)
