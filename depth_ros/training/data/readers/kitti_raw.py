# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI raw: recordings of drives, with lidar, and poses from GPS and inertial unit.

Below the root: ``DATE/calib_{cam_to_cam,velo_to_cam,imu_to_velo}.txt`` and, in DATE/DRIVE_sync,
``image_02/data/NNNNNNNNNN.png`` (left; jpg too) and image_03 (right), ``oxts/data/*.txt``, and
``velodyne_points/data/*.bin``. The improved truth of KITTI depth lies in the same tree, as
Monodepth2 puts it (``DATE/DRIVE_sync/proj_depth``), or in its own (``train/DRIVE_sync/proj_depth``
and val).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.training.data.readers.files import pick, problems_of
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.kitti_calibration import (
    Rectified,
    camera_of,
    ground_from_imu,
    numbers,
    read_calibration_file,
    read_oxts,
    read_projection,
    read_rigid,
    rigid,
)
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.data.readers.splits import (
    Listed,
    ListedFrames,
    numbered_frames,
    png_or_jpg,
)
from depth_ros.training.data.readers.stamps import read_stamp
from depth_ros.training.data.readers.velodyne import (
    project_scan,
    project_scan_monodepth2,
    read_scan,
    scan_problems,
)

Truth = Literal["lidar", "lidar_monodepth2", "improved", "none"]
DEPTH_UNIT_M = 1 / 256
CAMERAS = {"l": "02", "r": "03"}


@dataclass(frozen=True, slots=True)
class Day:
    """The calibration of one day."""

    sides: dict[str, Rectified]  # l and r
    rect0_from_lidar: Float64 | None
    lidar_from_imu: Float64 | None
    size: tuple[int, int]  # width, height


@dataclass
class KittiRaw(ListedFrames):
    """The frames of a list (see splits.py), such as Eigen's.

    ``depth`` says which truth: the frame's own lidar scan (``lidar``), the same with the quirks of
    the published numbers (``lidar_monodepth2``, see velodyne.py), the denser one of KITTI depth
    (``improved``, below ``improved_root`` or in the tree itself), or none. Poses are of a world
    whose axes are those of the same camera at the first frame of its drive. The left camera's
    frames come with the right image if ``stereo``.
    """

    root: Path
    frames: Sequence[Listed]
    depth: Truth = "lidar"
    stereo: bool = True
    improved_root: Path | None = None
    name: str = "kitti_raw"
    beyond: bool = False
    _days: dict[str, Day] = field(default_factory=dict, init=False, repr=False)
    _first: dict[str, Float64] = field(default_factory=dict, init=False, repr=False)

    def read_frame(self, frame: Listed) -> Reading:
        """A frame that need not be in the list, such as a neighbour. Raises SourceError."""
        day = self._day(frame)
        image = read_rgb(self._image(frame, frame.side))
        own, pair = day.sides[frame.side], self.stereo and frame.side == "l"
        folder = self.root / frame.folder
        calibration = self._calibration(frame, "cam_to_cam")
        return Reading(
            name=str(frame),
            image=image,
            depth=self._depth(frame, day, (image.shape[1], image.shape[0])),
            camera=camera_of(own, image.shape[1], image.shape[0], calibration),
            world_from_camera=self._pose(frame, day),
            stamp_ns=read_stamp(
                folder / f"image_{CAMERAS[frame.side]}/timestamps.txt", frame.number
            ),
            right=read_rgb(self._image(frame, "r")) if pair else None,
            baseline_m=own.baseline_m(day.sides["r"]) if pair else None,
        )

    def sparse(self, index: int) -> Float32:
        """The input of depth completion: KITTI depth's velodyne_raw, metres, NaN unknown."""
        frame = pick(self.frames, index, self.name)
        return read_scaled(self._improved(frame, "velodyne_raw"), DEPTH_UNIT_M)

    def problems(self) -> list[str]:
        """Files that are missing or cut off, and calibration that cannot be used."""
        found = self._calibration_problems()
        found += _faults(self._image(f, f.side) for f in self.frames)
        if self.stereo:
            found += _faults(self._image(f, "r") for f in self.frames if f.side == "l")
        if self.depth == "improved":
            files = [self._improved(f, "groundtruth") for f in self.frames]
            return found + problems_of(files, bits=16)
        if self.depth != "none":
            found += _faults(self._calibration(f, "velo_to_cam") for f in self.frames)
            found += scan_problems(self._scan(f) for f in self.frames)
        return found

    def _calibration_problems(self) -> list[str]:
        found = []
        for frame in {self._calibration(f, "cam_to_cam"): f for f in self.frames}.values():
            try:
                self._day(frame)
            except SourceError as error:
                found.append(str(error))
        return found

    def _image(self, frame: Listed, side: str) -> Path:
        file = self.root / frame.folder / f"image_{CAMERAS[side]}/data/{frame.number:010d}.png"
        return png_or_jpg(file)

    def _scan(self, frame: Listed) -> Path:
        return self.root / frame.folder / f"velodyne_points/data/{frame.number:010d}.bin"

    def _calibration(self, frame: Listed, name: str) -> Path:
        return (self.root / frame.folder).parent / f"calib_{name}.txt"

    def _improved(self, frame: Listed, kind: str) -> Path:
        file = f"proj_depth/{kind}/image_{CAMERAS[frame.side]}/{frame.number:010d}.png"
        drive = Path(frame.folder)
        root = self.improved_root or self.root
        places = [root / top / file for top in (drive, f"train/{drive.name}", f"val/{drive.name}")]
        return next((place for place in places if place.is_file()), places[0])

    def _depth(self, frame: Listed, day: Day, size: tuple[int, int]) -> Float32 | None:
        if self.depth == "none":
            return None
        if self.depth == "improved":
            return read_scaled(self._improved(frame, "groundtruth"), DEPTH_UNIT_M)
        if size != day.size:
            calibration = self._calibration(frame, "cam_to_cam")
            expected, got = ("{}x{}".format(*pair) for pair in (day.size, size))
            raise SourceError(
                f"size of {self._image(frame, frame.side)}",
                expected=f"{expected}, as {calibration} says",
                got=got,
            )
        if day.rect0_from_lidar is None:
            raise SourceError(f"no {self._calibration(frame, 'velo_to_cam')}")
        project = project_scan if self.depth == "lidar" else project_scan_monodepth2
        matrix = day.sides[frame.side].projection @ day.rect0_from_lidar
        return project(read_scan(self._scan(frame)), matrix, *size)

    def _pose(self, frame: Listed, day: Day) -> Float64 | None:
        folder = self.root / frame.folder / "oxts/data"
        file = folder / f"{frame.number:010d}.txt"
        if day.rect0_from_lidar is None or day.lidar_from_imu is None or not file.is_file():
            return None
        if frame.folder not in self._first:
            self._first[frame.folder] = read_oxts(min(folder.glob("*.txt")))
        first = self._first[frame.folder]
        to_first = np.linalg.inv(ground_from_imu(first, first))
        first_from_imu = to_first @ ground_from_imu(read_oxts(file), first)
        camera_from_rect0 = day.sides[frame.side].camera_from_rect0
        camera_from_imu = camera_from_rect0 @ day.rect0_from_lidar @ day.lidar_from_imu
        pose: Float64 = camera_from_imu @ first_from_imu @ np.linalg.inv(camera_from_imu)
        return pose

    def _day(self, frame: Listed) -> Day:
        file = self._calibration(frame, "cam_to_cam")
        key = str(file.parent)
        if key not in self._days:
            values = read_calibration_file(file)
            sides = {s: read_projection(values, f"P_rect_{n}", file) for s, n in CAMERAS.items()}
            rotation = rigid(numbers(values, "R_rect_00", 9, file).reshape(3, 3))
            width, height = numbers(values, "S_rect_02", 2, file)
            lidar = self._calibration(frame, "velo_to_cam")
            imu = self._calibration(frame, "imu_to_velo")
            self._days[key] = Day(
                sides,
                rotation @ read_rigid(lidar) if lidar.is_file() else None,
                read_rigid(imu) if imu.is_file() else None,
                (int(width), int(height)),
            )
        return self._days[key]


def drive_frames(root: Path, folder: str, side: str = "l") -> list[Listed]:
    """All frames of a drive such as 2011_09_26/2011_09_26_drive_0001_sync, in order."""
    images = root / folder / f"image_{CAMERAS[side]}/data"
    return numbered_frames(images, folder, side, "Name the root, and the drive below it.")


def _faults(files: Iterable[Path]) -> list[str]:
    return problems_of(dict.fromkeys(files))
