# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rooms: a floor plan, furniture along the walls and in the middle, clutter, lamps."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import numpy as np

from depth_ros.frame import Float64
from depth_ros.training.render import fittings, furniture, seating
from depth_ros.training.render.build import Builder
from depth_ros.training.render.clutter import heap, person, small_thing
from depth_ros.training.render.scene import Scene

_STYLES: dict[str, tuple[str, ...]] = {
    "living": ("sofa", "television", "shelf", "cabinet", "armchair", "plant", "lamp"),
    "bedroom": ("bed", "wardrobe", "cabinet", "desk", "lamp", "armchair"),
    "kitchen": ("kitchen", "kitchen", "fridge", "cabinet", "shelf", "side table"),
    "office": ("desk", "desk", "shelf", "cabinet", "plant", "wardrobe"),
    "store": ("shelf", "shelf", "boxes", "wardrobe", "boxes", "side table"),
}
_MIDDLES: dict[str, tuple[str, ...]] = {
    "living": ("low table", "armchair", "stool", "table", "sofa"),
    "bedroom": ("chair", "stool", "boxes"),
    "kitchen": ("table", "counter", "stool", "chair"),
    "office": ("office chair", "office chair", "table", "chair", "boxes"),
    "store": ("boxes", "boxes", "table", "stool"),
}


class Plan:
    """Which floor is taken: rectangles (low x, low y, high x, high y)."""

    def __init__(self, low: Float64, high: Float64) -> None:
        self.low, self.high = low, high
        self._taken: list[tuple[float, float, float, float]] = []

    def take(self, x: float, y: float, wide: float, deep: float, gap: float = 0.03) -> bool:
        """Whether the rectangle about (x, y) was free and within the room; it is taken now."""
        x0, x1, y0, y1 = x - wide / 2, x + wide / 2, y - deep / 2, y + deep / 2
        if x0 < self.low[0] or y0 < self.low[1] or x1 > self.high[0] or y1 > self.high[1]:
            return False
        for a0, b0, a1, b1 in self._taken:
            if x0 < a1 + gap and x1 > a0 - gap and y0 < b1 + gap and y1 > b0 - gap:
                return False
        self._taken.append((x0, y0, x1, y1))
        return True


def shell(b: Builder, low: Float64, high: Float64, *, one_wall: bool = False) -> None:
    """Floor, ceiling and four walls, seen from inside."""
    w, d, h = high - low
    x, y, _ = (low + high) / 2
    floor, ceiling = b.palette.fresh("floor"), b.palette.fresh("paint")
    b.panel((x, y, 0), (1, 0, 0), (0, 1, 0), (w, d), floor)
    b.panel((x, y, h), (-1, 0, 0), (0, 1, 0), (w, d), ceiling)
    main = b.palette.fresh("wall")
    trim = b.palette.some("wood") if b.rng.random() < 0.7 else None
    for index, length in enumerate((w, d, w, d)):
        skin = main if one_wall or b.rng.random() < 0.7 else b.palette.fresh("wall")
        with wall(b, low, high, index):
            b.facing(0, 0, 0, length, h, skin)
            if trim is not None:
                fittings.skirting(b, length, trim)
    far = 0.3
    for axis in (0, 1):
        for edge, sign in ((low, -1), (high, 1)):
            a, c = low.copy(), high.copy()
            a[axis], c[axis] = sorted((edge[axis], edge[axis] + sign * far))
            b.keep_out(a, c)


def wall(b: Builder, low: Float64, high: Float64, index: int) -> AbstractContextManager[None]:
    """Axes of wall 0 to 3: x along it about its middle, the room towards -y."""
    x, y = (low[:2] + high[:2]) / 2
    places = ((x, high[1]), (low[0], y), (x, low[1]), (high[0], y))
    return b.at(*places[index], yaw=index * math.pi / 2)


