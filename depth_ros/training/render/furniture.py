# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Tables, desks, lamps, and the list of all pieces with their sizes.

Each piece fills width (x), depth (y), height (z), its back to +y."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from depth_ros.training.render.build import Builder
from depth_ros.training.render.clutter import items_on, plant
from depth_ros.training.render.parts import legs, monitor
from depth_ros.training.render.seating import armchair, bed, chair, office_chair, sofa, stool
from depth_ros.training.render.storage import boxes, cabinet, fridge, kitchen, shelf

Piece = Callable[[Builder, float, float, float], None]
Span = tuple[float, float, float, float, float, float]


def size(rng: np.random.Generator, span: Span) -> tuple[float, float, float]:
    """Width, depth and height drawn from low, high of each."""
    return (
        float(rng.uniform(span[0], span[1])),
        float(rng.uniform(span[2], span[3])),
        float(rng.uniform(span[4], span[5])),
    )


def table(b: Builder, w: float, d: float, h: float) -> None:
    """A top on legs or on a column, things on it."""
    top = b.palette.some("wood") if b.rng.random() < 0.8 else b.palette.some("stone")
    thick = float(b.rng.uniform(0.02, 0.05))
    if b.rng.random() < 0.2:
        r = min(w, d) / 2
        b.tube(0, 0, h - thick, r, r, thick, top)
        b.tube(0, 0, 0, 0.05, 0.05, h - thick, b.palette.some("metal"), capped=False)
        b.tube(0, 0, 0, r * 0.6, r * 0.5, 0.04, b.palette.some("metal"))
        items_on(b, r, r, h, 3)
        return
    b.box(0, 0, h - thick, w, d, thick, top)
    legs(b, w, d, h - thick, top, float(b.rng.uniform(0.04, 0.09)))
    if b.rng.random() < 0.4:
        b.box(0, 0, h - thick - 0.1, w - 0.1, d - 0.1, 0.1, top)
    items_on(b, w, d, h, int(b.rng.integers(1, 11)))


def desk(b: Builder, w: float, d: float, h: float) -> None:
    """A table with a monitor, a keyboard and a lamp."""
    wood = b.palette.some("wood")
    b.box(0, 0, h - 0.03, w, d, 0.03, wood)
    legs(b, w, d, h - 0.03, b.palette.some("metal"), 0.05)
    if b.rng.random() < 0.5:
        with b.at(w / 2 - 0.25, 0):
            b.box(0, 0, 0.1, 0.4, d - 0.1, h - 0.15, b.palette.some("front"))
    for x in (-w / 5, w / 4) if w > 1.3 and b.rng.random() < 0.5 else (0.0,):
        with b.at(x, d / 5, h, yaw=float(b.rng.normal(0, 0.2))):
            monitor(b, float(b.rng.uniform(0.4, 0.65)))
    b.box(0, -d / 5, h, 0.42, 0.14, 0.02, b.palette.some("thing"))
    items_on(b, w, d, h, int(b.rng.integers(1, 11)))


def television(b: Builder, w: float, d: float, h: float) -> None:
    """A low board with a large screen on it."""
    low = min(h, 0.55)
    cabinet(b, w, d, low)
    with b.at(0, 0.05, low):
        monitor(b, min(w * 0.85, 1.2))


def floor_lamp(b: Builder, w: float, d: float, h: float) -> None:
    """A foot, a pole and a shade."""
    metal = b.palette.some("metal")
    r = min(w, d) / 2
    b.tube(0, 0, 0, r * 0.8, r * 0.7, 0.03, metal)
    b.tube(0, 0, 0.03, 0.012, 0.012, h - 0.25, metal, capped=False)
    shade = b.palette.fresh("fabric", float(b.rng.choice([0.0, 1.5])))
    b.tube(0, 0, h - 0.28, r, r * float(b.rng.uniform(0.4, 1)), 0.28, shade, capped=False)


def big_plant(b: Builder, w: float, d: float, h: float) -> None:
    """A pot with leaves."""
    plant(b, min(w, d) / 2, h)


# piece: width, depth, height ranges in metres
AT_WALL: dict[str, tuple[Piece, Span]] = {
    "sofa": (sofa, (1.4, 2.4, 0.8, 1.0, 0.7, 0.95)),
    "bed": (bed, (0.9, 1.9, 1.9, 2.1, 0.45, 0.65)),
    "shelf": (shelf, (0.6, 1.8, 0.25, 0.4, 0.8, 2.2)),
    "cabinet": (cabinet, (0.5, 1.6, 0.35, 0.6, 0.6, 1.1)),
    "wardrobe": (cabinet, (0.8, 2.2, 0.5, 0.65, 1.7, 2.2)),
    "desk": (desk, (1.0, 1.9, 0.6, 0.85, 0.7, 0.78)),
    "television": (television, (1.0, 1.8, 0.4, 0.5, 0.35, 0.55)),
    "kitchen": (kitchen, (1.2, 3.6, 0.58, 0.68, 0.9, 2.2)),
    "fridge": (fridge, (0.55, 0.8, 0.55, 0.7, 1.3, 2.0)),
    "armchair": (armchair, (0.75, 1.0, 0.75, 0.95, 0.75, 1.0)),
    "plant": (big_plant, (0.3, 0.6, 0.3, 0.6, 0.5, 1.8)),
    "lamp": (floor_lamp, (0.3, 0.5, 0.3, 0.5, 1.3, 1.8)),
    "boxes": (boxes, (0.3, 0.6, 0.3, 0.5, 0.2, 1.0)),
    "side table": (table, (0.8, 1.6, 0.35, 0.6, 0.6, 0.9)),
}
IN_ROOM: dict[str, tuple[Piece, Span]] = {
    "table": (table, (0.8, 2.2, 0.7, 1.1, 0.68, 0.78)),
    "low table": (table, (0.6, 1.3, 0.45, 0.8, 0.35, 0.5)),
    "armchair": (armchair, (0.75, 1.0, 0.75, 0.95, 0.75, 1.0)),
    "stool": (stool, (0.3, 0.6, 0.3, 0.6, 0.35, 0.6)),
    "office chair": (office_chair, (0.55, 0.7, 0.55, 0.7, 0.9, 1.2)),
    "chair": (chair, (0.4, 0.5, 0.4, 0.52, 0.8, 1.0)),
    "boxes": (boxes, (0.3, 0.6, 0.3, 0.5, 0.2, 1.0)),
    "counter": (kitchen, (1.2, 2.4, 0.6, 0.9, 0.9, 0.95)),
    "sofa": (sofa, (1.4, 2.2, 0.8, 1.0, 0.7, 0.95)),
}
