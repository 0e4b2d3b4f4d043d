# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The uniform layout: rgb/, depth/, poses.txt, meta.json, as depth_cli reads it too.

Other folders of images that the runtime knows (see sources/folder.py) are read as well.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.preprocess import make_rectify
from depth_ros.sources import Item
from depth_ros.sources.folder import FolderSource
from depth_ros.sources.source import Options
from depth_ros.training.data.pool import version_problem
from depth_ros.training.data.readers.files import numbered, pick, problems_of
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.reading import Numbered, Place, Reading


class _Folder(FolderSource):
    """The same folder, by index."""

    @property
    def files(self) -> list[Path]:
        return self._files

    def depth_file(self, image: Path) -> Path | None:
        return None if self._depth is None else self._depth / f"{image.stem}.png"

    def item(self, index: int, image: Path) -> Item:
        return self._item(index, image, read_rgb(image))


class Uniform(Numbered):
    """The images of a folder in the order of their names. Opening it may raise SourceError.

    Images of a camera with lens distortion are rectified; they then have no depth. Where the names
    are numbers, one that is missing is a gap in the recording.
    """

    _stride = 0

    def __init__(self, folder: Path, *, rate_hz: float | None = None) -> None:
        self._folder = folder
        self._source = _Folder(folder, Options(rate_hz))
        self._rectify = make_rectify(False)
        self.name = self._source.name

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._source.files)

    def _places(self) -> list[Place]:
        return numbered(self._source.files)

    def read(self, index: int) -> Reading:
        """Image ``index``. Raises SourceError where it or its depth is damaged."""
        file = pick(self._source.files, index, self.name)
        item = self._source.item(index, file)
        truth = self._source.depth_file(file)
        if truth is not None and item.depth is None:
            got = "a damaged file" if truth.is_file() else "no file"
            raise SourceError(f"cannot read {truth}", expected="depth, one channel", got=got)
        frame = self._rectify(item.frame)
        return Reading(
            name=f"{self.name} {file.stem}",
            image=np.ascontiguousarray(frame.image),
            depth=item.depth if frame is item.frame else None,
            camera=frame.camera if frame.camera_known else None,
            world_from_camera=item.pose,
            stamp_ns=frame.stamp_ns,
        )

    def problems(self) -> list[str]:
        """Images and depth that are missing or cut off, or another number than meta.json says."""
        files = self._source.files
        found = problems_of(files)
        depth = [d for d in map(self._source.depth_file, files) if d is not None]
        found += problems_of(depth, bits=16)
        return found + self.general_problems()

    def general_problems(self) -> list[str]:
        """Another number of images than meta.json says, or another renderer's."""
        promised, count = _promised(self._folder / "meta.json"), len(self)
        differs = promised not in (None, count)
        said = f"{self._folder}: meta.json says {promised} frames, got {count}"
        return [said] * differs + version_problem(self._folder)


def _promised(meta: Path) -> object:
    """``frames`` of meta.json, which the source has already found readable, if it is there."""
    return json.loads(meta.read_text(encoding="utf-8")).get("frames") if meta.is_file() else None
