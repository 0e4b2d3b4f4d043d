# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The camera of a folder of images, from the file that its data set puts beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_ros.errors import DepthError, SourceError
from depth_ros.frame import Camera


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known; None is unknown. ``size`` None means the size of the images themselves."""

    intrinsics: tuple[float, float, float, float] | None = None  # fx, fy, cx, cy
    size: tuple[int, int] | None = None  # width, height
    distortion: tuple[float, ...] = ()
    rate_hz: float | None = None
    depth_unit_m: float | None = None

    def camera_for(self, width: int, height: int) -> Camera | None:
        """The camera of an image of that size, or None if the intrinsics are not for that size."""
        if self.intrinsics is None or self.size not in (None, (width, height)):
            return None
        return Camera(width, height, *self.intrinsics, distortion=self.distortion)


def read_calibration(folders: Sequence[Path]) -> Calibration:
    """The first of meta.json, calib.txt and sensor.yaml in those folders. Raises SourceError."""
    readers: dict[str, Callable[[str], Calibration]] = {
        "meta.json": _meta,
        "calib.txt": _kitti,
        "sensor.yaml": _euroc,
    }
    for folder in folders:
        for name, reader in readers.items():
            path = folder / name
            if path.is_file():
                try:
                    return reader(path.read_text(encoding="utf-8"))
                except (OSError, ValueError, LookupError, TypeError, DepthError) as error:
                    raise SourceError(f"cannot use {path}: {error!r}") from error
    return Calibration()


def _meta(text: str) -> Calibration:
    meta = json.loads(text)
    intrinsics = None
    if all(isinstance(meta.get(k), int | float) for k in ("fx", "fy", "cx", "cy")):
        intrinsics = (float(meta["fx"]), float(meta["fy"]), float(meta["cx"]), float(meta["cy"]))
    size = (meta["width"], meta["height"]) if "width" in meta and "height" in meta else None
    return Calibration(intrinsics, size, (), meta.get("fps"), _depth_unit(meta))


def _depth_unit(meta: dict[str, Any]) -> float | None:
    """Metres per step: depth_unit_m, or from words such as "unit mm" or "unit 1/256 m"."""
    if isinstance(meta.get("depth_unit_m"), int | float):
        return float(meta["depth_unit_m"])
    found = re.search(r"unit (mm|m|(\d+)/(\d+) m)\b", str(meta.get("depth")))
    if found is None:
        return None
    if found[2]:
        return int(found[2]) / int(found[3])
    return 1e-3 if found[1] == "mm" else 1.0


def _kitti(text: str) -> Calibration:
    """P0 (3x4, the first line, named or not) of KITTI odometry, which runs at 10 Hz."""
    p = [float(x) for x in text.splitlines()[0].rpartition(":")[2].split()]
    if len(p) != 12:
        raise ValueError(f"expected 12 numbers in the first line, got {len(p)}")
    return Calibration((p[0], p[5], p[2], p[6]), rate_hz=10.0)


def _euroc(text: str) -> Calibration:
    """intrinsics, distortion_coefficients, resolution and rate_hz of a EuRoC sensor.yaml."""

    def numbers(key: str) -> list[float]:
        found = re.search(rf"^{key}:\s*\[([^\]]*)\]", text, re.MULTILINE)
        if found is None:
            raise KeyError(key)
        return [float(x) for x in found[1].split(",")]

    fx, fy, cx, cy = numbers("intrinsics")
    width, height = numbers("resolution")
    distortion = tuple(numbers("distortion_coefficients"))
    rate = re.search(r"^rate_hz:\s*([\d.]+)", text, re.MULTILINE)
    size = (int(width), int(height))
    return Calibration((fx, fy, cx, cy), size, distortion, float(rate[1]) if rate else None)
