# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Camera paths: uniform cubic B-splines (twice continuously differentiable) clear of obstacles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from depth_ros.errors import ConfigError
from depth_ros.frame import Float64
from depth_ros.training.render.scene import Scene
from depth_ros.training.render.views import clearance, look, random_view, view_score

SPEEDS = ("handheld", "robot", "drive")
_TRIES = 24
_GAP_M = 0.22  # kept between the path and every obstacle's bounds


def trajectory(
    scene: Scene, rng: np.random.Generator, frames: int, rate_hz: float, speed: str = "handheld"
) -> list[Float64]:
    """``frames`` poses (4x4 world_from_camera), ``1 / rate_hz`` seconds apart.

    handheld: 0.2 to 0.8 m/s in any direction, slow turns, a little shake. robot: level, at a fixed
    height, looking where it goes. drive: 5 to 10 m/s along a street (slower where it would end).
    """
    if speed not in SPEEDS:
        raise ConfigError("speed of a trajectory", expected=" or ".join(SPEEDS), got=speed)
    if frames < 1 or not (math.isfinite(rate_hz) and rate_hz > 0):
        raise ConfigError(
            "trajectory",
            expected="at least 1 frame at more than 0 Hz",
            got=f"{frames} frames at {rate_hz} Hz",
        )
    seconds = frames / rate_hz
    time = np.arange(frames) / rate_hz
    best: list[Float64] = []
    score = -math.inf
    for _ in range(_TRIES):
        start = random_view(scene, rng)
        if speed == "drive":
            poses = _drive(scene, rng, time)
        elif speed == "robot":
            poses = _robot(scene, rng, start, seconds, time)
        else:
            poses = _handheld(scene, rng, start, seconds, time)
        value = _quality(scene, poses)
        if value > score:
            best, score = poses, value
        if score >= 0:
            break
    return best


def spline(knots: Float64, at: Float64) -> Float64:
    """Uniform cubic B-spline of (K, D) control points, at (N,) in 0 to K - 3; (N, D)."""
    first = np.clip(np.floor(at).astype(int), 0, len(knots) - 4)
    t = (at - first)[:, None]
    p0, p1, p2, p3 = (knots[first + i] for i in range(4))
    return (
        np.asarray(
            (1 - t) ** 3 * p0
            + (3 * t**3 - 6 * t**2 + 4) * p1
            + (-3 * t**3 + 3 * t**2 + 3 * t + 1) * p2
            + t**3 * p3
        )
        / 6
    )


