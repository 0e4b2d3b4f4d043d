# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A recorded sequence in the uniform layout: rgb/, depth/, poses.txt, meta.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8

UNITS_M = {"mm": 0.001, "1/256 m": 1 / 256}


@dataclass(frozen=True, slots=True)
class Item:
    """One image and its truth.

    ``image`` (H, W, 3) uint8 RGB; ``depth`` (H, W) metres, NaN unknown, or None; ``camera`` None
    where intrinsics or the unit of depth are unknown; ``world_from_camera`` 4x4 or None.
    """

    image: UInt8
    depth: Float32 | None
    camera: Camera | None
    world_from_camera: Float64 | None = None


@dataclass(frozen=True)
class Sequence:
    """Frames of one camera in one place, read from disk on access."""

    folder: Path
    name: str
    frames: int
    camera: Camera
    depth_unit_m: float | None
    poses: Float64 | None  # (frames, 4, 4) world_from_camera

    def __len__(self) -> int:
        return self.frames

    def item(self, index: int) -> Item:
        """Frame ``index``, from 0; SourceError outside the sequence."""
        if not 0 <= index < self.frames:
            raise SourceError(f"frame of {self.name}", expected=f"0..{self.frames - 1}", got=index)
        depth = None
        if self.depth_unit_m is not None:
            depth = read_depth(self.folder / f"depth/{index:06d}.png", self.depth_unit_m)
        pose = None if self.poses is None else self.poses[index]
        return Item(read_image(self.folder / f"rgb/{index:06d}.jpg"), depth, self.camera, pose)


def open_sequence(folder: Path) -> Sequence:
    """The sequence in ``folder``; SourceError says what is missing."""
    meta = read_meta(folder)
    try:
        camera = Camera(*(meta[k] for k in ("width", "height", "fx", "fy", "cx", "cy")))
        frames, text = int(meta["frames"]), meta["depth"]
    except KeyError as error:
        raise SourceError(f"no {error} in {folder / 'meta.json'}") from error
    unit = None
    if text is not None:
        unit = next((m for name, m in UNITS_M.items() if text.endswith(f"unit {name}")), None)
        if unit is None:
            raise SourceError(f"depth unit of {folder}", expected=list(UNITS_M), got=text)
    poses = None
    if meta["poses"] is not None:
        poses = np.loadtxt(folder / "poses.txt").reshape(-1, 4, 4)
    return Sequence(folder, meta["name"], frames, camera, unit, poses)


def read_meta(folder: Path) -> dict[str, Any]:
    """meta.json of a data folder."""
    try:
        values: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"cannot read {folder / 'meta.json'}: {error}", fix="Name a data folder."
        ) from error
    return values


def read_image(path: Path) -> UInt8:
    """(H, W, 3) uint8 RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"cannot read image {path}")
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


def read_depth(path: Path, unit_m: float) -> Float32:
    """(H, W) metres from a 16-bit PNG, NaN where it is 0."""
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype != np.uint16:
        raise SourceError(f"cannot read 16-bit depth {path}")
    depth: Float32 = raw.astype(np.float32) * np.float32(unit_m)
    depth[raw == 0] = np.nan
    return depth
