# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""RGB-D video in folders, as ScanNet's exporter writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float64
from depth_ros.training.data.readers.files import (
    IMAGE_SUFFIXES,
    listed,
    numbered,
    pick,
    pinhole,
    problems_of,
    read_matrix,
)
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.reading import Numbered, Place, Reading

MILLIMETRES = 0.001
_CENTRED = 0.15  # how far off an image's centre its principal point may be, as a share of its size


class ScanNetFolder(Numbered):
    """color/N.jpg, depth/N.png (millimetres), pose/N.txt, intrinsic/intrinsic_{color,depth}.txt.

    Poses are 4x4 world from camera in optical axes; one with infinities says that tracking was
    lost, and is left out. The camera is intrinsic_color, or intrinsic_depth where the images were
    resized to the depth's size: the one whose principal point lies near the image's middle. The
    two cameras see nearly the same, so that depth is of the image's field of view.
    """

    _stride = 0

    def __init__(self, folder: Path, depth_unit_m: float = MILLIMETRES) -> None:
        self.name = folder.resolve().name
        self._folder, self._unit = folder, depth_unit_m
        self._images = listed(folder / "color", "*", IMAGE_SUFFIXES)
        paths = [folder / f"intrinsic/intrinsic_{kind}.txt" for kind in ("color", "depth")]
        self._intrinsics = [path for path in paths if path.is_file()]

    def __len__(self) -> int:
        return len(self._images)

    def _places(self) -> list[Place]:
        return numbered(self._images)

    def read(self, index: int) -> Reading:
        """Reading ``index``, in the order of the frames' numbers."""
        path = pick(self._images, index, self.name)
        image, depth = read_rgb(path), read_scaled(self._depth(path), self._unit)
        camera = self._camera(image.shape[1], image.shape[0])
        return Reading(image, depth, camera, self._pose(path), name=path.stem)

    def _depth(self, image: Path) -> Path:
        return self._folder / "depth" / f"{image.stem}.png"

    def _pose(self, image: Path) -> Float64 | None:
        if not (self._folder / "pose").is_dir():
            return None
        pose = read_matrix(self._folder / "pose" / f"{image.stem}.txt", 4, 4)
        return pose if np.isfinite(pose).all() else None

    def _camera(self, width: int, height: int) -> Camera | None:
        for path in self._intrinsics:
            k = read_matrix(path, 4, 4)
            camera = pinhole(path, width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
            off = max(abs(camera.cx / (width - 1) - 0.5), abs(camera.cy / (height - 1) - 0.5))
            if off < _CENTRED:
                return camera
        return None

    def problems(self) -> list[str]:
        """Images, depth, poses and intrinsics that are missing or broken."""
        found = problems_of(self._images)
        found += problems_of((self._depth(path) for path in self._images), bits=16)
        if (self._folder / "pose").is_dir():
            found += problems_of(self._folder / "pose" / f"{p.stem}.txt" for p in self._images)
        if not self._intrinsics:
            found.append(f"{self._folder / 'intrinsic'}: no intrinsics")
        for path in self._intrinsics:
            try:
                read_matrix(path, 4, 4)
            except SourceError as error:
                found.append(str(error))
        return found