def furnished(rng: np.random.Generator, seed: int) -> Scene:
    """A random room."""
    b = Builder(rng)
    size = np.array([rng.uniform(2.4, 6.5), rng.uniform(2.4, 7.0), rng.uniform(2.2, 3.1)])
    if rng.random() < 0.12:
        size[:2] += rng.uniform(0, 4, 2)
    low, high = np.array([-size[0] / 2, -size[1] / 2, 0.0]), np.array([*size[:2] / 2, size[2]])
    style = str(rng.choice(list(_STYLES), p=[0.34, 0.2, 0.22, 0.16, 0.08]))
    shell(b, low, high)
    plan = Plan(low, high)
    if rng.random() < 0.35:
        _alcove(b, plan, low, high)
    fill = float(rng.uniform(0.4, 1.2))
    for index in rng.permutation(4):
        _dress_wall(b, plan, low, high, int(index), style, fill)
    _middle(b, plan, low, high, style, fill)
    _floor_clutter(b, plan, low, high)
    _beams(b, low, high)
    _slope(b, low, high)
    ambient, exposure = _lights(b, low, high)
    edge = np.array([0.1, 0.1, 0.1])
    return b.finish(
        "room",
        seed,
        extent=np.stack([low + edge, high - edge]),
        ambient=ambient,
        exposure=exposure,
    )


def _alcove(b: Builder, plan: Plan, low: Float64, high: Float64) -> None:
    """A block in one corner makes the floor plan an L; or a free column."""
    w, d = (float(n) for n in b.rng.uniform(0.15, 0.4, 2) * (high - low)[:2])
    x = low[0] + w / 2 if b.rng.random() < 0.5 else high[0] - w / 2
    y = low[1] + d / 2 if b.rng.random() < 0.5 else high[1] - d / 2
    if plan.take(float(x), float(y), w - 0.01, d - 0.01):
        b.box(float(x), float(y), 0, w, d, float(high[2]), b.palette.fresh("wall"))


def _dress_wall(
    b: Builder, plan: Plan, low: Float64, high: Float64, index: int, style: str, fill: float
) -> None:
    rng, h = b.rng, float(high[2])
    length, reach = (high - low)[[index % 2, 1 - index % 2]]
    turned = index * math.pi / 2
    c, s = round(math.cos(turned)), round(math.sin(turned))
    middle = np.array([(low + high)[0] / 2, (low + high)[1] / 2])
    foot = middle + np.array([-s, c]) * reach / 2

    def free(x: float, w: float, d: float) -> bool:
        at = foot + x * np.array([c, s]) - d / 2 * np.array([-s, c]) * 1.001
        return plan.take(float(at[0]), float(at[1]), *((w, d) if c else (d, w)))

    with wall(b, low, high, index):
        if rng.random() < 0.4 and length > 1.6:
            x = float(rng.uniform(-length / 2 + 0.6, length / 2 - 0.6))
            if free(x, 1.0, 0.7):
                fittings.door(b, x, h)
        elif rng.random() < 0.55 and length > 1.8:
            width = float(rng.uniform(0.8, min(2.4, length - 0.6)))
            fittings.window(b, float(rng.uniform(-1, 1) * (length - width) / 2.2), h, width)
        for _ in range(int(rng.poisson(1.3))):
            fittings.picture(b, float(rng.uniform(-0.42, 0.42) * length), h)
        if rng.random() < 0.2 and length > 1.5:
            fittings.wall_shelf(b, float(rng.uniform(-0.3, 0.3) * length), 0.8)
        for _ in range(int(2 + length * 2.4 * fill)):
            name = str(rng.choice(_STYLES[style])) if rng.random() < 0.85 else None
            name = name or str(rng.choice(list(furniture.AT_WALL)))
            piece, span = furniture.AT_WALL[name]
            w, d, tall = furniture.size(rng, span)
            x = float(rng.uniform(-1, 1) * max(0.0, length - w) / 2)
            if free(x, w, d):
                with b.at(x, -d / 2 - 0.02):
                    piece(b, w, d - 0.04, min(tall, h - 0.1))


def _middle(b: Builder, plan: Plan, low: Float64, high: Float64, style: str, fill: float) -> None:
    rng = b.rng
    if rng.random() < 0.45:
        w, d = (float(n) for n in rng.uniform(0.35, 0.75, 2) * (high - low)[:2])
        x, y = (float(n) for n in rng.uniform(-0.1, 0.1, 2))
        b.box(x, y, 0, w, d, 0.012, b.palette.fresh("rug"))
    area = float(np.prod((high - low)[:2]))
    for _ in range(int(1 + area * 0.45 * fill)):
        name = str(rng.choice(_MIDDLES[style]))
        piece, span = furniture.IN_ROOM[name]
        w, d, tall = furniture.size(rng, span)
        quarter = int(rng.integers(4))
        yaw = quarter * math.pi / 2 + float(rng.normal(0, 0.15)) * (rng.random() < 0.5)
        wide, deep = (w, d) if quarter % 2 == 0 else (d, w)
        if rng.random() < 0.3 and max(w, d) < 1.2:
            yaw = float(rng.uniform(-math.pi, math.pi))
            wide = deep = 0.9 * math.hypot(w, d)
        x, y = (float(n) for n in rng.uniform(low[:2], high[:2]))
        if not plan.take(x, y, wide * 1.1, deep * 1.1, 0.1):
            continue
        with b.at(x, y, yaw=yaw):
            piece(b, w, d, min(tall, float(high[2]) - 0.2))
        if name == "table":
            _chairs_round(b, plan, x, y, wide, deep)


