# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lists of frames in text files, a line for each: folder, number and side.

The format is that of the lists of Monodepth2 (Eigen's 697 test images, the 652 of them with
improved truth, Zhou's training images, odometry): ``2011_09_26/2011_09_26_drive_0002_sync
0000000069 l``. The lists themselves are the user's: they do not come with this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depth_ros.errors import SourceError


@dataclass(frozen=True, slots=True)
class Listed:
    """Frame ``number`` in ``folder`` of the left or right (``l``, ``r``) camera."""

    folder: str
    number: int
    side: str = "l"

    def __str__(self) -> str:
        return f"{self.folder} {self.number} {self.side}"


def read_split(file: Path) -> list[Listed]:
    """The frames of a list, in its order; empty lines are left out.

    A line has a folder, a frame number (with zeros in front or not) and l or r; without a side it
    is the left camera. Raises SourceError with the line's number.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {file}: {error}", fix="Name a list of frames.") from error
    return [_listed(file, n, line) for n, line in enumerate(lines, 1) if line.strip()]


def _listed(file: Path, number: int, line: str) -> Listed:
    folder, *rest = line.split()
    rest = rest if len(rest) == 2 else [*rest, "l"]
    if len(rest) != 2 or not rest[0].isdecimal() or rest[1] not in ("l", "r"):
        raise SourceError(
            f"line {number} of {file}", expected="a folder, a frame number, l or r", got=repr(line)
        )
    if ".." in Path(folder).parts or Path(folder).is_absolute():
        raise SourceError(f"line {number} of {file}", expected="a folder below root", got=folder)
    return Listed(folder, int(rest[0]), rest[1])
