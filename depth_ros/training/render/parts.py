# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Parts that several pieces of furniture share."""

from __future__ import annotations

from depth_ros.training.render.build import Builder


def legs(b: Builder, w: float, d: float, h: float, material: int, thick: float) -> None:
    """Four legs at the corners."""
    x, y = w / 2 - thick, d / 2 - thick
    slim = b.rng.random() < 0.4
    for sx in (-x, x):
        for sy in (-y, y):
            if slim:
                b.tube(sx, sy, 0, thick / 3, thick / 2, h, material, capped=False)
            else:
                b.box(sx, sy, 0, thick, thick, h, material)


def monitor(b: Builder, w: float) -> None:
    """A flat screen on a foot, facing -y."""
    black = b.palette.some("metal")
    b.box(0, 0.02, 0, w * 0.4, 0.16, 0.015, black)
    b.box(0, 0.04, 0, 0.05, 0.03, 0.2, black)
    b.box(0, 0, 0.1, w, 0.03, w * 0.58, black)
    glow = float(b.rng.choice([0.0, 0.8]))
    b.facing(0, -0.018, 0.11, w - 0.02, w * 0.58 - 0.02, b.palette.fresh("screen", glow))
