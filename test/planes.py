# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A slanted textured plane in closed form, as a recording: exact images, depth and poses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.training.data.readers.reading import Reading

NORMAL = np.array([0.25, -0.35, 0.9])
AWAY_M = 2.0  # NORMAL . p of all points p of the plane
BASELINE_M = 0.15
CAMERA = Camera(64, 48, 60.0, 58.0, 30.5, 24.0)
STEPS = [  # world_from_camera of a hand-held camera: metres, radians
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.12, -0.03, -0.02, 0.01, -0.02, 0.01),
    (0.2, 0.07, 0.05, -0.01, 0.01, 0.0),
    (0.33, 0.02, 0.08, 0.0, 0.02, -0.01),
    (0.41, -0.05, 0.03, 0.01, 0.0, 0.01),
    (0.5, 0.0, 0.1, 0.0, -0.01, 0.0),
]


def motion(x: float, y: float, z: float, a: float, b: float, c: float) -> Float64:
    """4x4 of a translation and small turns about x, y and z."""
    (sa, ca), (sb, cb), (sc, cc) = ((np.sin(t), np.cos(t)) for t in (a, b, c))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = about_x @ about_y @ about_z, (x, y, z)
    return matrix


def look(world_from_camera: Float64, camera: Camera = CAMERA) -> tuple[UInt8, Float32]:
    """The image (h, w, 3) and the exact depth (h, w) in metres."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    rays = np.stack([*np.meshgrid(x, y), np.ones((camera.height, camera.width))], -1)
    rays = rays @ world_from_camera[:3, :3].T
    depth = (AWAY_M - NORMAL @ world_from_camera[:3, 3]) / (rays @ NORMAL)
    p, q, r = np.moveaxis(world_from_camera[:3, 3] + depth[..., None] * rays, -1, 0)
    waves = [
        np.sin(9 * p + 5 * q + phase) + np.sin(4 * p - 10 * q + 2 * phase + r)
        for phase in (0.0, 1.3, 2.9)
    ]
    image = 255 * (0.5 + 0.22 * np.stack(waves, -1))
    return np.rint(image).astype(np.uint8), depth.astype(np.float32)


def beside(world_from_camera: Float64) -> Float64:
    """The pose of the right camera of a pair."""
    return world_from_camera @ motion(BASELINE_M, 0, 0, 0, 0, 0)


@dataclass
class PlaneVideo:
    """A recording of the plane; frames in ``broken`` cannot be read."""

    name: str = "plane"
    poses: list[Float64] = field(default_factory=lambda: [motion(*s) for s in STEPS])
    stereo: bool = False
    known: bool = True
    broken: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.poses)

    def read(self, index: int) -> Reading:
        if index in self.broken:
            raise SourceError(f"frame {index} of {self.name}")
        pose = self.poses[index]
        image, depth = look(pose)
        right = look(beside(pose))[0] if self.stereo else None
        return Reading(
            image=image,
            depth=depth,
            camera=CAMERA,
            world_from_camera=pose if self.known else None,
            right=right,
            baseline_m=BASELINE_M if self.stereo else None,
        )

    def neighbour(self, index: int, offset: int) -> int | None:
        return index + offset if 0 <= index + offset < len(self) else None

    def problems(self) -> list[str]:
        return []
