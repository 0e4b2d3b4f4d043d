# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Chairs, sofas, beds. Each piece fills width (x), depth (y), height (z), its back to +y."""

from __future__ import annotations

import numpy as np

from depth_ros.training.render.build import Builder, turn_x
from depth_ros.training.render.parts import legs


def chair(b: Builder, w: float, d: float, h: float) -> None:
    """A seat, legs and a back of slats or in one piece."""
    wood, seat = b.palette.some("wood"), b.palette.some("fabric")
    level = h * 0.52
    b.box(0, 0, level - 0.05, w, d, 0.05, seat)
    legs(b, w, d, level - 0.05, wood, 0.04)
    if b.rng.random() < 0.5:
        b.box(0, d / 2 - 0.02, level, w, 0.04, h - level, seat)
        return
    for x in (-w / 2 + 0.02, w / 2 - 0.02):
        b.box(x, d / 2 - 0.02, level, 0.035, 0.035, h - level, wood)
    for share in (0.35, 0.65, 0.92):
        b.box(0, d / 2 - 0.02, level + (h - level) * share - 0.04, w - 0.05, 0.02, 0.07, wood)


def office_chair(b: Builder, w: float, d: float, h: float) -> None:
    """Seat and back on a column with a star foot."""
    metal, seat = b.palette.some("metal"), b.palette.some("fabric")
    for k in range(5):
        with b.at(0, 0, 0, yaw=k * 2 * np.pi / 5):
            b.box(w * 0.25, 0, 0.05, w * 0.5, 0.05, 0.04, metal)
            b.ball(w * 0.48, 0, 0.03, 0.03, 0.03, 0.03, metal)
    b.tube(0, 0, 0.08, 0.03, 0.03, h * 0.38, metal, capped=False)
    b.box(0, 0, h * 0.45, w * 0.85, d * 0.85, 0.08, seat)
    with b.at(0, d * 0.4, h * 0.55, turn=turn_x(-0.15)):
        b.box(0, 0, 0, w * 0.75, 0.06, h * 0.45, seat)
    for x in (-w * 0.45, w * 0.45):
        b.box(x, 0, h * 0.62, 0.05, d * 0.5, 0.03, metal)


def sofa(b: Builder, w: float, d: float, h: float) -> None:
    """Base, seat cushions, back, arms, loose cushions."""
    cloth = b.palette.fresh("fabric")
    seat, arm = h * 0.5, float(b.rng.uniform(0.1, 0.22))
    b.box(0, 0.02, 0.06, w, d - 0.04, seat * 0.6, cloth)
    b.box(0, d / 2 - 0.11, 0.1, w, 0.22, h - 0.1, cloth)
    for x in (-w / 2 + arm / 2, w / 2 - arm / 2):
        b.box(x, -0.02, 0.06, arm, d - 0.06, h * 0.68, cloth)
    places = max(1, round((w - 2 * arm) / 0.7))
    each = (w - 2 * arm) / places
    for k in range(places):
        x = -w / 2 + arm + each * (k + 0.5)
        b.box(x, -0.1, seat * 0.6 + 0.06, each - 0.02, d - 0.28, seat * 0.3, cloth)
        if b.rng.random() < 0.5:
            with b.at(x, d / 2 - 0.3, seat + 0.2, turn=turn_x(-0.3)):
                b.ball(0, 0, 0, 0.22, 0.09, 0.2, b.palette.some("fabric", 4))


def bed(b: Builder, w: float, d: float, h: float) -> None:
    """Frame, mattress, blanket, pillows; the head end at the back."""
    wood, cloth = b.palette.some("wood"), b.palette.fresh("fabric")
    b.box(0, 0, 0.08, w, d, h * 0.3, wood)
    b.box(0, 0, 0.08 + h * 0.3, w - 0.06, d - 0.06, h * 0.3, b.palette.fresh("fabric"))
    b.box(0, -d * 0.12, 0.1 + h * 0.3, w + 0.02, d * 0.72, h * 0.33, cloth)
    b.box(0, d / 2 - 0.03, 0, w, 0.06, h + 0.35, wood)
    level = 0.08 + h * 0.6
    for x in (-w / 4, w / 4) if w > 1.1 else (0.0,):
        b.ball(x, d * 0.36, level + 0.06, min(0.35, w / 4), 0.2, 0.1, b.palette.some("fabric"))


def armchair(b: Builder, w: float, d: float, h: float) -> None:
    """A narrow sofa."""
    sofa(b, w, d, h)


def stool(b: Builder, w: float, d: float, h: float) -> None:
    """A round seat, a pouffe or a crate."""
    r = min(w, d) / 2
    if b.rng.random() < 0.4:
        b.tube(0, 0, 0, r, r * float(b.rng.uniform(0.8, 1.1)), h, b.palette.some("fabric"))
        return
    b.tube(0, 0, h - 0.05, r, r, 0.05, b.palette.some("fabric"))
    legs(b, 1.4 * r, 1.4 * r, h - 0.05, b.palette.some("metal"), 0.035)
