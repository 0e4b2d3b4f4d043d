# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Small things that lie and stand about, and plants."""

from __future__ import annotations

import numpy as np

from depth_ros.training.render.build import Builder, turn_x


def small_thing(b: Builder, size: float, highest: float) -> None:
    """One object of about ``size`` radius, not higher than ``highest``, at the local origin."""
    rng = b.rng
    tall = min(float(size * rng.uniform(0.5, 3.5)), highest)
    skin = b.palette.some("thing", 12)
    kind = int(rng.integers(7))
    if kind == 0:  # bottle
        b.tube(0, 0, 0, size * 0.5, size * 0.5, tall * 0.65, skin)
        b.tube(0, 0, tall * 0.65, size * 0.45, size * 0.15, tall * 0.35, skin)
    elif kind == 1:  # vase or cup
        b.tube(0, 0, 0, size * 0.4, size * 0.7, tall, b.palette.some("ceramic", 4), capped=False)
    elif kind == 2:  # ball or fruit
        r = min(size * 0.7, highest / 2)
        b.ball(0, 0, r, r, r, r, skin)
    elif kind == 3:  # a pile of books
        z = 0.0
        for _ in range(int(rng.integers(1, 5))):
            thick = float(rng.uniform(0.015, 0.05))
            if z + thick > highest:
                return
            with b.at(0, 0, z, yaw=float(rng.normal(0, 0.3))):
                b.box(0, 0, 0, size * 1.6, size * 1.2, thick, b.palette.some("thing", 12))
            z += thick
    elif kind == 4:  # picture frame, leaning back
        with b.at(0, 0, 0.01, turn=turn_x(-0.2)):
            b.box(0, 0, 0, size * 1.2, 0.015, tall, b.palette.some("wood"))
            b.facing(0, -0.009, 0.015, size * 1.1, tall - 0.03, b.palette.some("picture", 5))
    else:  # carton
        with b.at(0, 0, 0, yaw=float(rng.uniform(0, 3))):
            b.box(0, 0, 0, size * 1.3, size * float(rng.uniform(0.4, 1.3)), tall, skin)


def heap(b: Builder, size: float) -> None:
    """Clothes, a bag, cushions: soft lumps."""
    cloth = b.palette.some("fabric", 5)
    for _ in range(int(b.rng.integers(2, 6))):
        x, y = (float(n) for n in b.rng.normal(0, size * 0.4, 2))
        rx, ry = (float(n) for n in b.rng.uniform(0.4, 0.9, 2) * size)
        with b.at(x, y, yaw=float(b.rng.uniform(0, 3))):
            rz = size * float(b.rng.uniform(0.2, 0.7))
            b.ball(0, 0, rz * 0.7, rx, ry, rz, cloth)


def person(b: Builder) -> None:
    """Someone standing: legs, body, arms, head."""
    cloth, high = b.palette.some("fabric", 6), float(b.rng.uniform(1.5, 1.9))
    skin, trousers = b.palette.some("wood"), b.palette.some("fabric", 6)
    for x in (-0.09, 0.09):
        b.tube(x, 0, 0, 0.06, 0.09, high * 0.48, trousers, capped=False)
        swing = turn_x(float(b.rng.normal(0, 0.4)))
        with b.at(x * 2.7, 0, high * 0.82, turn=swing):
            b.tube(0, 0, -0.6, 0.035, 0.055, 0.6, cloth)
    b.ball(0, 0, high * 0.65, 0.22, 0.14, high * 0.2, cloth)
    b.ball(0, 0, high * 0.92, 0.09, 0.1, 0.13, skin)


def items_on(b: Builder, w: float, d: float, z: float, count: int) -> None:
    """Things at random places on a board of that size at height ``z``."""
    for _ in range(count):
        size = float(b.rng.uniform(0.04, 0.14))
        x = float(b.rng.uniform(-0.45, 0.45)) * w
        y = float(b.rng.uniform(-0.4, 0.4)) * d
        if b.rng.random() < 0.15:
            with b.at(x, y, z + 0.003, yaw=float(b.rng.uniform(0, 3))):
                paper = b.palette.some("paper")
                b.panel((0, 0, 0), (1, 0, 0), (0, 1, 0), (0.21, 0.3), paper)
            continue
        with b.at(x, y, z):
            if b.rng.random() < 0.12:
                plant(b, size, size * 3)
            elif b.rng.random() < 0.08:
                table_lamp(b, size)
            else:
                small_thing(b, size, 0.4)


def table_lamp(b: Builder, size: float) -> None:
    """A foot and a shade that may glow."""
    b.tube(0, 0, 0, size * 0.7, size * 0.2, size * 2, b.palette.some("ceramic"))
    shade = b.palette.fresh("fabric", float(b.rng.choice([0.0, 1.5])))
    b.tube(0, 0, size * 2, size * 1.2, size * 0.7, size * 1.5, shade, capped=False)


def plant(b: Builder, r: float, h: float) -> None:
    """A pot with leaves: blades that lean out, or a few clouds of foliage."""
    pot, leaf = b.palette.some("ceramic", 3), b.palette.some("leaf", 3)
    base = min(h * 0.35, r * 1.2)
    b.tube(0, 0, 0, r * 0.5, r * 0.7, base, pot)
    if b.rng.random() < 0.4:
        for _ in range(int(b.rng.integers(2, 6))):
            x, y = (float(n) for n in b.rng.uniform(-0.5, 0.5, 2) * r)
            z = float(b.rng.uniform(base + r * 0.3, max(base + r * 0.4, h - r * 0.4)))
            b.ball(x, y, z, r * 0.5, r * 0.5, r * float(b.rng.uniform(0.3, 0.6)), leaf)
        b.tube(0, 0, base, 0.02, 0.015, h - base, b.palette.some("wood"), capped=False)
        return
    length = h - base
    for _ in range(int(b.rng.integers(5, 13))):
        lean = float(b.rng.uniform(0.05, 0.9))
        yaw = float(b.rng.uniform(0, 2 * np.pi))
        long = length * float(b.rng.uniform(0.6, 1))
        wide = float(b.rng.uniform(0.1, 0.3)) * long
        with b.at(0, 0, base, yaw=yaw), b.at(0, 0, 0, turn=turn_x(lean)):
            for share in (0.3, 0.75):
                v = (0.0, 0.0, 1.0)
                size = (wide * (1.2 - share), long * 0.5)
                centre = (0.0, 0.0, long * share)
                b.panel(centre, (1, 0, 0), v, size, leaf, shape=1, two_sided=True)
