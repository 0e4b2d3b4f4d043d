# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""RGB-D video in folders, as the TUM benchmark has it: images, depth and poses listed by time."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float64
from depth_ros.training.data.readers.files import pick, problems_of, reading_file
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.reading import Numbered, Place, Reading

TUM_UNIT_M = 1 / 5000  # metres that 1 stands for in TUM's depth PNGs
TUM_TOLERANCE_NS = 20_000_000  # what the benchmark's own tools take as the same time

# The calibrations of the colour cameras that the benchmark publishes, with OpenCV's distortion.
TUM_CAMERAS = {
    "freiburg1": Camera(
        *(640, 480, 517.3, 516.5, 318.6, 255.3), (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)
    ),
    "freiburg2": Camera(
        *(640, 480, 520.9, 521.0, 325.1, 249.7), (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)
    ),
    "freiburg3": Camera(640, 480, 535.4, 539.2, 320.1, 247.6),
}


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A line of a TUM list: a time, and what stands behind it."""

    stamp_ns: int
    values: tuple[str, ...]


class TumFolder(Numbered):
    """rgb.txt, depth.txt (1/5000 m) and, where there is one, groundtruth.txt.

    An image goes with the depth nearest in time, at most ``tolerance_ns`` away and each used
    once, the nearest pairs first; images without depth are left out. The pose (tx ty tz qx qy qz
    qw, world from colour camera in optical axes) is the nearest within the same tolerance, else
    None. Depth is registered to the colour image. ``camera`` is that of the sequence; without
    one, the published one if the folder's name has freiburg1, 2 or 3 in it.
    """

    def __init__(
        self,
        folder: Path,
        camera: Camera | None = None,
        depth_unit_m: float = TUM_UNIT_M,
        tolerance_ns: int = TUM_TOLERANCE_NS,
    ) -> None:
        self.name = folder.resolve().name
        self._folder, self._unit = folder, depth_unit_m
        match = re.search(r"freiburg[123]", self.name)
        self._camera = camera or (TUM_CAMERAS[match[0]] if match else None)
        self._broken: list[str] = []
        images, depths = self._lines("rgb.txt", 1), self._lines("depth.txt", 1)
        poses = self._lines("groundtruth.txt", 7, optional=True)
        stamps = [[line.stamp_ns for line in lines] for lines in (images, depths, poses)]
        self._entries = [
            (images[i], depths[j], _nearest(poses, stamps[2], images[i].stamp_ns, tolerance_ns))
            for i, j in associate(stamps[0], stamps[1], tolerance_ns)
        ]
        if not self._entries:
            raise SourceError(
                f"images and depth of {folder}",
                expected=f"stamps within {tolerance_ns / 1e9} s of each other",
                got=f"{len(images)} images, {len(depths)} depths",
            )

    def _lines(self, name: str, columns: int, optional: bool = False) -> list[_Stamped]:
        path = self._folder / name
        if optional and not path.is_file():
            return []
        with reading_file(path):
            lines = path.read_text(encoding="utf-8").splitlines()
        found: list[_Stamped] = []
        for number, line in enumerate(lines, 1):
            words = line.replace(",", " ").split()
            if not words or words[0].startswith("#"):
                continue
            stamp = _stamp_ns(words[0])
            if stamp is None or len(words) <= columns:
                self._broken.append(f"{path}: line {number} is no stamp and {columns} values")
                continue
            found.append(_Stamped(stamp, tuple(words[1 : columns + 1])))
        return sorted(found, key=lambda line: line.stamp_ns)

    def __len__(self) -> int:
        return len(self._entries)

    def _places(self) -> list[Place]:
        """Numbers are of frames of the usual time; a longer one is a gap."""
        stamps = [color.stamp_ns for color, _, _ in self._entries]
        usual = max(float(np.median(np.diff(stamps))), 1.0) if len(stamps) > 1 else 1.0
        steps = np.maximum(np.rint(np.diff(stamps) / usual), 1).astype(int)
        return [(self.name, int(n)) for n in np.concatenate([[0], np.cumsum(steps)])]

    def read(self, index: int) -> Reading:
        """Reading ``index``, in the order of time."""
        color, depth, pose = pick(self._entries, index, self.name)
        path = self._folder / color.values[0]
        image = read_rgb(path)
        camera, size = self._camera, (image.shape[1], image.shape[0])
        if camera and (camera.width, camera.height) != size:
            raise SourceError(f"{path}", expected=f"{camera.width}x{camera.height}", got=size)
        metres = read_scaled(self._folder / depth.values[0], self._unit)
        world_from_camera = _pose(self._folder / "groundtruth.txt", pose) if pose else None
        stamp = color.stamp_ns
        return Reading(image, metres, camera, world_from_camera, stamp, name=path.stem)

    def problems(self) -> list[str]:
        """Lines that say nothing, and images and depth that are missing or broken."""
        found = list(self._broken)
        found += problems_of(self._folder / color.values[0] for color, _, _ in self._entries)
        depths = (self._folder / depth.values[0] for _, depth, _ in self._entries)
        return found + problems_of(depths, bits=16)


def _stamp_ns(text: str) -> int | None:
    """Seconds as exact nanoseconds; None for what is no time (up to the year 2242)."""
    try:
        seconds = Decimal(text)
        return int(seconds * 10**9) if 0 <= seconds < 2**33 else None
    except ArithmeticError:
        return None


def associate(first: list[int], second: list[int], tolerance_ns: int) -> list[tuple[int, int]]:
    """Pairs of indices into two ascending lists of stamps, nearest pairs first, each used once."""
    near: list[tuple[int, int, int]] = []
    for i, stamp in enumerate(first):
        low = bisect_left(second, stamp - tolerance_ns)
        high = bisect_right(second, stamp + tolerance_ns)
        near += [(abs(stamp - second[j]), i, j) for j in range(low, high)]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(near):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return sorted(pairs.items())


def _nearest(
    lines: list[_Stamped], stamps: list[int], stamp_ns: int, tolerance_ns: int
) -> _Stamped | None:
    """The line nearest in time, or None where none is near; ``stamps`` are those of the lines."""
    at = bisect_left(stamps, stamp_ns)
    near = lines[max(0, at - 1) : at + 1]
    best = min(near, key=lambda line: abs(line.stamp_ns - stamp_ns), default=None)
    return best if best and abs(best.stamp_ns - stamp_ns) <= tolerance_ns else None


def _pose(path: Path, line: _Stamped) -> Float64:
    """4x4 from tx ty tz qx qy qz qw; SourceError unless the quaternion is of about unit length."""
    with reading_file(path):
        values = np.array(line.values, np.float64)
    unit = abs(np.linalg.norm(values[3:]) - 1) < 0.01
    if not (np.isfinite(values).all() and unit):
        raise SourceError(f"a pose in {path}", expected="a unit quaternion", got=line.values)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation_of(values[3:]), values[:3]
    return pose


def rotation_of(quaternion: Float64) -> Float64:
    """3x3 of (x, y, z, w), which need not be of length 1. SourceError where it is 0."""
    length = float(np.linalg.norm(quaternion))
    if not length > 0:
        raise SourceError("quaternion of a pose", expected="not zero", got=quaternion.tolist())
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
