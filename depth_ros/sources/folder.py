# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames from a folder of images, with whatever is known about them beside the images.

- images: in the folder itself, or in rgb/, image_0/, image_2/, image_l/, cam0/data/ or cam0/,
  ordered by name, numbers as numbers;
- depth/<same name>.png: uint16, 0 unknown, unit in meta.json;
- poses.txt: a line per image, camera to world, 4x4 or 3x4 row by row, metres;
- intrinsics: meta.json (fx, fy, cx, cy, width, height, fps), calib.txt (KITTI) or sensor.yaml
  (EuRoC).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64, UInt8
from depth_ros.sources.calibration import read_calibration
from depth_ros.sources.source import DEFAULT_RATE_HZ, Item, Options, Source, make_frame

log = logging.getLogger(__name__)

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
_FOLDERS = (".", "rgb", "image_0", "image_2", "image_l", "data", "cam0/data", "cam0")


class FolderSource(Source):
    """A folder, or one image."""

    def __init__(self, path: Path, options: Options) -> None:
        root = path if path.is_dir() else path.parent
        self._files = _images(path) if path.is_dir() else [path]
        self._calibration = read_calibration([root, self._files[0].parent])
        truth = path.is_dir() and self._files[0].parent != root
        self._depth = root / "depth" if truth and (root / "depth").is_dir() else None
        self._poses = _read_poses(root / "poses.txt", len(self._files)) if truth else None
        if self._depth and self._calibration.depth_unit_m is None:
            raise SourceError(
                f"unit of {self._depth}",
                expected="depth_unit_m in meta.json",
                got="none",
                fix='Add "depth_unit_m": 0.001 if the values are millimetres.',
            )
        rate = options.rate_hz or self._calibration.rate_hz or DEFAULT_RATE_HZ
        has = {"has_depth": self._depth is not None, "has_poses": self._poses is not None}
        super().__init__(path.resolve().name, rate, len(self._files), options.fov_deg, **has)

    @staticmethod
    def reads(path: Path) -> bool:
        """Whether the file's name is that of an image."""
        return path.suffix.lower() in _SUFFIXES

    def __iter__(self) -> Iterator[Item]:
        self.skipped = 0
        for index, file in enumerate(self._files):
            image = read_image(file, cv2.IMREAD_COLOR)
            if image is None:
                self.skipped += 1
                log.warning("skipped %s: not a complete image", file)
                continue
            yield self._item(index, file, image[..., ::-1])
        if self.skipped == len(self._files):
            raise SourceError(f"none of the {self.skipped} images of {self.name} can be read")

    def _item(self, index: int, file: Path, image: UInt8) -> Item:
        camera = self._calibration.camera_for(image.shape[1], image.shape[0])
        stamp_ns = round(index * 1e9 / self.rate_hz)
        frame = make_frame(stamp_ns, image, camera, self.fov_deg)
        pose = None if self._poses is None else self._poses[index]
        known = pose is not None and bool(np.isfinite(pose).all())
        return Item(frame, self._true_depth(file.stem), pose if known else None)

    def _true_depth(self, stem: str) -> Float32 | None:
        if self._depth is None:
            return None
        raw = read_image(self._depth / f"{stem}.png", cv2.IMREAD_UNCHANGED)
        if raw is None or raw.ndim != 2:
            return None
        unit = self._calibration.depth_unit_m or 0.0
        return np.where(raw == 0, np.nan, raw * np.float32(unit)).astype(np.float32)


def read_image(file: Path, mode: int) -> npt.NDArray[Any] | None:
    """The decoded file, or None if it is missing, half-written or no image."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if not data or not _complete(file.suffix.lower(), data):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error:  # impossible sizes in a damaged header
        return None


def _complete(suffix: str, data: bytes) -> bool:
    # OpenCV decodes half a file into half an image without a word.
    if suffix == ".png":
        return b"IEND" in data[-64:]
    if suffix in (".jpg", ".jpeg"):
        return data.rfind(b"\xff\xd9") > len(data) // 2
    return True


def _images(root: Path) -> list[Path]:
    for name in _FOLDERS:
        folder = root / name
        if folder.is_dir():
            files = [f for f in folder.iterdir() if FolderSource.reads(f) and f.is_file()]
            if files:
                return sorted(files, key=lambda f: _natural(f.name))
    raise SourceError(
        f"no images in {root}",
        expected="images in the folder itself or in " + ", ".join(_FOLDERS[1:]),
        got=", ".join(sorted(f.name for f in root.iterdir())[:8]) or "an empty folder",
    )


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts]


def _read_poses(path: Path, count: int) -> Float64 | None:
    """(count, 4, 4), or None without the file."""
    if not path.is_file():
        return None
    try:
        rows = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    if rows.shape[0] != count or rows.shape[1] not in (12, 16):
        got = f"{rows.shape[0]} lines of {rows.shape[1]}"
        raise SourceError(f"{path}", expected=f"{count} lines of 12 or 16 numbers", got=got)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, : rows.shape[1] // 4] = rows.reshape(count, -1, 4)
    return poses
