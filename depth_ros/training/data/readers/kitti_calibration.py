# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI's calibration files (``key: numbers``), and the car's way from its GPS and inertial unit.

Frames: ``lidar`` and ``imu`` (x forward, y left, z up), ``rect0`` (camera 0 after rectification)
and ``camera`` (one of the rectified cameras: rect0's axes, moved sideways).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.errors import DepthError, SourceError
from depth_ros.frame import Camera, Float64

EARTH_M = 6378137.0  # the radius that KITTI's own tools take


@dataclass(frozen=True, slots=True)
class Rectified:
    """A rectified camera: 3x4 ``projection`` out of rect0, and ``camera_from_rect0`` 4x4."""

    projection: Float64
    camera_from_rect0: Float64

    def camera(self, width: int, height: int) -> Camera:
        """The pinhole of its images."""
        fx, fy, cx, cy = map(float, self.projection[[0, 1, 0, 1], [0, 1, 2, 2]])
        return Camera(width, height, fx, fy, cx, cy)

    def baseline_m(self, right: Rectified) -> float:
        """How far the other camera is to the right of this one."""
        return float(self.camera_from_rect0[0, 3] - right.camera_from_rect0[0, 3])


def rectified(projection: Float64) -> Rectified:
    """From P = K [I | t]: a point moves by t = inv(K) p, with p the fourth column of P."""
    camera_from_rect0 = np.eye(4)
    camera_from_rect0[:3, 3] = np.linalg.solve(projection[:, :3], projection[:, 3])
    return Rectified(projection, camera_from_rect0)


def read_calibration_file(file: Path) -> dict[str, Float64]:
    """Numbers by key; lines that hold others, such as a date, are left out. Raises SourceError.

    Lines of numbers alone are P0, P1 and so on, as in some copies of KITTI odometry.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read calibration {file}: {error}") from error
    values: dict[str, Float64] = {}
    for number, line in enumerate(text.splitlines()):
        key, named, entry = line.partition(":")
        key, entry = (key.strip(), entry) if named else (f"P{number}", line)
        try:
            values[key] = np.array([float(x) for x in entry.split()], np.float64)
        except ValueError:
            continue
    return values


def read_projection(values: Mapping[str, Float64], key: str, file: Path) -> Rectified:
    """The camera of the 3x4 matrix ``key``. Raises SourceError where it is none."""
    try:
        return rectified(numbers(values, key, 12, file).reshape(3, 4))
    except np.linalg.LinAlgError as error:
        raise SourceError(f"cannot use {key} in {file}: {error}") from error


def read_rigid(file: Path) -> Float64:
    """The 4x4 transform in the R and T of a file such as calib_velo_to_cam.txt."""
    values = read_calibration_file(file)
    rotation = numbers(values, "R", 9, file).reshape(3, 3)
    return rigid(rotation, numbers(values, "T", 3, file))


def rigid(rotation: Float64, translation: Float64 | None = None) -> Float64:
    """4x4 of a 3x3 rotation and a translation."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    if translation is not None:
        transform[:3, 3] = translation
    return transform


def numbers(values: Mapping[str, Float64], key: str, count: int, file: Path) -> Float64:
    """The entry ``key`` if it has so many finite numbers. Raises SourceError."""
    found = values.get(key)
    if found is None or found.size != count or not np.isfinite(found).all():
        got = "nothing" if found is None else f"{found.size} numbers"
        raise SourceError(f"{key} in {file}", expected=f"{count} finite numbers", got=got)
    return found


def read_oxts(file: Path) -> Float64:
    """Six values: latitude, longitude (degrees), altitude (metres), roll, pitch, yaw (radians)."""
    try:
        oxts = np.array(file.read_text(encoding="utf-8").split(), np.float64)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {file}: {error}") from error
    if oxts.size < 6 or not np.isfinite(oxts[:6]).all():
        got = f"{oxts.size} numbers"
        raise SourceError(f"{file}", expected="6 finite numbers or more", got=got)
    return oxts[:6]


def ground_from_imu(oxts: Float64, first: Float64) -> Float64:
    """4x4 pose in a Mercator map (x east, y north, z up; metres) with the scale at ``first``.

    x = s r lon, y = s r ln tan(pi/4 + lat/2), s = cos(lat of first); R = Rz(yaw) Ry(pitch)
    Rx(roll), with yaw from east (Geiger et al., "Vision meets Robotics: The KITTI Dataset", 2013).
    """
    latitude, longitude, altitude, roll, pitch, yaw = map(float, oxts)
    scale = math.cos(math.radians(float(first[0]))) * EARTH_M
    north = math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
    rotation = _about(2, yaw) @ _about(1, pitch) @ _about(0, roll)
    return rigid(rotation, np.array([scale * math.radians(longitude), scale * north, altitude]))


def _about(axis: int, angle: float) -> Float64:
    """The right-handed rotation about axis 0, 1 or 2."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[a, a] = rotation[b, b] = math.cos(angle)
    rotation[b, a], rotation[a, b] = math.sin(angle), -math.sin(angle)
    return rotation


def camera_of(rig: Rectified, width: int, height: int, file: Path) -> Camera:
    """The pinhole, or SourceError with the calibration's name where its numbers are unusable."""
    try:
        return rig.camera(width, height)
    except DepthError as error:
        raise SourceError(f"cannot use {file}: {error}") from error
