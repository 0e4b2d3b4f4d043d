# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a camera can stand, and where it looks."""

from __future__ import annotations

import math

import numpy as np

from depth_ros.frame import Float64
from depth_ros.training.render.scene import Scene

_CLEARANCE_M = 0.3
_TRIES = 40


def look(place: Float64, yaw: float, pitch: float, roll: float = 0.0) -> Float64:
    """4x4 world_from_camera: yaw 0 looks along y, pitch up and roll to the right positive."""
    c, s = math.cos(pitch), math.sin(pitch)
    forward = np.array([-math.sin(yaw) * c, math.cos(yaw) * c, s])
    right = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    down = np.cross(forward, right)
    pose = np.eye(4)
    pose[:3, 0] = math.cos(roll) * right + math.sin(roll) * down
    pose[:3, 1] = math.cos(roll) * down - math.sin(roll) * right
    pose[:3, 2] = forward
    pose[:3, 3] = place
    return pose


def clearance(scene: Scene, points: Float64) -> Float64:
    """(N,) metres from (N, 3) points to the nearest obstacle's bounds; 0 inside one."""
    low, high = scene.obstacles[:, 0], scene.obstacles[:, 1]
    beyond = np.maximum(low - points[:, None], points[:, None] - high).clip(0)
    return np.asarray(np.sqrt((beyond**2).sum(-1)).min(1), np.float64)


def distances(scene: Scene, place: Float64, rays: Float64) -> Float64:
    """(N,) how far unit rays (N, 3) run from one place until obstacles' bounds, or to 100 m."""
    with np.errstate(divide="ignore"):
        inverse = 1.0 / np.where(np.abs(rays) < 1e-9, 1e-9, rays)[:, None]
    a = (scene.obstacles[:, 0] - place) * inverse
    b = (scene.obstacles[:, 1] - place) * inverse
    near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    hit = np.where((near <= far) & (far > 0), np.maximum(near, 0), 100.0).min(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(rays[:, 2] < -1e-6, -place[2] / rays[:, 2], 100.0)
    nearest: Float64 = np.minimum(hit, floor)
    return nearest


def random_view(scene: Scene, rng: np.random.Generator) -> Float64:
    """4x4 world_from_camera of a free viewpoint that sees something sensible."""
    draw = _street_view if scene.kind == "street" else _indoor_view
    best, score = None, -math.inf
    for _ in range(_TRIES):
        pose = draw(scene, rng)
        value = view_score(scene, pose)
        if value >= 0:
            return pose
        if value > score:
            best, score = pose, value
    return draw(scene, rng) if best is None else best


def _indoor_view(scene: Scene, rng: np.random.Generator) -> Float64:
    low, high = scene.extent
    if rng.random() < 0.3:
        return _aimed_view(scene, rng)
    x, y = rng.uniform(low[:2] + 0.2, high[:2] - 0.2)
    low_robot = rng.random() < 0.2
    z = rng.uniform(0.2, 0.7) if low_robot else np.clip(rng.normal(1.4, 0.3), 0.5, 2.2)
    place = np.array([x, y, min(float(z), float(high[2]) - 0.2)])
    pitch = float(np.clip(rng.normal(-0.04 if low_robot else -0.3, 0.19), -0.75, 0.35))
    # Towards a place in the room more often than anywhere: people film across rooms.
    aim = rng.uniform(low[:2], high[:2]) - place[:2]
    yaw = math.atan2(-aim[0], aim[1]) if rng.random() < 0.6 else float(rng.uniform(-3.15, 3.15))
    if scene.kind == "corridor" and rng.random() < 0.5:
        yaw = float(rng.choice([0.0, math.pi]) + rng.normal(0, 0.25))
    roll = float(rng.normal(0, 0.02 if low_robot else 0.05))
    return look(place, yaw, pitch, roll)


def _aimed_view(scene: Scene, rng: np.random.Generator) -> Float64:
    """From 0.7 to 2.5 m away at one of the things in the room."""
    low, high = scene.extent
    middle = np.clip(scene.obstacles.mean(1), low, high)
    middle = middle[middle[:, 2] < 1.7]  # nobody films ceiling lamps
    target = middle[int(rng.integers(len(middle)))]
    turn, away = float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(0.7, 2.5))
    place = target + away * np.array([math.sin(turn), -math.cos(turn), 0.0])
    place[:2] = np.clip(place[:2], low[:2] + 0.2, high[:2] - 0.2)
    place[2] = np.clip(target[2] + rng.uniform(0, 1.1), 0.3, min(1.9, float(high[2]) - 0.2))
    aim = target - place + rng.normal(0, 0.15, 3)
    pitch = math.atan2(aim[2], math.hypot(aim[0], aim[1]))
    yaw = math.atan2(-aim[0], aim[1])
    return look(place, yaw, float(np.clip(pitch, -0.75, 0.35)), float(rng.normal(0, 0.06)))


def _street_view(scene: Scene, rng: np.random.Generator) -> Float64:
    low, high = scene.extent
    z = float(rng.uniform(1.2, 2.0) if rng.random() < 0.8 else rng.uniform(0.4, 1.2))
    place = np.array([rng.uniform(low[0], high[0]), rng.uniform(low[1], high[1] * 0.7), z])
    yaw = float(rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(-1.5, 1.5))
    return look(place, yaw, float(rng.normal(-0.03, 0.06)), float(rng.normal(0, 0.02)))


def view_score(scene: Scene, pose: Float64, nearest: float = 0.65) -> float:
    """Negative where the view is bad: too close to something, or something fills it.

    ``nearest`` is the least median distance in metres (3 in streets).
    """
    room = float(clearance(scene, pose[None, :3, 3])[0])
    if room < _CLEARANCE_M:
        return room - 10
    grid = np.stack(np.meshgrid(np.linspace(-0.55, 0.55, 6), np.linspace(-0.4, 0.4, 5)), -1)
    rays = np.concatenate([grid.reshape(-1, 2), np.ones((30, 1))], 1)
    length = np.linalg.norm(rays, axis=1)
    depth = distances(scene, pose[:3, 3], (rays / length[:, None]) @ pose[:3, :3].T) / length
    close = float((depth < 0.4).mean())
    middle = float(np.median(depth))
    lowest = 3.0 if scene.kind == "street" else nearest
    return min(0.0, middle - lowest, 0.15 - close)
