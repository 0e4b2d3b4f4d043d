# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lists of frames in text files, a line for each: folder, number and side.

The format is that of the lists of Monodepth2 (Eigen's 697 test images, the 652 of them with
improved truth, Zhou's training images, odometry): ``2011_09_26/2011_09_26_drive_0002_sync
0000000069 l``. The lists themselves are the user's: they do not come with this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.training.data.readers.files import pick
from depth_ros.training.data.readers.reading import Reading


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


class Places:
    """Listed frames by index and, if ``beyond``, by larger ones all others of their drives.

    The frame ``number`` of camera ``side`` in drive ``d`` that is not listed has the index
    ``len(frames) + (2 * d + (side == "r")) * 10**8 + number``; drives are counted by name.
    """

    _SPAN = 10**8

    def __init__(self, frames: Sequence[Listed], name: str, beyond: bool) -> None:
        self._frames, self._name, self._beyond = frames, name, beyond
        self._index = {frame: i for i, frame in reversed(list(enumerate(frames)))}
        self._folders = sorted({frame.folder for frame in frames})
        self._ranks = {folder: i for i, folder in enumerate(self._folders)}

    def frame(self, index: int) -> Listed:
        """What has that index. SourceError where nothing can have it."""
        rank, number = divmod(index - len(self._frames), self._SPAN)
        if not (self._beyond and 0 <= rank < 2 * len(self._folders)):
            return pick(self._frames, index, self._name)
        return Listed(self._folders[rank // 2], number, "lr"[rank % 2])

    def neighbour(self, index: int, offset: int) -> int | None:
        """The index of the frame whose number is larger by ``offset``; a file need not exist."""
        frame = self.frame(index)
        number = frame.number + offset
        other = Listed(frame.folder, number, frame.side)
        if other in self._index:
            return self._index[other] if offset else index
        if not (self._beyond and 0 <= number < self._SPAN):
            return None
        rank = 2 * self._ranks[frame.folder] + (frame.side == "r")
        return len(self._frames) + rank * self._SPAN + number


class ListedFrames:
    """A data set whose frames are a list's, or lie beside them. Subclasses read one frame."""

    frames: Sequence[Listed]
    name: str
    beyond: bool

    def read_frame(self, frame: Listed) -> Reading:
        """A frame that need not be in the list, such as a neighbour. Raises SourceError."""
        raise NotImplementedError

    def _image(self, frame: Listed, side: str) -> Path:
        raise NotImplementedError

    def __len__(self) -> int:
        """How many frames the list has."""
        return len(self.frames)

    def read(self, index: int) -> Reading:
        """Frame ``index`` of the list, or what neighbour() gave. Raises SourceError."""
        return self.read_frame(self._places.frame(index))

    def neighbour(self, index: int, offset: int) -> int | None:
        """See DataSet. Frames of the recording that are not listed count if ``beyond``."""
        found = self._places.neighbour(index, offset)
        if found is None or found < len(self.frames):
            return found
        frame = self._places.frame(found)
        return found if self._image(frame, frame.side).is_file() else None

    @cached_property
    def _places(self) -> Places:
        return Places(self.frames, self.name, self.beyond)


def png_or_jpg(file: Path) -> Path:
    """The PNG, or where there is only a JPEG of the same name that."""
    smaller = file.with_suffix(".jpg")
    return smaller if smaller.is_file() and not file.is_file() else file


def numbered_frames(images: Path, folder: str, side: str, fix: str) -> list[Listed]:
    """A frame for every image of a folder, in order. SourceError, with ``fix``, without any."""
    found = sorted(int(f.stem) for f in images.glob("*") if f.stem.isdecimal())
    if not found:
        raise SourceError(f"no images in {images}", fix=fix)
    return [Listed(folder, number, side) for number in found]
