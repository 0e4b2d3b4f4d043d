# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Image files of data sets: read whole, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, UInt8
from depth_ros.sources.folder import read_image

UInt16 = npt.NDArray[np.uint16]


def read_rgb(file: Path) -> UInt8:
    """(h, w, 3) uint8 RGB; grey images have three equal channels. Raises SourceError."""
    return np.ascontiguousarray(_decoded(file, cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)


def read_uint16(file: Path) -> UInt16:
    """(h, w) of a 16-bit grey PNG as it is stored. Raises SourceError."""
    raw = _decoded(file, cv2.IMREAD_UNCHANGED)
    if raw.dtype != np.uint16 or raw.ndim != 2:
        got = f"{raw.dtype}, {1 if raw.ndim == 2 else raw.shape[2]} channels"
        raise SourceError(f"cannot use {file}", expected="uint16, 1 channels", got=got)
    return raw


def read_scaled(file: Path, unit: float) -> Float32:
    """(h, w) of a 16-bit grey PNG times ``unit``, NaN where it is 0. Raises SourceError."""
    raw = read_uint16(file)
    return np.where(raw == 0, np.nan, raw * np.float64(unit)).astype(np.float32)


def _decoded(file: Path, mode: int) -> npt.NDArray[Any]:
    image = read_image(file, mode)
    if image is None:
        got = "a damaged file" if file.is_file() else "no file"
        raise SourceError(f"cannot read {file}", expected="a complete image", got=got)
    return image