def _quality(scene: Scene, poses: list[Float64]) -> float:
    """0 for a clear path with good views, else the worse the lower."""
    every = max(1, len(poses) // 40)
    places = np.array([pose[:3, 3] for pose in poses[::every]])
    room = float(clearance(scene, places).min())
    views = [min(0.0, view_score(scene, pose)) for pose in poses[::every]]
    return min(0.0, room - _GAP_M) * 100 + min(0.0, float(np.mean(views)) + 0.05)


def _free(scene: Scene, start: Float64, end: Float64) -> bool:
    low, high = scene.extent
    if (end < low + 0.1).any() or (end > high - 0.1).any():
        return False
    way = start + (end - start) * np.linspace(0.25, 1, 4)[:, None]
    return bool(clearance(scene, way).min() > _GAP_M + 0.08)


@dataclass(frozen=True, slots=True)
class _Gait:
    wander: float  # radians, how much the heading changes from second to second
    rise: float  # metres, how much the height does
    ahead: float  # metres that have to be free beyond each step


def _walk(
    scene: Scene, rng: np.random.Generator, start: Float64, heading: float, knots: int, gait: _Gait
) -> Float64:
    """(knots, 3) control points one second apart, each a free step from the one before."""
    points = [start]
    pace = float(rng.uniform(0.25, 0.7))
    for _ in range(knots - 1):
        for attempt in range(16):
            way = heading + float(rng.normal(0, gait.wander * (1 + attempt / 3)))
            step = pace * float(rng.uniform(0.7, 1.1)) * (1 if attempt < 10 else 0.5)
            ahead = np.array([-math.sin(way), math.cos(way), 0.0])
            rise = float(rng.normal(0, gait.rise)) - 0.15 * (points[-1][2] - start[2])
            end = points[-1] + step * ahead + np.array([0.0, 0.0, rise])
            if _free(scene, points[-1], end + gait.ahead * ahead):
                points.append(end)
                heading = way
                break
        else:
            points.append(points[-1])
            heading += math.pi * float(rng.uniform(0.5, 1.5))
    return np.array(points)


def _angles(start: Float64) -> tuple[float, float, float]:
    """Yaw, pitch and roll that `look` would need."""
    forward, right, down = start[:3, 2], start[:3, 0], start[:3, 1]
    yaw, pitch = math.atan2(-forward[0], forward[1]), math.asin(float(forward[2]))
    return yaw, pitch, math.atan2(float(-right[2]), float(-down[2]))


def _handheld(
    scene: Scene, rng: np.random.Generator, start: Float64, seconds: float, time: Float64
) -> list[Float64]:
    knots = math.ceil(seconds) + 4
    drift = float(rng.uniform(-math.pi, math.pi))
    places = _walk(scene, rng, start[:3, 3], drift, knots, _Gait(0.5, 0.04, 0.0))
    yaw, pitch, roll = _angles(start)
    turns = np.empty((knots, 3))
    rate = float(rng.normal(0, 0.2))
    for k in range(knots):
        turns[k] = yaw, pitch, roll
        pitch = float(np.clip(pitch * 0.9 - 0.025 + rng.normal(0, 0.06), -0.7, 0.3))
        roll = roll * 0.8 + float(rng.normal(0, 0.015))
        rate = 0.8 * rate + float(rng.normal(0, 0.1))
        rate = _turn(scene, places[min(k + 1, knots - 1)], yaw, pitch, rate)
        yaw += rate
    path = spline(np.concatenate([places, turns], 1), time) + _shake(rng, time)
    return [look(p[:3], *(float(a) for a in p[3:])) for p in path]


def _turn(scene: Scene, place: Float64, yaw: float, pitch: float, rate: float) -> float:
    """The yaw rate nearest to ``rate`` after which the view is open, in rad/s."""
    rates = [float(np.clip(rate + more, -0.45, 0.45)) for more in (0, 0.25, -0.25, 0.6, -0.6)]
    best, score = rates[0], -math.inf
    for option in rates:
        value = min(0.0, view_score(scene, look(place, yaw + option, pitch), 1.1))
        if value > score + 0.02:
            best, score = option, value
        if score >= 0:
            break
    return best


def _shake(rng: np.random.Generator, time: Float64) -> Float64:
    """(N, 6) tremor of a hand: millimetres and tenths of degrees at 0.7 to 3 Hz."""
    total = np.zeros((len(time), 6))
    size = np.array([0.002, 0.002, 0.003, 0.003, 0.003, 0.003])
    for hertz in (0.7, 1.3, 2.1, 3.0):
        phase = rng.uniform(0, 2 * math.pi, 6)
        total += (
            size * rng.uniform(0.2, 1, 6) * np.sin(2 * math.pi * hertz * time[:, None] + phase)
        )
    return total


def _robot(
    scene: Scene, rng: np.random.Generator, start: Float64, seconds: float, time: Float64
) -> list[Float64]:
    knots = math.ceil(seconds) + 4
    yaw, _, _ = _angles(start)
    place = start[:3, 3].copy()
    height = float(rng.uniform(0.25, 1.2))
    if clearance(scene, np.array([[place[0], place[1], height]]))[0] > _GAP_M + 0.1:
        place[2] = height
    points = _walk(scene, rng, place, yaw, knots, _Gait(0.2, 0.0, 0.5))
    steps = np.diff(points[:, :2], axis=0)
    moved = np.hypot(*steps.T) > 0.05
    headings = _filled(np.where(moved, np.arctan2(-steps[:, 0], steps[:, 1]), np.nan), yaw)
    headings = np.unwrap(np.append(headings, headings[-1]))
    pitch = float(rng.normal(-0.05, 0.05))
    path = spline(np.column_stack([points, headings]), time)
    return [look(p[:3], float(p[3]), pitch) for p in path]


def _filled(values: Float64, first: float) -> Float64:
    """NaN replaced by the value before."""
    out: Float64 = values.copy()
    for k in range(len(out)):
        if math.isnan(out[k]):
            out[k] = out[k - 1] if k else first
    return out


def _drive(scene: Scene, rng: np.random.Generator, time: Float64) -> list[Float64]:
    low, high = scene.extent
    lane = float(rng.uniform(low[0], high[0])) * 0.6
    height, pitch = float(rng.uniform(1.2, 1.8)), float(rng.normal(-0.02, 0.015))
    length = float(high[1] - low[1])
    pace = min(float(rng.uniform(5, 10)), 0.9 * length / max(float(time[-1]), 1e-3))
    sway, hertz = float(rng.uniform(0, 0.25)), float(rng.uniform(0.03, 0.1))
    phase = float(rng.uniform(0, 2 * math.pi))
    angle = 2 * math.pi * hertz * time + phase
    x, y = lane + sway * np.sin(angle), low[1] + 0.02 * length + pace * time
    yaw = np.arctan2(-sway * 2 * math.pi * hertz * np.cos(angle), pace)
    bounce = 0.01 * np.sin(2 * math.pi * 1.1 * time + phase)
    return [
        look(np.array([x[k], y[k], height + bounce[k]]), float(yaw[k]), pitch)
        for k in range(len(time))
    ]