def _chairs_round(b: Builder, plan: Plan, x: float, y: float, w: float, d: float) -> None:
    for side in range(4):
        if b.rng.random() < 0.3:
            continue
        turned = side * math.pi / 2
        c, s = math.cos(turned), math.sin(turned)
        reach = (d if side % 2 == 0 else w) / 2 + float(b.rng.uniform(0.15, 0.45))
        cx, cy = x - s * reach, y + c * reach
        if plan.take(cx, cy, 0.42, 0.42, 0.0):
            with b.at(cx, cy, yaw=turned + float(b.rng.normal(0, 0.25))):
                seating.chair(b, 0.42, 0.44, 0.9)


def _floor_clutter(b: Builder, plan: Plan, low: Float64, high: Float64) -> None:
    for _ in range(int(b.rng.poisson(4))):
        x, y = (float(n) for n in b.rng.uniform(low[:2] + 0.2, high[:2] - 0.2))
        size = float(b.rng.uniform(0.06, 0.25))
        if plan.take(x, y, 2 * size, 2 * size, 0.0):
            with b.at(x, y, yaw=float(b.rng.uniform(0, 6))):
                kind = b.rng.random()
                if kind < 0.2:
                    heap(b, size * 1.5)
                elif kind < 0.24:
                    person(b)
                else:
                    small_thing(b, size, 0.6)


def _beams(b: Builder, low: Float64, high: Float64) -> None:
    if b.rng.random() > 0.12:
        return
    wood, h = b.palette.some("wood"), float(high[2])
    w, d = float(high[0] - low[0]), float(high[1] - low[1])
    for k in range(int(d / 0.9)):
        b.box(0, float(low[1]) + 0.45 + 0.9 * k, h - 0.18, w, 0.14, 0.18, wood)


def _slope(b: Builder, low: Float64, high: Float64) -> None:
    """An attic's slanted ceiling over one side."""
    if b.rng.random() > 0.08:
        return
    w, d, h = (float(n) for n in high - low)
    drop, run = float(b.rng.uniform(0.3, 0.5)) * h, float(b.rng.uniform(0.2, 0.45)) * w
    slant = math.hypot(drop, run)
    centre = (float(low[0]) + run / 2, 0.0, h - drop / 2)
    b.panel(centre, (0, 1, 0), (run / slant, 0, drop / slant), (d, slant), b.palette.fresh("wall"))


def _lights(b: Builder, low: Float64, high: Float64) -> tuple[Float64, float]:
    """Lamps, ambient light and an exposure that suits them."""
    rng, size = b.rng, high - low
    warmth = np.array([1.0, rng.uniform(0.78, 1.0), rng.uniform(0.55, 1.0)])
    lamps = 1 + int(size[0] * size[1] > 16) + int(rng.random() < 0.3)
    power = float(rng.uniform(2.0, 5.0)) * size[2] / lamps
    for k in range(lamps):
        x, y = (float(n) for n in rng.uniform(-0.3, 0.3, 2) * size[:2])
        z = fittings.ceiling_lamp(b, x, y, float(high[2]))
        b.lamp(x, y, z, warmth * power, shadow=k == 0)
    if rng.random() < 0.5:
        side = float(rng.choice([-0.42, 0.42]))
        day = np.array([rng.uniform(0.8, 1), 0.95, 1.0]) * float(rng.uniform(0.5, 3))
        b.lamp(side * size[0], float(rng.uniform(-0.3, 0.3) * size[1]), 1.5, day)
    level = float(rng.uniform(0.15, 0.75))
    ambient = np.stack([warmth * level * 0.8, warmth * level])
    total = level + power * lamps / (size[2] ** 2 + size[0] * size[1] / 8)
    return ambient, float(rng.uniform(0.8, 1.5)) / total
