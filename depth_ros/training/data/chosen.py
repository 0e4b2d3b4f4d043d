# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Data sets made of others: some of their readings, several joined, or kept in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from depth_ros.errors import SourceError
from depth_ros.training.data.readers.files import pick
from depth_ros.training.data.readers.reading import (
    DataSet,
    Reading,
    general_problems_of,
    scenes_of,
)

_MEGABYTE = 10**6
_ENDLESS = 10**8  # readings; what has more is made as it goes, and has no neighbours


class Chosen:
    """Some readings of ``data``, by ``indices`` in ascending order: the only ones that count.

    Neighbours that were not chosen do not exist: what is kept for tests is never looked at. With a
    step of ``stride`` between frames, successive ones are that far apart. Only the neighbours of a
    list of frames, which lie outside the list anyway (``beyond``), are frames one step away.
    """

    def __init__(self, data: DataSet, indices: Sequence[int], stride: int = 1) -> None:
        self._data, self._indices = data, indices
        self.name, self.beyond = data.name, bool(getattr(data, "beyond", False))
        self._stride = 1 if self.beyond else stride
        searched = indices if len(indices) < _ENDLESS else ()
        self._places = {inner: i for i, inner in enumerate(searched)}
        scenes = {
            name: [self._places[i] for i in places if i in self._places]
            for name, places in scenes_of(data).items()
        }
        self.scenes = {name: places for name, places in scenes.items() if places}

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, index: int) -> Reading:
        """Chosen reading ``index``, or what neighbour() gave. Raises SourceError."""
        return self._data.read(self._inner(index))

    def neighbour(self, index: int, offset: int) -> int | None:
        """The reading ``offset`` strides away in the same recording, or None."""
        if not offset:
            return index
        other = self._data.neighbour(self._inner(index), offset * self._stride)
        if other is None or other in self._places:
            return None if other is None else self._places[other]
        return len(self) + other if self.beyond else None

    def _inner(self, index: int) -> int:
        if self.beyond and index >= len(self):
            return index - len(self)
        return pick(self._indices, index, self.name)

    def problems(self) -> list[str]:
        """What is wrong with the chosen readings, which are read where anything at all is wrong,
        and with the data set as such: what was left out because it is broken is not named."""
        if not self._data.problems():
            return []
        return self.general_problems() + unreadable(self)

    def general_problems(self) -> list[str]:
        """Those of the data set, such as one that another renderer made."""
        return general_problems_of(self._data)


class Joined:
    """Several data sets, one after the other; one that has no scenes is a scene of that name."""

    def __init__(self, name: str, parts: Mapping[str, DataSet]) -> None:
        self.name = name
        self._names, self._parts = list(parts), list(parts.values())
        self._ends = list(accumulate(len(part) for part in self._parts))
        self.scenes: dict[str, list[int]] = {}
        for own, part, end in zip(self._names, self._parts, self._ends, strict=True):
            start = end - len(part)
            for scene, places in (scenes_of(part) or {own: range(len(part))}).items():
                self.scenes.setdefault(scene, []).extend(start + i for i in places)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _part(self, index: int) -> tuple[DataSet, int]:
        """The part that has the reading, and where it starts."""
        if not 0 <= index < len(self):
            expected = f"0..{len(self) - 1}"
            raise SourceError(f"frame of {self.name}", expected=expected, got=index)
        place = bisect_right(self._ends, index)
        return self._parts[place], self._ends[place] - len(self._parts[place])

    def read(self, index: int) -> Reading:
        """Reading ``index``. Raises SourceError."""
        part, start = self._part(index)
        return part.read(index - start)

    def neighbour(self, index: int, offset: int) -> int | None:
        """The neighbour in the same part, or None."""
        part, start = self._part(index)
        other = part.neighbour(index - start, offset)
        return None if other is None or other >= len(part) else start + other

    def problems(self) -> list[str]:
        """Those of all parts."""
        return [line for part in self._parts for line in part.problems()]

    def general_problems(self) -> list[str]:
        """Those of all parts."""
        return [line for part in self._parts for line in general_problems_of(part)]


class Cached:
    """Keeps readings in memory, up to ``megabytes``, because decoding images costs time.

    What was read first stays. Whoever reads must not write into the arrays. A copy for another
    process starts empty.
    """

    def __init__(self, data: DataSet, megabytes: float) -> None:
        self._data, self._limit = data, megabytes * _MEGABYTE
        self.name, self.scenes = data.name, scenes_of(data)
        self._kept: dict[int, Reading] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._data)

    def read(self, index: int) -> Reading:
        """Reading ``index``, from memory if it is there. Raises SourceError."""
        found = self._kept.get(index)
        if found is None:
            found = self._data.read(index)
            size = _bytes(found)
            if self._bytes + size <= self._limit:
                self._kept[index] = found
                self._bytes += size
        return found

    def neighbour(self, index: int, offset: int) -> int | None:
        """As the data set says."""
        return self._data.neighbour(index, offset)

    def problems(self) -> list[str]:
        """As the data set says."""
        return self._data.problems()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}, "_bytes": 0}


def unreadable(data: DataSet) -> list[str]:
    """Why, for each reading that cannot be read."""
    found = []
    for index in range(len(data)):
        try:
            data.read(index)
        except SourceError as error:
            found.append(str(error))
    return found


def _bytes(reading: Reading) -> int:
    arrays = [reading.image, reading.depth, reading.right, reading.disparity]
    return sum(a.nbytes for a in (*arrays, *reading.masks.values()) if a is not None)
