# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a path and a split stand for: choices, lists of frames, the folders of a layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.training.data.readers.files import natural


def one_of(field: str, value: str, choices: tuple[str, ...]) -> str:
    """The value, or the first choice for "". Raises SourceError."""
    if value and value not in choices:
        raise SourceError(f"{field} of a source", expected=" or ".join(choices), got=value)
    return value or choices[0]


def frame_list(path: Path, split: str) -> Path | None:
    """The text file that ``split`` names, from the data's folder or from here; else None."""
    for place in (path / split, Path(split)):
        if split and place.is_file():
            return place
    return None


def folders_below(path: Path, pattern: str) -> list[str]:
    """Names of the folders, as the readers want them. SourceError without any."""
    found = _some((p for p in path.glob(pattern) if p.is_dir()), path, pattern)
    return [p.relative_to(path).as_posix() for p in found]


def folders_holding(path: Path, pattern: str) -> list[Path]:
    """The folders that hold what the pattern finds. SourceError without any."""
    return _some((p.parent for p in path.glob(pattern)), path, pattern)


def _some(found: Iterable[Path], path: Path, pattern: str) -> list[Path]:
    ordered = sorted(set(found), key=natural)
    if not ordered:
        raise SourceError(f"no {pattern} in {path}", fix="Name the folder of the data set.")
    return ordered
