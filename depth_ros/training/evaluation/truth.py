# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""True depth: maps in files, or a data set that any reader of the training data opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float64
from depth_ros.training.data.chosen import Chosen
from depth_ros.training.data.open import open_data
from depth_ros.training.data.pool import holds_views
from depth_ros.training.data.readers.reading import DataSet, Reading
from depth_ros.training.data.source_config import SourceConfig, SourceKind
from depth_ros.training.evaluation.disturb import NOTHING, Disturbance, Disturbed
from depth_ros.training.evaluation.maps import Maps, read_maps


@dataclass(frozen=True)
class Truth:
    """True depth and, where it comes from a data set, the readings with image, camera and pose."""

    maps: Maps
    data: DataSet | None = None

    def reading(self, index: int) -> Reading:
        """The reading of map ``index``; SourceError where there are only maps."""
        if self.data is None:
            raise SourceError(
                "truth", expected="a data set's folder, with images and cameras", got="maps alone"
            )
        return self.data.read(index)

    def follows(self, index: int) -> bool:
        """Whether map ``index`` is the next frame of the video that the one before it is of."""
        if index == 0:
            return False
        return self.data is None or self.data.neighbour(index - 1, 1) == index


def read_truth(
    text: str,
    unit: float | None = None,
    *,
    depth: str = "",
    disturb: Disturbance = NOTHING,
    layout: SourceKind | None = None,
) -> Truth:
    """Truth from files or from a data set.

    - FILE or FOLDER of maps, times ``unit``;
    - FOLDER or FOLDER:first:stop of a recording in the uniform layout, of a collection, of a pool
      of rendered views, or of data of the kind ``layout``;
    - KIND:PATH, with :SPLIT or :first:stop or both behind, of any kind of source; ``depth``
      chooses among the depths of a layout, see SourceConfig.

    Readings without depth are still in it, all NaN, because a network with memory has to see them.
    """
    named = named_source(text, depth, layout)
    if named is None:
        folder, part = dataset_part(text)
        if part:
            raise SourceError(f"{folder / 'meta.json'}", expected="a recording", got="no file")
        if disturb != NOTHING or depth:
            raise SourceError("truth", expected="a data set, with images", got="maps alone")
        return Truth(read_maps(folder, unit))
    source, part = named
    data = open_data(source, Path())
    if part:
        chosen = part_of(part, len(data))
        data = Chosen(data, range(chosen.start, chosen.stop))
    return truth_of(data if disturb == NOTHING else Disturbed(data, disturb), part)


def truth_of(data: DataSet, part: str = "") -> Truth:
    """The depth of a data set's readings, named by their numbers in the whole of it."""
    first = int(part.partition(":")[0] or 0)

    def read(index: int) -> Float64:
        found = data.read(index)
        if found.depth is None:
            return np.full(found.image.shape[:2], np.nan)
        return found.depth.astype(np.float64)

    return Truth(Maps([f"{first + i:06d}" for i in range(len(data))], read), data)


def named_source(
    text: str, depth: str = "", layout: SourceKind | None = None
) -> tuple[SourceConfig, str] | None:
    """The data set that ``text`` names and the part of it (first:stop, or ""); None for maps."""
    kind, colon, rest = text.partition(":")
    if colon and kind in get_args(SourceKind) and not Path(text).exists():
        path, pieces = _taken_apart(rest)
        part = ":".join(pieces[-2:]) if len(pieces) > 1 and _is_part(pieces[-2:]) else ""
        split = ":".join(pieces[: len(pieces) - 2 if part else None])
        found = cast(SourceKind, kind)
        return SourceConfig(kind=found, path=path, split=split, depth=depth), part
    folder, part = dataset_part(text)
    guessed = layout or _layout(folder)
    if guessed is None:
        return None
    return SourceConfig(kind=guessed, path=str(folder), depth=depth), part


def dataset_part(text: str) -> tuple[Path, str]:
    """FOLDER:first:stop as FOLDER and ``first:stop``; a path that exists is not taken apart."""
    path, pieces = _taken_apart(text)
    if pieces and not Path(path).is_dir():
        return Path(text), ""
    return Path(path), ":".join(pieces)


def part_of(part: str, count: int) -> slice:
    """``first:stop`` of ``count`` frames, either left out for all; SourceError outside them."""
    begin, _, end = part.partition(":")
    try:
        first, stop = int(begin or 0), int(end or count)
    except ValueError:
        first, stop = -1, -1
    if not 0 <= first < stop <= count:
        raise SourceError("part of a recording", expected=f"within 0:{count}", got=part)
    return slice(first, stop)


def _layout(folder: Path) -> SourceKind | None:
    """What a folder holds by the files in it; None for a folder or file of maps."""
    if not folder.is_dir():
        return None
    if (folder / "scenes.txt").is_file():
        return "collection"
    if holds_views(folder):
        return "pool"
    return "folder" if (folder / "meta.json").is_file() else None


def _taken_apart(text: str) -> tuple[str, list[str]]:
    """The longest beginning that exists as a path, and the pieces behind it."""
    pieces = text.split(":")
    for count in range(len(pieces), 0, -1):
        path = ":".join(pieces[:count])
        if Path(path).exists():
            return path, pieces[count:]
    return (text, []) if len(pieces) == 1 else (pieces[0], pieces[1:])


def _is_part(pieces: list[str]) -> bool:
    return all(not piece or piece.isdecimal() for piece in pieces)
