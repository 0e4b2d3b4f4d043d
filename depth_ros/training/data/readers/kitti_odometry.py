# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI odometry: ``sequences/NN/image_0..3``, calib.txt, times.txt, and ``poses/NN.txt``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.training.data.readers.files import problems_of
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.kitti_calibration import (
    Rectified,
    camera_of,
    numbers,
    read_calibration_file,
    read_projection,
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
from depth_ros.training.data.readers.velodyne import project_scan, read_scan, scan_problems


@dataclass(frozen=True, slots=True)
class Route:
    """What a sequence has beside its images. Poses are of camera 0, None where withheld."""

    cameras: tuple[Rectified, ...]
    rect0_from_lidar: Float64 | None
    poses: Float64 | None  # (n, 4, 4)


@dataclass
class KittiOdometry(ListedFrames):
    """Frames of a list whose folders are sequences (``9 0 l``), or of sequence_frames().

    Cameras are the colour ones, 2 (l) and 3 (r), or the grey ones, 0 and 1. The world is camera 0
    at the first frame of the sequence; sequences 11 to 21 have no poses. ``lidar`` projects the
    scans of ``sequences/NN/velodyne``, which are a download of their own.
    """

    root: Path
    frames: Sequence[Listed]
    grey: bool = False
    lidar: bool = False
    stereo: bool = True
    name: str = "kitti_odometry"
    beyond: bool = False
    _routes: dict[str, Route] = field(default_factory=dict, init=False, repr=False)

    def read_frame(self, frame: Listed) -> Reading:
        """A frame that need not be in the list, such as a neighbour. Raises SourceError."""
        route = self._route(frame)
        image = read_rgb(self._image(frame, frame.side))
        own, pair = route.cameras[self._number(frame.side)], self.stereo and frame.side == "l"
        size = (image.shape[1], image.shape[0])
        folder = self._folder(frame)
        return Reading(
            name=str(frame),
            image=image,
            depth=self._depth(frame, route, own, size) if self.lidar else None,
            camera=camera_of(own, *size, folder / "calib.txt"),
            world_from_camera=self._pose(frame, route, own),
            stamp_ns=read_stamp(folder / "times.txt", frame.number),
            right=read_rgb(self._image(frame, "r")) if pair else None,
            baseline_m=own.baseline_m(route.cameras[self._number("r")]) if pair else None,
        )

    def problems(self) -> list[str]:
        """Files that are missing or cut off, and calibration and poses that cannot be used."""
        found = []
        for frame in {f.folder: f for f in self.frames}.values():
            try:
                self._route(frame)
            except SourceError as error:
                found.append(str(error))
        files = [self._image(f, f.side) for f in self.frames]
        if self.stereo:
            files += [self._image(f, "r") for f in self.frames if f.side == "l"]
        found += problems_of(dict.fromkeys(files))
        return found + scan_problems(self._scan(f) for f in self.frames if self.lidar)

    def _number(self, side: str) -> int:
        return (0 if self.grey else 2) + (side == "r")

    def _folder(self, frame: Listed) -> Path:
        return sequence_folder(self.root, frame.folder)

    def _image(self, frame: Listed, side: str) -> Path:
        file = self._folder(frame) / f"image_{self._number(side)}/{frame.number:06d}.png"
        return png_or_jpg(file)

    def _scan(self, frame: Listed) -> Path:
        return self._folder(frame) / f"velodyne/{frame.number:06d}.bin"

    def _depth(
        self, frame: Listed, route: Route, camera: Rectified, size: tuple[int, int]
    ) -> Float32:
        if route.rect0_from_lidar is None:
            file = self._folder(frame) / "calib.txt"
            raise SourceError(f"Tr in {file}", expected="12 numbers", got="nothing")
        matrix = camera.projection @ route.rect0_from_lidar
        return project_scan(read_scan(self._scan(frame)), matrix, *size)

    def _pose(self, frame: Listed, route: Route, camera: Rectified) -> Float64 | None:
        if route.poses is None:
            return None
        if frame.number >= len(route.poses):
            file, got = _pose_file(self.root, frame.folder), f"{len(route.poses)} lines"
            raise SourceError(f"{file}", expected=f"line {frame.number + 1}", got=got)
        pose: Float64 = route.poses[frame.number] @ np.linalg.inv(camera.camera_from_rect0)
        return pose

    def _route(self, frame: Listed) -> Route:
        key = frame.folder
        if key not in self._routes:
            file = self._folder(frame) / "calib.txt"
            values = read_calibration_file(file)
            cameras = tuple(read_projection(values, f"P{i}", file) for i in range(4))
            lidar = None
            if "Tr" in values:
                tr = numbers(values, "Tr", 12, file).reshape(3, 4)
                lidar = rigid(tr[:, :3], tr[:, 3])
            self._routes[key] = Route(cameras, lidar, read_poses(_pose_file(self.root, key)))
        return self._routes[key]


def sequence_folder(root: Path, sequence: str) -> Path:
    """sequences/NN, whether the number is written with a zero or not."""
    return root / "sequences" / sequence.zfill(2)


def sequence_frames(
    root: Path, sequence: str, side: str = "l", *, grey: bool = False
) -> list[Listed]:
    """All frames of a sequence, in order. Raises SourceError where there are none."""
    images = sequence_folder(root, sequence) / f"image_{(0 if grey else 2) + (side == 'r')}"
    return numbered_frames(images, sequence, side, "Name the folder with sequences/ in it.")


def read_poses(file: Path) -> Float64 | None:
    """(n, 4, 4) of lines with 12 or 16 numbers, row by row; None without the file."""
    if not file.is_file():
        return None
    try:
        rows = np.loadtxt(file, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {file}: {error}") from error
    if rows.shape[1] not in (12, 16) or not np.isfinite(rows).all():
        got = f"{rows.shape[1]} numbers"
        raise SourceError(f"{file}", expected="lines of 12 or 16 finite numbers", got=got)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3] = rows[:, :12].reshape(-1, 3, 4)
    return poses


def _pose_file(root: Path, sequence: str) -> Path:
    return root / "poses" / f"{sequence.zfill(2)}.txt"
