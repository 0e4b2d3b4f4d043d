# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Folders of stereo pairs: rectified with KITTI's calib.txt, or raw with EuRoC's sensor.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Frame
from depth_ros.preprocess import make_rectify
from depth_ros.training.data.readers.euroc import rectifying_cameras
from depth_ros.training.data.readers.files import (
    IMAGE_SUFFIXES,
    listed,
    numbered,
    pick,
    problems_of,
)
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.kitti_calibration import (
    camera_of,
    read_calibration_file,
    read_projection,
)
from depth_ros.training.data.readers.kitti_odometry import read_poses
from depth_ros.training.data.readers.reading import Numbered, Place, Reading

_PAIRS = (
    ("image_l", "image_r"),
    ("image_2", "image_3"),
    ("image_0", "image_1"),
    ("left", "right"),
    ("cam0/data", "cam1/data"),
    ("cam0", "cam1"),
)
KITTI_RATE_HZ = 10.0
_Lens = Callable[[int, int], Camera]  # of images of that width and height


@dataclass(frozen=True, slots=True)
class _Rig:
    left: _Lens
    right: _Lens
    baseline_m: float


class StereoFolder(Numbered):
    """Pairs of the same name in two folders: image_l and image_r, image_2 and 3, 0 and 1, left and
    right, or cam0 and cam1 (with or without data/).

    - calib.txt: P0 and P1 (of image_2 and image_3: P2 and P3), or two lines without names; the
      images are rectified. poses.txt: a line for each left image, camera to world.
    - sensor.yaml in cam0 and cam1: images are rectified on reading, without black borders.

    Names of 16 digits or more are stamps in nanoseconds; others follow each other at 10 Hz.
    Opening it may raise SourceError.
    """

    _stride = 0

    def __init__(self, folder: Path) -> None:
        self.name = folder.resolve().name
        left, right = _sides(folder)
        files, others = _by_name(left), _by_name(right)
        self._pairs = [(i, f, others[n]) for i, (n, f) in enumerate(files.items()) if n in others]
        self._numbers = numbered(list(files.values()))
        self._alone = [f for n, f in files.items() if n not in others]
        self._alone += [f for n, f in others.items() if n not in files]
        if not self._pairs:
            raise SourceError(f"pairs in {folder}", expected="images of the same name", got="none")
        self._rig = _read_rig(folder, left, right)
        self._rectify = make_rectify(False), make_rectify(False)
        self._poses = read_poses(folder / "poses.txt")
        if self._poses is not None and len(self._poses) != len(files):
            got = f"{len(self._poses)} lines"
            raise SourceError(f"{folder / 'poses.txt'}", expected=f"{len(files)} lines", got=got)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def _places(self) -> list[Place]:
        return [self._numbers[index] for index, *_ in self._pairs]

    def read(self, index: int) -> Reading:
        """Pair ``index``, rectified. Raises SourceError."""
        number, left, right = pick(self._pairs, index, self.name)
        stamp = _stamp_ns(left.stem, number)
        first = self._rectify[0](_frame(left, self._rig.left, stamp))
        second = self._rectify[1](_frame(right, self._rig.right, stamp))
        if first.image.shape != second.image.shape:
            expected, got = (f"{c.width}x{c.height}" for c in (first.camera, second.camera))
            raise SourceError(f"size of {right}", expected=expected, got=got)
        return Reading(
            name=f"{self.name} {left.stem}",
            image=first.image,
            camera=first.camera,
            world_from_camera=None if self._poses is None else self._poses[number],
            stamp_ns=stamp,
            right=second.image,
            baseline_m=self._rig.baseline_m,
        )

    def problems(self) -> list[str]:
        """Images that are cut off or have no partner."""
        found = [f"{file}: no image of that name on the other side" for file in self._alone]
        return found + problems_of(file for _, *pair in self._pairs for file in pair)


def _sides(folder: Path) -> tuple[Path, Path]:
    for left, right in _PAIRS:
        if any((folder / left).glob("*.*")) and (folder / right).is_dir():
            return folder / left, folder / right
    names = ", ".join(" and ".join(pair) for pair in _PAIRS)
    raise SourceError(f"no pairs in {folder}", expected=f"the folders {names}", got="none of them")


def _by_name(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in listed(folder, "*", IMAGE_SUFFIXES)}


def _read_rig(folder: Path, left: Path, right: Path) -> _Rig:
    calib = folder / "calib.txt"
    if calib.is_file():
        return _kitti_rig(calib, ("P2", "P3") if left.name == "image_2" else ("P0", "P1"))
    sensors = [side.parent if side.name == "data" else side for side in (left, right)]
    files = [sensor / "sensor.yaml" for sensor in sensors]
    if not all(file.is_file() for file in files):
        expected = f"{calib}, or {files[0]} and {files[1]}"
        raise SourceError(f"calibration of {folder}", expected=expected, got="none")
    first, second, baseline = rectifying_cameras(*sensors)
    return _Rig(
        partial(_sized, first, file=files[0]), partial(_sized, second, file=files[1]), baseline
    )


def _kitti_rig(file: Path, keys: tuple[str, str]) -> _Rig:
    values = read_calibration_file(file)
    left, right = (read_projection(values, key, file) for key in keys)
    baseline = left.baseline_m(right)
    if not baseline > 0:
        raise SourceError(f"baseline in {file}", expected="above 0 m", got=baseline)
    return _Rig(
        partial(camera_of, left, file=file), partial(camera_of, right, file=file), baseline
    )


def _sized(camera: Camera, width: int, height: int, file: Path) -> Camera:
    if (width, height) != (camera.width, camera.height):
        expected = f"images of {camera.width}x{camera.height}"
        raise SourceError(f"{file}", expected=expected, got=f"{width}x{height}")
    return camera


def _frame(file: Path, lens: _Lens, stamp_ns: int) -> Frame:
    image = read_rgb(file)
    return Frame(stamp_ns, "", image, lens(image.shape[1], image.shape[0]))


def _stamp_ns(stem: str, number: int) -> int:
    named = stem.isdecimal() and len(stem) >= 16
    return int(stem) if named else round(number * 1e9 / KITTI_RATE_HZ)
