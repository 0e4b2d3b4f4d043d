# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Views on disk, a .npz file each: what one process renders while another learns from it.

``image`` (h, w, 3) uint8 RGB, ``depth`` (h, w) float16 metres, NaN unknown, ``intrinsics``
fx, fy, cx, cy in pixels. ``meta.json`` beside them says which renderer made them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.readers.files import pick, reading_file
from depth_ros.training.data.readers.reading import Reading, Unrelated
from depth_ros.training.render.version import RENDERER_VERSION

_FILL = "Fill it: python -m depth_ros.training.data.rendered FOLDER --scenes 1000"
_NAMES = ("image", "depth", "intrinsics")


def write_view(path: Path, view: Reading) -> None:
    """Atomically, depth as half floats. SourceError without depth or camera."""
    camera, depth = view.camera, view.depth
    if camera is None or depth is None:
        raise SourceError("view to store", expected="depth and a camera", got="none")
    partial = path.with_suffix(".partial")
    numbers = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    with partial.open("wb") as file:
        np.savez(file, image=view.image, depth=depth.astype(np.float16), intrinsics=numbers)
    os.replace(partial, path)


def read_view(path: Path) -> Reading:
    """What write_view wrote. SourceError where the file is damaged."""
    with reading_file(path), path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        image, depth = file["image"], file["depth"].astype(np.float32)
        fx, fy, cx, cy = (float(v) for v in file["intrinsics"])
        camera = Camera(image.shape[1], image.shape[0], fx, fy, cx, cy)
    if image.dtype != np.uint8 or depth.shape != image.shape[:2]:
        raise SourceError(f"{path}", expected="an image and its depth", got=depth.shape)
    return Reading(image, depth, camera, name=path.stem)


class Pool(Unrelated):
    """The views that ``folder`` holds when it is opened, in the order of their names."""

    def __init__(self, folder: Path) -> None:
        self.name, self._folder = folder.resolve().name, folder
        self._names = sorted(name for name in _listing(folder) if name.endswith(".npz"))
        if not self._names:
            raise SourceError(f"no rendered views in {folder}", fix=_FILL)

    def __len__(self) -> int:
        return len(self._names)

    def read(self, index: int) -> Reading:
        """View ``index``. Raises SourceError."""
        return read_view(self._folder / pick(self._names, index, self.name))

    def problems(self) -> list[str]:
        """Files that are cut off, and views of another version of the renderer."""
        found = [line for name in self._names for line in _problem(self._folder / name)]
        return found + self.general_problems()

    def general_problems(self) -> list[str]:
        """Another version of the renderer made it."""
        return version_problem(self._folder)


def holds_views(folder: Path) -> bool:
    """Whether the folder is a pool. SourceError where its first file is damaged."""
    names = sorted(name for name in _listing(folder) if name.endswith(".npz"))
    if not names:
        return False
    with reading_file(folder / names[0]), np.load(folder / names[0], allow_pickle=False) as file:
        return "image" in file.files


def begin_pool(folder: Path, kind: str) -> None:
    """Makes the folder and its meta.json. SourceError if another renderer began it."""
    folder.mkdir(parents=True, exist_ok=True)
    version = version_of(folder)
    if version not in (None, RENDERER_VERSION):
        raise SourceError(
            f"pool {folder}",
            expected=f"version {RENDERER_VERSION} of the renderer",
            got=version,
            fix="Fill another folder.",
        )
    meta = {"renderer_version": RENDERER_VERSION, "kind": kind}
    partial = folder / "meta.json.partial"
    partial.write_text(json.dumps(meta) + "\n", encoding="utf-8")
    os.replace(partial, folder / "meta.json")


def version_of(folder: Path) -> object:
    """The renderer_version of a folder's meta.json, None where it says nothing."""
    path = folder / "meta.json"
    if not path.is_file():
        return None
    with reading_file(path):
        return json.loads(path.read_text(encoding="utf-8")).get("renderer_version")


def version_problem(folder: Path) -> list[str]:
    """A line if another version of the renderer made the pool or recording in the folder."""
    version = version_of(folder)
    if version in (None, RENDERER_VERSION):
        return []
    now = f"this is version {RENDERER_VERSION}"
    return [f"{folder}: rendered by version {version} of the renderer, {now}"]


def _listing(folder: Path) -> list[str]:
    """Quicker than a glob, where there are a hundred thousand files."""
    with reading_file(folder):
        return os.listdir(folder)


def _problem(path: Path) -> list[str]:
    """A line if the file is not a whole .npz: its directory stands at the end, and is read."""
    try:
        with reading_file(path), path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            missing = [name for name in _NAMES if name not in file.files]
    except SourceError as error:
        return [str(error)]
    return [f"{path}: no {', '.join(missing)}"] if missing else []
