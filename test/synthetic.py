# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A textured box room with furniture, rendered in closed form: exact depth and exact poses.

The world has optical axes (x right, y down, z forward), metres, its origin in the room's middle.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_ros.frame import Camera, Float32, Float64, Frame, UInt8

ROOM = np.array([[-3.0, -1.3, -3.0], [3.0, 1.3, 3.0]])
BOXES = np.array(
    [
        [[-2.6, 0.3, 1.6], [-1.4, 1.3, 2.6]],
        [[0.6, 0.5, 1.9], [1.6, 1.3, 2.7]],
        [[2.2, -0.6, -0.5], [3.0, 1.3, 0.9]],
        [[-1.1, 0.7, -2.8], [0.9, 1.3, -1.8]],
    ]
)
Indices = npt.NDArray[np.int64]


@functools.cache
def waves(surface: int) -> tuple[Float64, Float64]:
    """Wave vectors (12, 2) in radians a metre and phases (12,) of one surface's texture."""
    rng = np.random.default_rng(surface)
    length, angle = np.exp(rng.uniform(np.log(0.2), np.log(1.2), 12)), rng.uniform(0, np.pi, 12)
    vectors = 2 * np.pi / length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return vectors, rng.uniform(0, 2 * np.pi, 12)


def texture(surface: int, points: Float64) -> Float32:
    """Brightness 0 to 1 at ``points`` (2, n) of a surface; smooth, with many corners."""
    vectors, phases = waves(surface)
    total = np.zeros(points.shape[1], np.float32)
    for (kx, ky), phase in zip(vectors, phases, strict=True):
        total += np.sin((kx * points[0] + ky * points[1] + phase).astype(np.float32))
    return 0.5 + 0.45 * np.tanh(0.7 * total)


def _slabs(origin: Float64, rays: Float64, box: Float64) -> tuple[Float64, Float64]:
    to_low, to_high = ((corner - origin)[:, None] / rays for corner in box)
    return np.minimum(to_low, to_high), np.maximum(to_low, to_high)


def render_box_room(camera: Camera, world_from_camera: Float64) -> tuple[UInt8, Float32]:
    """The image (h, w, 3) RGB and the exact depth (h, w) that a rectified camera sees."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    in_camera = np.stack([*np.meshgrid(x, y), np.ones((camera.height, camera.width))])
    rays = world_from_camera[:3, :3] @ in_camera.reshape(3, -1)
    rays[np.abs(rays) < 1e-12] = 1e-12
    origin = world_from_camera[:3, 3]
    exits = _slabs(origin, rays, ROOM)[1]
    depth, axis = exits.min(0), exits.argmin(0)
    surface = 2 * axis + (np.take_along_axis(rays, axis[None], 0)[0] > 0)
    for number, box in enumerate(BOXES, 1):
        near, far = _slabs(origin, rays, box)
        enter = near.max(0)
        hit = (enter > 0) & (enter < far.min(0)) & (enter < depth)
        depth, axis = np.where(hit, enter, depth), np.where(hit, near.argmax(0), axis)
        surface = np.where(hit, 6 * number + axis, surface)
    image = _shade(origin[:, None] + depth * rays, axis, surface)
    size = camera.height, camera.width
    return image.reshape(*size, 3), depth.reshape(size).astype(np.float32)


def _shade(points: Float64, axis: Indices, surface: Indices) -> UInt8:
    image = np.zeros((points.shape[1], 3), np.uint8)
    for s in np.flatnonzero(np.bincount(surface)):
        on = np.flatnonzero(surface == s)
        uv = np.delete(points, axis[on[0]], 0)[:, on]
        tint = np.random.default_rng(int(s)).uniform(0.7, 1.0, 3).astype(np.float32)
        image[on] = (250 * texture(int(s), uv)[:, None] * tint + 0.5).astype(np.uint8)
    return image


def pose(
    x: float = 0, y: float = 0, z: float = 0, yaw: float = 0, pitch: float = 0, roll: float = 0
) -> Float64:
    """world_from_camera at a place, turned right by yaw, up by pitch, clockwise by roll."""
    (sy, cy), (sp, cp), (sr, cr) = ((np.sin(a), np.cos(a)) for a in (yaw, pitch, roll))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn @ nod @ tilt, (x, y, z)
    return matrix


def walk(count: int, step_m: float = 0.02) -> list[Float64]:
    """A smooth path through the room that turns, nods and tilts; about ``step_m`` a frame."""
    a = np.arange(count) * step_m / 0.8
    return [
        pose(
            x=0.8 * np.sin(t),
            y=0.15 * np.sin(1.3 * t),
            z=0.8 * np.cos(t) - 0.8,
            yaw=0.9 * np.sin(0.7 * t),
            pitch=0.15 * np.sin(1.1 * t),
            roll=0.1 * np.sin(0.9 * t),
        )
        for t in a
    ]


@dataclass(frozen=True, slots=True)
class View:
    """One rendered frame with its truth."""

    frame: Frame
    depth: Float32
    world_from_camera: Float64


def views(camera: Camera, poses: list[Float64], period_ns: int = 33_333_333) -> list[View]:
    """The rendered frames along ``poses``, stamped from one period on."""
    rendered = [(p, *render_box_room(camera, p)) for p in poses]
    return [
        View(Frame((i + 1) * period_ns, "camera_optical", image, camera), depth, p)
        for i, (p, image, depth) in enumerate(rendered)
    ]
