# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Soft shadows: 1/z as a lamp sees it, and its variance (Donnelly and Lauritzen 2006)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from depth_ros.frame import Float32, Float64
from depth_ros.training.render.raster import Eye, cast
from depth_ros.training.render.scene import Light, Scene

_SIZE = 192
_KEPT = 16
_cache: OrderedDict[int, tuple[Scene, dict[int, ShadowMap]]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class ShadowMap:
    """``moments`` (H, W, 2): mean of 1/z and of its square around each ray of ``eye``."""

    moments: Float32
    eye: Eye

    def lit(self, x: Float32, y: Float32, z: Float32) -> Float32:
        """The share of light that reaches flat arrays of world points."""
        turn, place = self.eye.turn.astype(np.float32), self.eye.place.astype(np.float32)
        x, y, z = x - place[0], y - place[1], z - place[2]
        px, py, pz = (turn[0, i] * x + turn[1, i] * y + turn[2, i] * z for i in range(3))
        w = 1 / np.maximum(pz, np.float32(0.05))
        size = self.moments.shape[0]
        low, step = np.float32(self.eye.x[0]), np.float32(self.eye.x[1] - self.eye.x[0])
        u, v = (px * w - low) / step, (py * w - low) / step
        inside = (pz > 0.05) & (u > 0) & (v > 0) & (u < size - 1) & (v < size - 1)
        rows = -(-len(u) // 4096)
        u, v = (np.pad(c, (0, rows * 4096 - len(c))).reshape(rows, 4096) for c in (u, v))
        found = cv2.remap(self.moments, u, v, cv2.INTER_LINEAR).reshape(-1, 2)[: len(w)]
        excess = found[:, 0] - w * np.float32(1.015)
        spread = found[:, 1] - found[:, 0] * found[:, 0]
        spread = np.maximum(spread, np.float32(1e-4) * w * w)
        share = spread / (spread + excess * excess)
        share = np.clip((share - np.float32(0.25)) * np.float32(1 / 0.75), 0, 1)
        share[~(inside & (excess > 0))] = 1
        return np.asarray(share, np.float32)


def shadow_maps(scene: Scene) -> dict[int, ShadowMap]:
    """The maps of all lights that cast shadows, by light number; kept for the last few scenes."""
    found = _cache.get(id(scene))
    if found is not None and found[0] is scene:
        return found[1]
    maps = {n: _draw(scene, light) for n, light in enumerate(scene.lights) if light.shadow}
    _cache[id(scene)] = (scene, maps)
    while len(_cache) > _KEPT:
        _cache.popitem(last=False)
    return maps


def _draw(scene: Scene, light: Light) -> ShadowMap:
    if light.direction is None:
        rays = np.linspace(-2.6, 2.6, _SIZE)
        down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
        eye = Eye(rays, rays, down, light.position, 1.0)
    else:
        eye = _sun(scene, light.direction)
    inverse = cast(scene, eye).inverse
    moments = np.stack([inverse, inverse * inverse], -1)
    return ShadowMap(cv2.GaussianBlur(moments, (0, 0), 1.2), eye)


def _sun(scene: Scene, direction: Float64) -> Eye:
    """A far away eye that looks along the sunlight at the middle of the scene."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward], 1)
    middle = scene.extent.mean(0)
    reach = min(60.0, float(np.linalg.norm(scene.extent[1] - scene.extent[0])) / 2 + 5)
    distance = 6 * reach
    rays = np.linspace(-reach / distance, reach / distance, 2 * _SIZE)
    return Eye(rays, rays, turn, middle - forward * distance, 1.0)
