# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Virtual KITTI 2: rendered drives with exact depth, poses and a second camera to the right.

``SceneNN/VARIATION/frames/{rgb,depth}/Camera_{0,1}/{rgb_NNNNN.jpg,depth_NNNNN.png}``; depth is
uint16 centimetres along the optical axis, 65535 the sky. ``intrinsic.txt`` and ``extrinsic.txt``
(camera from world) have a line for each frame and camera (Cabon et al., 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.training.data.readers.files import listed, pick, pinhole, problems_of
from depth_ros.training.data.readers.images import read_rgb, read_uint16
from depth_ros.training.data.readers.reading import Numbered, Place, Reading

SKY = 65535
_Table = dict[tuple[int, int], Float64]  # by frame and camera


@dataclass
class VirtualKitti2(Numbered):
    """One variation of one scene, such as Scene01/clone, seen by camera 0 (left) or 1."""

    folder: Path
    camera: int = 0
    name: str = "vkitti2"
    _images: list[Path] = field(init=False, repr=False)
    _tables: tuple[_Table, _Table] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        images = self.folder / f"frames/rgb/Camera_{self.camera}"
        self._images = listed(images, "rgb_*", (".jpg", ".png"))

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._images)

    def _places(self) -> list[Place]:
        return [(self.name, _number(file)) for file in self._images]

    def read(self, index: int) -> Reading:
        """Frame ``index`` by number. Raises SourceError."""
        file = pick(self._images, index, self.name)
        image = read_rgb(file)
        number = _number(file)
        intrinsics, poses = self._read_tables()
        lens = _entry(intrinsics, number, self.camera, self.folder / "intrinsic.txt")
        own = _entry(poses, number, self.camera, self.folder / "extrinsic.txt").reshape(4, 4)
        pose = np.linalg.inv(own).astype(np.float64)
        other = self._right(file)
        baseline = None
        if other.is_file():
            right = _entry(poses, number, 1, self.folder / "extrinsic.txt").reshape(4, 4)
            baseline = float((own @ np.linalg.inv(right))[0, 3])
        size = (image.shape[1], image.shape[0])
        return Reading(
            name=f"{self.folder.parent.name}/{self.folder.name} {number} {self.camera}",
            image=image,
            depth=read_depth_cm(self._depth(file)),
            camera=pinhole(self.folder / "intrinsic.txt", *size, *map(float, lens)),
            world_from_camera=pose,
            right=read_rgb(other) if other.is_file() else None,
            baseline_m=baseline,
        )

    def problems(self) -> list[str]:
        """Files that are missing or cut off."""
        tables = [self.folder / "intrinsic.txt", self.folder / "extrinsic.txt"]
        found = problems_of([*tables, *self._images])
        found += problems_of([self._depth(f) for f in self._images], bits=16)
        if self.camera == 0 and self._right(self._images[0]).parent.is_dir():
            found += problems_of(self._right(f) for f in self._images)
        return found

    def _depth(self, image: Path) -> Path:
        name = f"depth_{image.stem.removeprefix('rgb_')}.png"
        return self.folder / f"frames/depth/Camera_{self.camera}" / name

    def _right(self, image: Path) -> Path:
        """The same frame of camera 1; of camera 1 itself, a file that does not exist."""
        return image.parent.parent / f"Camera_{self.camera + 1}" / image.name

    def _read_tables(self) -> tuple[_Table, _Table]:
        if self._tables is None:
            lens = _read_table(self.folder / "intrinsic.txt", 4)
            self._tables = lens, _read_table(self.folder / "extrinsic.txt", 16)
        return self._tables


def read_depth_cm(file: Path) -> Float32:
    """Metres from uint16 centimetres, NaN for the sky. Raises SourceError."""
    raw = read_uint16(file)
    return np.where(raw == SKY, np.nan, raw / 100.0).astype(np.float32)


def _number(image: Path) -> int:
    digits = image.stem.removeprefix("rgb_")
    if not digits.isdecimal():
        raise SourceError(f"name of {image}", expected="rgb_NNNNN", got=image.stem)
    return int(digits)


def _read_table(file: Path, count: int) -> _Table:
    """Lines of frame, camera and ``count`` numbers, below a line of names."""
    try:
        rows = np.loadtxt(file, dtype=np.float64, skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {file}: {error}") from error
    if rows.shape[1] != 2 + count or not np.isfinite(rows).all():
        got = f"{rows.shape[1]} columns"
        raise SourceError(f"{file}", expected=f"{2 + count} columns of finite numbers", got=got)
    return {(int(row[0]), int(row[1])): row[2:] for row in rows}


def _entry(table: _Table, number: int, camera: int, file: Path) -> Float64:
    if (number, camera) not in table:
        raise SourceError(f"{file}", expected=f"frame {number} of camera {camera}", got="nothing")
    return table[number, camera]
