# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What is fixed to walls and ceilings. Walls run along local x at y = 0 and face -y."""

from __future__ import annotations

import numpy as np

from depth_ros.training.render.build import Builder, turn_x
from depth_ros.training.render.clutter import small_thing


def door(b: Builder, x: float, height: float) -> None:
    """A frame, a leaf and a handle; sometimes the leaf stands open."""
    frame, leaf = b.palette.some("wood"), b.palette.some("front")
    w, h = float(b.rng.uniform(0.75, 1.0)), min(float(b.rng.uniform(1.95, 2.15)), height - 0.1)
    for side in (-w / 2 - 0.04, w / 2 + 0.04):
        b.box(x + side, -0.015, 0, 0.09, 0.04, h + 0.08, frame)
    b.box(x, -0.015, h, w, 0.04, 0.08, frame)
    if b.rng.random() < 0.3:
        b.facing(x, -0.006, 0, w, h, b.palette.fresh("paint"))
        with b.at(x - w / 2, -0.02, yaw=-float(b.rng.uniform(0.3, 1.5))):
            b.box(w / 2, -0.02, 0.01, w, 0.04, h - 0.02, leaf)
        return
    b.box(x, -0.008, 0.01, w, 0.02, h - 0.01, leaf)
    b.box(x + w * 0.4, -0.05, 1.02, 0.12, 0.03, 0.03, b.palette.some("metal"))


def window(b: Builder, x: float, height: float, width: float) -> None:
    """A bright pane in a frame with a sill, perhaps curtains or a radiator."""
    sill = float(b.rng.uniform(0.5, 1.0))
    h = min(float(b.rng.uniform(1.0, 1.5)), height - sill - 0.15)
    frame = b.palette.some("paint")
    b.facing(x, -0.01, sill, width, h, b.palette.fresh("view", float(b.rng.uniform(0.4, 2.5))))
    panes = int(b.rng.integers(1, 4))
    for k in range(panes + 1):
        b.box(x - width / 2 + width * k / panes, -0.025, sill, 0.06, 0.05, h, frame)
    for z in (sill, sill + h - 0.05):
        b.box(x, -0.025, z, width, 0.05, 0.05, frame)
    b.box(x, -0.1, sill - 0.04, width + 0.1, 0.2, 0.03, frame)
    if b.rng.random() < 0.5:
        curtains(b, x, sill, width, h)
    if b.rng.random() < 0.35:
        with b.at(x + float(b.rng.uniform(-0.3, 0.3)), -0.1, sill - 0.01):
            small_thing(b, 0.08, 0.3)
    if b.rng.random() < 0.5:
        radiator(b, x, min(width, 1.2), sill - 0.15)


def curtains(b: Builder, x: float, sill: float, width: float, h: float) -> None:
    """Two lengths of cloth on a rail."""
    cloth = b.palette.some("curtain", 1)
    low = 0.02 if b.rng.random() < 0.6 else sill - 0.1
    high = sill + h + 0.1
    part = float(b.rng.uniform(0.15, 0.45)) * width
    for side in (-1, 1):
        at = x + side * (width / 2 + 0.1 - part / 2)
        b.box(at, -0.13, low, part, 0.08, high - low, cloth)
    b.box(x, -0.13, high, width + 0.5, 0.03, 0.03, b.palette.some("metal"))


def radiator(b: Builder, x: float, width: float, h: float) -> None:
    """Ribs under a window."""
    paint = b.palette.some("paint")
    for k in range(int(width / 0.1)):
        b.box(x - width / 2 + 0.1 * k + 0.05, -0.08, 0.12, 0.07, 0.08, h - 0.12, paint)


def picture(b: Builder, x: float, height: float) -> None:
    """One framed picture, a poster, a clock, a board or a mirror."""
    w, h = (float(n) for n in b.rng.uniform(0.2, 1.0, 2))
    h = min(h, height - 1.5)
    z = float(np.clip(b.rng.normal(1.5, 0.15), 1.1, height - 0.1)) - h / 2
    kind = b.rng.random()
    if kind < 0.15:
        r = float(b.rng.uniform(0.1, 0.2))
        with b.at(x, -0.02, 1.7, turn=turn_x(np.pi / 2)):
            b.tube(0, 0, -0.02, r, r, 0.04, b.palette.some("ceramic"))
        return
    if kind < 0.75:
        b.box(x, -0.012, z, w + 0.06, 0.03, h + 0.06, b.palette.some("wood"))
        b.facing(x, -0.03, z + 0.03, w, h, b.palette.fresh("picture"))
        return
    b.facing(x, -0.006, z, w, h, b.palette.fresh("picture"))


def wall_shelf(b: Builder, x: float, width: float) -> None:
    """A board on the wall with things on it."""
    z = float(b.rng.uniform(1.2, 1.8))
    b.box(x, -0.12, z, width, 0.22, 0.025, b.palette.some("wood"))
    at = -width / 2 + 0.1
    while at < width / 2 - 0.1:
        with b.at(x + at, -0.12, z + 0.025):
            if b.rng.random() < 0.5:
                run = float(b.rng.uniform(0.08, 0.2))
                b.box(0, 0, 0, run, 0.16, 0.22, b.palette.some("books", 4))
            else:
                small_thing(b, 0.06, 0.3)
        at += float(b.rng.uniform(0.2, 0.4))


def ceiling_lamp(b: Builder, x: float, y: float, height: float) -> float:
    """A hanging, flush or tube lamp; returns the height of its light."""
    glow = b.palette.fresh("paint", float(b.rng.uniform(1.0, 3.0)))
    kind = int(b.rng.integers(4))
    if kind == 0:
        drop = float(b.rng.uniform(0.2, min(0.8, max(0.25, height - 1.9))))
        b.tube(x, y, height - drop, 0.006, 0.006, drop, b.palette.some("metal"), capped=False)
        r = float(b.rng.uniform(0.12, 0.3))
        shade = b.palette.fresh("fabric", 0.7)
        b.tube(x, y, height - drop - r, r, r * 0.4, r, shade, capped=False)
        b.ball(x, y, height - drop - r * 0.6, 0.05, 0.05, 0.05, glow)
        return height - drop - r - 0.12
    if kind == 1:
        b.tube(x, y, height - 0.09, 0.18, 0.2, 0.09, glow)
        return height - 0.25
    if kind == 2:
        b.box(x, y, height - 0.07, 1.2, 0.2, 0.07, glow)
        return height - 0.22
    b.ball(x, y, height - 0.2, 0.16, 0.16, 0.16, glow)
    return height - 0.45


def skirting(b: Builder, length: float, material: int) -> None:
    """A board along the foot of a wall centred on x = 0."""
    b.box(0, -0.008, 0, length, 0.016, 0.08, material)
