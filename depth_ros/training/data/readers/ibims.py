# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""iBims-1: 100 rooms with laser-scanned depth, edges and planes (Koch et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Float64, UInt8
from depth_ros.training.data.readers.files import (
    known,
    listed,
    pick,
    pinhole,
    problems_of,
    read_mat,
    reading_file,
)
from depth_ros.training.data.readers.reading import Mask, Reading, Unrelated

KINDS = ("floor", "table", "wall")
_IMAGES = ("edges", "mask_invalid", "mask_transp", *(f"mask_{kind}" for kind in KINDS))


@dataclass(frozen=True, slots=True)
class Plane:
    """An annotated plane: ``name`` is its mask's in the reading, such as "wall_1".

    ``normal`` (3,) is of unit length, in optical axes (x right, y down, z forward).
    """

    name: str
    normal: Float64


class Ibims(Unrelated):
    """The .mat files of ``folder`` (ibims1_core_mat), in imagelist.txt's order if it is there.

    Each holds a struct ``data`` of 480x640 arrays. Masks of a reading: "edges" (depth edges),
    "valid" (neither missing, nor marked invalid, nor transparent; depth is NaN elsewhere) and one
    for each annotated plane, "floor_1", "table_1", "wall_1", "wall_2" and so on. The evaluation
    counts pixels from 1, so that cx and cy are one less here; it stores K transposed.
    """

    name = "ibims"

    def __init__(self, folder: Path) -> None:
        order = folder / "imagelist.txt"
        if order.is_file():
            with reading_file(order):
                names = order.read_text(encoding="utf-8").split()
            self._paths = [folder / f"{name}.mat" for name in names]
        else:
            self._paths = listed(folder, "*.mat", (".mat",))

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> Reading:
        """Reading ``index``, with its camera and masks."""
        path = pick(self._paths, index, self.name)
        data = _struct(path)
        image = np.asarray(data["rgb"])
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise SourceError(f"rgb of {path}", expected="(h, w, 3) uint8", got=image.shape)
        height, width = shape = image.shape[:2]
        depth = known(_plane_of(path, data, "depth", shape))
        images = {key: _plane_of(path, data, key, shape) for key in _IMAGES}
        valid = (images["mask_invalid"] > 0) & (images["mask_transp"] > 0) & np.isfinite(depth)
        depth[~valid] = np.nan
        masks: dict[str, Mask] = {"edges": images["edges"] > 0, "valid": valid}
        for kind in KINDS:
            for number in range(1, len(_parameters(path, data, kind)) + 1):
                masks[f"{kind}_{number}"] = images[f"mask_{kind}"] == number
        k = _numbers(path, data, "calib")
        if k.shape != (3, 3):
            raise SourceError(f"calib of {path}", expected="3x3 numbers", got=k.shape)
        camera = pinhole(path, width, height, k[0, 0], k[1, 1], k[2, 0] - 1, k[2, 1] - 1)
        pixels: UInt8 = np.ascontiguousarray(image)
        return Reading(pixels, depth, camera, masks=masks, name=path.stem)

    def planes(self, index: int) -> list[Plane]:
        """The true planes of reading ``index``, for the planarity errors.

        The files have the normal in columns 4 to 6 (from 0) of each row of ``mask_*_paras``, in
        axes x right, y forward, z up.
        """
        path = pick(self._paths, index, self.name)
        data = _struct(path)
        found: list[Plane] = []
        for kind in KINDS:
            for number, (x, y, z) in enumerate(_parameters(path, data, kind)[:, 4:7], 1):
                length = float(np.linalg.norm((x, y, z)))
                if not (np.isfinite(length) and length > 0):
                    plane = f"{kind}_{number} of {path}"
                    raise SourceError(plane, expected="a normal", got=(x, y, z))
                found.append(Plane(f"{kind}_{number}", np.array([x, -z, y]) / length))
        return found

    @property
    def paths(self) -> list[Path]:
        """The files, in the order of the readings."""
        return self._paths

    def problems(self) -> list[str]:
        """Files that are missing, cut off or of another format."""
        return problems_of(self._paths)


def _struct(path: Path) -> npt.NDArray[np.void]:
    """The struct ``data``, with all the fields that are read."""
    values = np.asarray(read_mat(path, "data")["data"])
    fields = ("rgb", "depth", "calib", *_IMAGES, *(f"mask_{kind}_paras" for kind in KINDS))
    if values.dtype.names is None or values.size != 1:
        raise SourceError(f"data of {path}", expected="one struct", got=values.dtype)
    missing = sorted(set(fields) - set(values.dtype.names))
    if missing:
        raise SourceError(f"data of {path}", expected=f"fields {', '.join(missing)}", got="none")
    entry: npt.NDArray[np.void] = values.reshape(-1)[0]
    return entry


def _numbers(path: Path, data: Any, key: str) -> Float64:
    array = np.asarray(data[key])
    if array.dtype.kind not in "fiub":
        raise SourceError(f"{key} of {path}", expected="numbers", got=array.dtype)
    return array.astype(np.float64)


def _plane_of(path: Path, data: Any, key: str, shape: tuple[int, ...]) -> Float64:
    """A field of the image's size."""
    array = _numbers(path, data, key)
    if array.shape != shape:
        raise SourceError(f"{key} of {path}", expected=shape, got=array.shape)
    return array


def _parameters(path: Path, data: Any, kind: str) -> Float64:
    """(planes, at least 7); no rows where there is no such plane."""
    rows = _numbers(path, data, f"mask_{kind}_paras")
    if rows.size == 0:
        return np.empty((0, 7))
    if rows.ndim != 2 or rows.shape[1] < 7:
        raise SourceError(f"mask_{kind}_paras of {path}", expected="7 columns", got=rows.shape)
    return rows
