# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes: street scenes with disparity by stereo matching, and cameras.

``{leftImg8bit,rightImg8bit,disparity,camera}/SPLIT/CITY/CITY_SSSSSS_FFFFFF_KIND``; disparity in
pixels is (p - 1) / 256 of a uint16 PNG whose 0 is unknown (Cordts et al., 2016).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32
from depth_ros.training.data.readers.files import listed, pick, pinhole, problems_of
from depth_ros.training.data.readers.images import read_rgb, read_uint16
from depth_ros.training.data.readers.kitti_stereo2015 import depth_from_disparity
from depth_ros.training.data.readers.reading import Numbered, Place, Reading

_LEFT = "leftImg8bit"


@dataclass
class Cityscapes(Numbered):
    """The images of a split (train, val, test, train_extra) that lie below the root.

    Right image, disparity and camera are left out where their folder does not exist; depth needs
    the last two. Disparity 0 is a point at infinity: its depth is NaN.
    """

    root: Path
    split: str = "train"
    name: str = "cityscapes"
    _images: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._images = listed(self.root / _LEFT / self.split, f"*/*_{_LEFT}.*", (".png",))

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._images)

    def _places(self) -> list[Place]:
        stems = (file.stem.removesuffix(f"_{_LEFT}").rpartition("_") for file in self._images)
        return [(city, int(n) if n.isdecimal() else 0) for city, _, n in stems]

    def read(self, index: int) -> Reading:
        """Image ``index``, city by city. Raises SourceError."""
        file = pick(self._images, index, self.name)
        image = read_rgb(file)
        disparity = None
        if self._has("disparity"):
            disparity = read_disparity(self._beside(file, "disparity"))
        camera = baseline = depth = None
        if self._has("camera"):
            lens = self._beside(file, "camera", ".json")
            camera, baseline = read_camera(lens, image.shape[1], image.shape[0])
        if disparity is not None and camera is not None and baseline is not None:
            depth = depth_from_disparity(disparity, camera.fx, baseline)
        right = read_rgb(self._beside(file, "rightImg8bit")) if self._has("rightImg8bit") else None
        return Reading(
            name=file.stem.removesuffix(f"_{_LEFT}"),
            image=image,
            depth=depth,
            camera=camera,
            right=right,
            baseline_m=baseline,
            disparity=disparity,
        )

    def problems(self) -> list[str]:
        """Files that are missing or cut off."""
        found = problems_of(self._images)
        if self._has("rightImg8bit"):
            found += problems_of(self._beside(f, "rightImg8bit") for f in self._images)
        if self._has("disparity"):
            found += problems_of([self._beside(f, "disparity") for f in self._images], bits=16)
        if self._has("camera"):
            found += problems_of(self._beside(f, "camera", ".json") for f in self._images)
        return found

    def _has(self, kind: str) -> bool:
        return (self.root / kind / self.split).is_dir()

    def _beside(self, image: Path, kind: str, suffix: str = ".png") -> Path:
        name = image.stem.removesuffix(_LEFT) + kind + suffix
        return self.root / kind / self.split / image.parent.name / name


def read_disparity(file: Path) -> Float32:
    """Pixels, NaN where unknown; 0 is a point at infinity. Raises SourceError."""
    raw = read_uint16(file).astype(np.float32)
    return np.where(raw > 0, (raw - 1) / 256, np.nan).astype(np.float32)


def read_camera(file: Path, width: int, height: int) -> tuple[Camera, float]:
    """The camera and the baseline in metres of a _camera.json. Raises SourceError."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        lens = [float(values["intrinsic"][k]) for k in ("fx", "fy", "u0", "v0")]
        baseline = float(values["extrinsic"]["baseline"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SourceError(f"cannot use {file}: {error!r}") from error
    return pinhole(file, width, height, *lens), baseline
