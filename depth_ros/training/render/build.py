# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Puts a scene together from boxes, panels, discs, balls and tubes in nested local axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from depth_ros.frame import Float64, UInt8
from depth_ros.training.render.palette import Palette
from depth_ros.training.render.scene import (
    DISC,
    RECTANGLE,
    Faces,
    Kind,
    Light,
    Scene,
    Solids,
)

_AXES = np.eye(3)
# u and v of a box's six faces, as rows of axis numbers and signs: cross(u, v) points outwards.
_BOX = ((1, 1, 2), (0, -1, 2), (0, 1, 2), (1, -1, 2), (0, 1, 1), (0, -1, 1))
_BOX_NORMAL = ((0, 1), (1, 1), (1, -1), (0, -1), (2, 1), (2, -1))


def turn_z(angle: float) -> Float64:
    """Rotation about z."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def turn_x(angle: float) -> Float64:
    """Rotation about x."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


class Builder:
    """Collects parts. Local axes: x to the right, y to the back, z up; `at` nests them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.palette = Palette(rng)
        self.lights: list[Light] = []
        self._turn, self._shift = _AXES, np.zeros(3)
        self._faces: list[tuple[Float64, Float64, Float64, float, float, int, bool, int]] = []
        self._boxes: list[tuple[Float64, Float64, Sequence[float], int]] = []
        self._solids: list[tuple[Float64, Float64, tuple[float, float, float], int]] = []
        self._obstacles: list[Float64] = []
        self.solid = True  # whether parts are obstacles to the camera

    @contextmanager
    def at(
        self, x: float, y: float, z: float = 0.0, yaw: float = 0.0, turn: Float64 | None = None
    ) -> Iterator[None]:
        """Parts inside the block are placed in axes moved and turned so."""
        saved = self._turn, self._shift
        self._shift = self.point(x, y, z)
        self._turn = saved[0] @ (turn_z(yaw) if turn is None else turn)
        try:
            yield
        finally:
            self._turn, self._shift = saved

    def point(self, x: float, y: float, z: float) -> Float64:
        """A local point in the world."""
        return self._turn @ np.array([x, y, z], np.float64) + self._shift

    def box(
        self, x: float, y: float, z: float, sx: float, sy: float, sz: float, material: int
    ) -> None:
        """A box of that size whose bottom centre is (x, y, z)."""
        if min(sx, sy, sz) < 1e-3:
            return  # what a piece has no room for is left out
        half = (sx / 2, sy / 2, sz / 2)
        self._boxes.append((self.point(x, y, z + sz / 2), self._turn, half, material))

    def panel(
        self,
        centre: tuple[float, float, float],
        u: tuple[float, float, float],
        v: tuple[float, float, float],
        size: tuple[float, float],
        material: int,
        *,
        shape: int = RECTANGLE,
        two_sided: bool = False,
    ) -> None:
        """A flat patch along the unit directions u and v; its front is cross(u, v)."""
        if min(size) < 1e-3:
            return
        where, along, up = self.point(*centre), self._turn @ np.array(u), self._turn @ np.array(v)
        half = size[0] / 2, size[1] / 2
        self._faces.append((where, along, up, *half, shape, two_sided, material))

    def facing(
        self, x: float, y: float, z: float, width: float, height: float, material: int
    ) -> None:
        """An upright panel with its bottom centre at (x, y, z) that faces -y."""
        centre = (x, y, z + height / 2)
        self.panel(centre, (1, 0, 0), (0, 0, 1), (width, height), material)

    def ball(
        self, x: float, y: float, z: float, rx: float, ry: float, rz: float, material: int
    ) -> None:
        """An ellipsoid about its centre (x, y, z)."""
        axes = self._turn * np.array([rx, ry, rz])
        self._solids.append((self.point(x, y, z), axes, (1.0, 0.0, 1.0), material))

    def tube(
        self,
        x: float,
        y: float,
        z: float,
        bottom: float,
        top: float,
        height: float,
        material: int,
        *,
        capped: bool = True,
    ) -> None:
        """An upright cylinder or cone of those radii, bottom centre at (x, y, z)."""
        if min(height, bottom + top) < 1e-3:
            return
        big = max(bottom, top)
        mean, slope = (bottom + top) / 2 / big, (top - bottom) / 2 / big
        axes = self._turn * np.array([big, big, height / 2])
        form = (-slope * slope, mean * slope, mean * mean)
        self._solids.append((self.point(x, y, z + height / 2), axes, form, material))
        for radius, up in ((top, 1), (bottom, -1)):
            if capped and radius > 1e-3:
                end = (x, y, z + height if up > 0 else z)
                size = (2 * radius, 2 * radius)
                self.panel(end, (1, 0, 0), (0, up, 0), size, material, shape=DISC)

    def lamp(self, x: float, y: float, z: float, colour: Float64, shadow: bool = False) -> None:
        """A point light at (x, y, z)."""
        self.lights.append(Light(self.point(x, y, z), colour, None, shadow))

    def keep_out(self, low: Float64, high: Float64) -> None:
        """A box in the world that cameras must stay out of."""
        self._obstacles.append(np.stack([low, high]))

    def _box_faces(self) -> list[Float64]:
        """centre, u, v, half of all boxes' faces, arrays of (6 B, ...)."""
        centre = np.array([b[0] for b in self._boxes]).reshape(-1, 1, 3)
        axes = np.array([b[1] for b in self._boxes]).reshape(-1, 3, 3)
        half = np.array([b[2] for b in self._boxes]).reshape(-1, 3)
        columns = np.swapaxes(axes, 1, 2)
        ui, us, vi = np.array(_BOX).T
        ni, ns = np.array(_BOX_NORMAL).T
        u, v = columns[:, ui] * us[:, None], columns[:, vi]
        where = centre + columns[:, ni] * (ns * half[:, ni])[..., None]
        size = np.stack([half[:, ui], half[:, vi]], -1)
        return [where.reshape(-1, 3), u.reshape(-1, 3), v.reshape(-1, 3), size.reshape(-1, 2)]

    def faces(self) -> Faces:
        """All flat patches, those of boxes last."""
        loose = self._faces
        boxes = self._box_faces()
        n = len(boxes[0])

        def both(index: int, width: int) -> Float64:
            return np.concatenate(
                [np.array([f[index] for f in loose]).reshape(-1, width), boxes[index]]
            )

        half = np.array([f[3:5] for f in loose], np.float64).reshape(-1, 2)
        shape = np.array([f[5] for f in loose] + [RECTANGLE] * n, np.int64)
        sided = np.array([f[6] for f in loose] + [False] * n, np.bool_)
        material = np.array([f[7] for f in loose] + [b[3] for b in self._boxes for _ in range(6)])
        half = np.concatenate([half, boxes[3]])
        return Faces(both(0, 3), both(1, 3), both(2, 3), half, shape, sided, material)

    def solids(self) -> Solids:
        """All round surfaces."""
        return Solids(
            np.array([s[0] for s in self._solids]).reshape(-1, 3),
            np.array([s[1] for s in self._solids]).reshape(-1, 3, 3),
            np.array([s[2] for s in self._solids]).reshape(-1, 3),
            np.array([s[3] for s in self._solids], np.int64),
        )

    def obstacles(self) -> Float64:
        """(K, 2, 3) axis-aligned bounds of boxes, round surfaces and `keep_out`."""
        centre = [b[0] for b in self._boxes] + [s[0] for s in self._solids]
        reach = [np.abs(b[1]) @ np.array(b[2]) for b in self._boxes]
        reach += [np.abs(s[1]).sum(1) for s in self._solids]
        where, size = np.array(centre).reshape(-1, 3), np.array(reach).reshape(-1, 3)
        bounds = np.stack([where - size, where + size], 1)
        return np.concatenate([bounds, np.array(self._obstacles).reshape(-1, 2, 3)])

    def finish(
        self,
        kind: Kind,
        seed: int,
        *,
        extent: Float64,
        ambient: Float64,
        sky: Float64 | None = None,
        exposure: float = 1.0,
    ) -> Scene:
        """The scene of all parts so far."""
        obstacles = self.obstacles()
        area = np.stack([extent[0, :2] - 0.5, extent[1, :2] + 0.5])
        return Scene(
            kind=kind,
            seed=seed,
            faces=self.faces(),
            solids=self.solids(),
            materials=self.palette.materials(),
            lights=tuple(self.lights),
            ambient=ambient,
            exposure=exposure,
            extent=extent,
            obstacles=obstacles,
            occlusion=_openness(obstacles, area),
            occlusion_area=area,
            sky=sky,
        )


def _openness(obstacles: Float64, area: Float64) -> UInt8:
    """How much of the hemisphere the ground sees, from the footprints of what stands on it."""
    size = 128
    covered = np.zeros((size, size), np.float32)
    scale = size / (area[1] - area[0])
    low = obstacles[obstacles[:, 0, 2] < 0.4]
    corner = np.floor((low[:, 0, :2] - area[0]) * scale).clip(0, size).astype(int).tolist()
    end = np.ceil((low[:, 1, :2] - area[0]) * scale).clip(0, size).astype(int).tolist()
    close = (1.0 - low[:, 0, 2].clip(0.0, 0.5) * 2).tolist()
    for (x0, y0), (x1, y1), dark in zip(corner, end, close, strict=True):
        patch = covered[y0:y1, x0:x1]
        np.maximum(patch, dark, out=patch)
    sigma = float(0.18 * scale.mean())
    blurred = cv2.GaussianBlur(covered, (0, 0), max(0.5, sigma))
    dark = 0.65 * np.minimum(blurred * 1.2, 1.0)
    return np.asarray(np.round(255 * (1 - dark)), np.uint8)
