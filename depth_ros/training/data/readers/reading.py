# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What every reader of a data set gives: readings by index, which follow which, what is broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8

Mask = npt.NDArray[np.bool_]
Place = tuple[str, int]  # a recording, and the number of a frame in it


@dataclass(frozen=True, slots=True)
class Reading:
    """One view and all that the data set knows about it.

    ``image`` is (h, w, 3) uint8 RGB; ``depth`` metres along the optical axis, NaN where unknown,
    of the image's field of view but maybe another size; ``camera`` that of ``image``;
    ``world_from_camera`` 4x4 in optical axes. ``right`` is the other image of a rectified stereo
    pair, ``baseline_m`` to the right of this one, and ``disparity`` the true one in pixels, NaN
    where unknown. ``masks`` (h, w) are those that the data set's protocol names. ``camera`` is
    None where intrinsics are unknown, and where depth is right only up to scale.
    """

    image: UInt8
    depth: Float32 | None = None
    camera: Camera | None = None
    world_from_camera: Float64 | None = None
    stamp_ns: int | None = None
    right: UInt8 | None = None
    baseline_m: float | None = None
    disparity: Float32 | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    name: str = ""


class Placed(Protocol):
    """What is known to have been seen from a place, such as a reading."""

    @property
    def world_from_camera(self) -> Float64 | None: ...


def motion_between(before: Placed, after: Placed) -> Float64 | None:
    """``after_from_before`` 4x4 in optical axes and metres, where both poses are known."""
    if before.world_from_camera is None or after.world_from_camera is None:
        return None
    return np.asarray(np.linalg.inv(after.world_from_camera) @ before.world_from_camera)


class DataSet(Protocol):
    """Readings in a fixed order, read from disk on access.

    It can be pickled for another process. One of several places may have ``scenes``, see
    scenes_of().
    """

    name: str

    def __len__(self) -> int:
        """How many readings there are."""
        ...

    def read(self, index: int) -> Reading:
        """Reading ``index``, from 0. SourceError, with the file's name, where it is broken."""
        ...

    def neighbour(self, index: int, offset: int) -> int | None:
        """What read() takes for the frame ``offset`` frames later (earlier if negative) of the
        same recording; None across a gap, and where the recording ends. Nothing is read.

        It is ``index`` for offset 0. It may lie beyond the last reading, for a frame of the
        recording that is not one of the readings itself (lists of frames of KITTI).
        """
        ...

    def problems(self) -> list[str]:
        """What is missing or cannot be used, a line for each file; empty if all is well."""
        ...


def scenes_of(data: DataSet) -> Mapping[str, Sequence[int]]:
    """Indices by place, for a data set that knows its places; {} for others."""
    scenes: Mapping[str, Sequence[int]] = getattr(data, "scenes", {})
    return scenes


def general_problems_of(data: DataSet) -> list[str]:
    """Those of problems() that belong to no reading, for a data set that tells them apart."""
    find = getattr(data, "general_problems", None)
    return [] if find is None else list(find())


class Unrelated:
    """For data sets of single pictures: no reading has a neighbour."""

    def neighbour(self, index: int, offset: int) -> int | None:
        """The reading itself, or None."""
        return None if offset else index


class OneRecording:
    """For data sets whose readings all follow each other."""

    def __len__(self) -> int:
        raise NotImplementedError

    def neighbour(self, index: int, offset: int) -> int | None:
        """The index ``offset`` later; None outside the recording."""
        return index + offset if 0 <= index + offset < len(self) else None


class Numbered:
    """For data sets with gaps, or of several recordings: neighbours by number.

    ``_places`` makes (recording, number) of every reading; numbers of successive frames differ by
    ``_stride``, 0 for the smallest difference that there is.
    """

    _stride = 1
    _frames: tuple[list[Place], dict[Place, int], int] | None = None

    def _places(self) -> Sequence[Place]:
        raise NotImplementedError

    def neighbour(self, index: int, offset: int) -> int | None:
        """The index of the number ``offset`` strides away; None where there is none."""
        if self._frames is None:
            places = list(self._places())
            known = {place: i for i, place in enumerate(places)}
            self._frames = places, known, self._stride or _smallest_step(places)
        places, known, stride = self._frames
        recording, number = places[index]
        return known.get((recording, number + offset * stride)) if offset else index


def _smallest_step(places: list[Place]) -> int:
    ordered = sorted(places)
    steps = (b[1] - a[1] for a, b in pairwise(ordered) if a[0] == b[0] and a[1] != b[1])
    return min(steps, default=1)


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
