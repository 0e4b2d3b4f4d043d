# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What every reader of a data set gives: readings by index, and the list of what is broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reading:
    """One view and all that the data set knows about it.

    ``image`` is (h, w, 3) uint8 RGB; ``depth`` metres along the optical axis, NaN where unknown,
    of the image's field of view but maybe another size; ``camera`` that of ``image``;
    ``world_from_camera`` 4x4 in optical axes. ``right`` is the other image of a rectified stereo
    pair, ``baseline_m`` to the right of this one, and ``disparity`` the true one in pixels, NaN
    where unknown. ``masks`` (h, w) are those that the data set's protocol names.
    """

    name: str
    image: UInt8
    depth: Float32 | None = None
    camera: Camera | None = None
    world_from_camera: Float64 | None = None
    stamp_ns: int | None = None
    right: UInt8 | None = None
    baseline_m: float | None = None
    disparity: Float32 | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)


class DataSet(Protocol):
    """Readings in a fixed order, read from disk on access."""

    name: str

    def __len__(self) -> int:
        """How many readings there are."""
        ...

    def read(self, index: int) -> Reading:
        """Reading ``index``, from 0. SourceError, with the file's name, where it is broken."""
        ...

    def problems(self) -> list[str]:
        """What is missing or cannot be used, a line for each file; empty if all is well."""
        ...


class Readings:
    """Iterates over a data set, skips broken frames and counts them in ``skipped``."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self.skipped = 0
        self.last_error = ""

    def __iter__(self) -> Iterator[Reading]:
        self.skipped = 0
        for index in range(len(self._data)):
            try:
                yield self._data.read(index)
            except SourceError as error:
                self.skipped += 1
                self.last_error = str(error)
