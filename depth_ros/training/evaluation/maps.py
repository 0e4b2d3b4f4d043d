# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Maps in files, as numbers by name: .npy, .npz, 16-bit .png, folders of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Float64

SUFFIXES = (".npy", ".npz", ".png")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "1/256": 1 / 256, "1/5000": 1 / 5000}


@dataclass(frozen=True)
class Maps:
    """Maps (height, width) that are read on access, in the order of their names."""

    names: list[str]
    read: Callable[[int], Float64]

    def __len__(self) -> int:
        return len(self.names)


def read_unit(text: str | None) -> float | None:
    """A name of UNITS, or the value of 1 as a number or a fraction such as 1/1000."""
    if text is None:
        return None
    if text in UNITS:
        return UNITS[text]
    try:
        top, _, bottom = text.partition("/")
        value = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        value = 0.0
    if not (np.isfinite(value) and value > 0):
        raise SourceError("unit", expected=f"{', '.join(UNITS)} or a number", got=text)
    return value


def read_maps(path: Path, unit: float | None = None) -> Maps:
    """The maps in a file or folder, times ``unit``. In a PNG 0 becomes NaN, and it needs a unit.

    An array of one or more leading axes holds several maps; of an .npz the array ``depth`` or its
    only one is taken. SourceError where nothing can be read.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
        if not files:
            raise SourceError(f"maps in {path}", expected=", ".join(SUFFIXES), got="none")
        return Maps([p.stem for p in files], lambda index: _only(files[index], unit))
    maps = _read(path, unit)
    names = [path.stem] if len(maps) == 1 else [f"{path.stem} {i}" for i in range(len(maps))]
    return Maps(names, lambda index: maps[index])


def check_counts(predictions: list[str], truths: list[str]) -> None:
    """FrameError unless there is a prediction for each truth, with the first that is missing."""
    if len(predictions) != len(truths):
        missing = sorted(set(truths) ^ set(predictions))
        raise FrameError(
            "predictions",
            expected=f"{len(truths)}, one for each truth",
            got=len(predictions),
            fix=f"The first without a partner is {missing[0]}." if missing else None,
        )


def _only(path: Path, unit: float | None) -> Float64:
    maps = _read(path, unit)
    if len(maps) != 1:
        raise SourceError(f"maps in {path}", expected="one in each file", got=len(maps))
    first: Float64 = maps[0]
    return first


def _read(path: Path, unit: float | None) -> Any:
    """(N, height, width) float64."""
    try:
        if path.suffix == ".png":
            values = _png(path, unit)
        elif path.suffix in (".npy", ".npz"):
            values = _array(path).astype(np.float64) * (1.0 if unit is None else unit)
        else:
            raise SourceError(f"{path}", expected=", ".join(SUFFIXES), got=path.suffix or "none")
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    if values.ndim < 2 or values.size == 0:
        raise SourceError(f"map in {path}", expected="(height, width)", got=values.shape)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    return values.reshape(-1, *values.shape[-2:])


def _array(path: Path) -> Any:
    loaded = np.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        return loaded
    with loaded:
        names = loaded.files
        if "depth" not in names and len(names) != 1:
            raise ValueError(f"it holds {', '.join(names)}, expected depth or one array")
        return loaded["depth" if "depth" in names else names[0]]


def _png(path: Path, unit: float | None) -> Float64:
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype != np.uint16 or raw.ndim != 2:
        raise SourceError(f"cannot read {path} as a 16-bit map of one channel")
    if unit is None:
        raise SourceError(
            f"unit of {path}", expected="how long 1 is", got="none", fix="Say --unit, as mm."
        )
    values: Float64 = raw.astype(np.float64) * unit
    values[raw == 0] = np.nan
    return values
