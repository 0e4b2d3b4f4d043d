# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Mixed collections: single frames and bursts from many places, with ``scenes.txt``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.chosen import Joined
from depth_ros.training.data.readers.files import pick, problems_of, reading_file
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.reading import DataSet, Reading, Unrelated

Intrinsics = tuple[float, float, float, float]  # fx, fy, cx, cy, pixels

# Focal lengths that the sources publish, as a share of the image's width; used where a collection
# comes without intrinsics. Scenes that are in neither place teach depth only up to scale.
PUBLISHED_FOCAL = {
    "tum_fr1_office": 517.3 / 640,
    "tum_fr2_hall": 520.9 / 640,
    "tum_fr3_office": 535.4 / 640,
    "slambook_dining": 518.0 / 640,
    "nyu_kitchenette": 518.9 / 561,
    "sun_kv2_a": 529.5 / 730,
}


class Collection(Unrelated):
    """The frames of a collection; ``scenes`` has their indices by scene.

    The camera of a reading is None where depth is right only up to scale. Opening it may raise
    SourceError.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.resolve().name
        self._folder = folder
        meta = read_meta(folder)
        with reading_file(folder / "scenes.txt"):
            names = (folder / "scenes.txt").read_text(encoding="utf-8").split()
        with reading_file(folder / "meta.json"):
            frames, self._unit_m = int(meta["frames"]), float(meta["depth_unit_m"])
            self._uncertain = set(meta.get("scale_uncertain_scenes", ()))
            self._intrinsics = _intrinsics(folder, meta["intrinsics"], frames)
        if len(names) != frames:
            raise SourceError(f"{folder / 'scenes.txt'}", expected=frames, got=len(names))
        self._names = names
        self.scenes: dict[str, list[int]] = {}
        for index, scene in enumerate(names):
            self.scenes.setdefault(scene, []).append(index)

    def __len__(self) -> int:
        return len(self._names)

    def read(self, index: int) -> Reading:
        """Frame ``index``. Raises SourceError."""
        scene = pick(self._names, index, self.name)
        color, depth = self._files(index)
        image = read_rgb(color)
        camera = None
        if scene not in self._uncertain:
            height, width = image.shape[:2]
            camera = _camera(self._intrinsics[index], scene, width, height)
        return Reading(image, read_scaled(depth, self._unit_m), camera, name=f"{scene} {index}")

    def _files(self, index: int) -> tuple[Path, Path]:
        return self._folder / f"rgb/{index:06d}.jpg", self._folder / f"depth/{index:06d}.png"

    def problems(self) -> list[str]:
        """Images and depth that are missing or broken."""
        files = [self._files(index) for index in range(len(self))]
        found = problems_of(color for color, _ in files)
        return found + problems_of((depth for _, depth in files), bits=16)


def open_collections(folder: Path) -> DataSet:
    """The collection in ``folder``, or all those in the folders below it."""
    if (folder / "scenes.txt").is_file():
        return Collection(folder)
    folders = sorted(path.parent for path in folder.glob("*/scenes.txt"))
    if not folders:
        raise SourceError(f"no collection in {folder}", expected="scenes.txt", got="none")
    return Joined(folder.resolve().name, {path.name: Collection(path) for path in folders})


def read_meta(folder: Path) -> dict[str, Any]:
    """meta.json of a data folder. Raises SourceError."""
    with reading_file(folder / "meta.json"):
        values: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return values


def _intrinsics(folder: Path, given: object, frames: int) -> list[Intrinsics | None]:
    if isinstance(given, dict):
        fx, fy, cx, cy = (float(given[k]) for k in ("fx", "fy", "cx", "cy"))
        return [(fx, fy, cx, cy)] * frames
    path = folder / "intrinsics.txt"
    if not path.exists():
        return [None] * frames
    lines = path.read_text(encoding="utf-8").split("\n")[:frames]
    return [None if "none" in line else _numbers(line) for line in lines]


def _numbers(line: str) -> Intrinsics:
    fx, fy, cx, cy = map(float, line.split())
    return fx, fy, cx, cy


def _camera(numbers: Intrinsics | None, scene: str, width: int, height: int) -> Camera | None:
    if numbers is not None:
        return Camera(width, height, *numbers)
    if scene in PUBLISHED_FOCAL:
        field_of_view = 2 * float(np.arctan(0.5 / PUBLISHED_FOCAL[scene]))
        return Camera.from_fov(width, height, field_of_view)
    return None
