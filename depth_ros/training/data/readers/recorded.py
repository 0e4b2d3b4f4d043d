# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A recording that can only be read forward, such as a video or a bag, as a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from depth_ros.errors import DepthError, SourceError
from depth_ros.preprocess import make_rectify
from depth_ros.sources import Item, Source
from depth_ros.training.data.readers.reading import OneRecording, Reading


class Recorded(OneRecording):
    """The images of a source by index, rectified where their camera is known.

    Reading forward costs what the source costs; going back starts it again. Depth and camera are
    None where the source does not know them. ``rectified`` says that the images already are.
    """

    def __init__(self, source: Source, *, rectified: bool = False) -> None:
        if source.live:
            raise SourceError(f"{source.name}", expected="a recording", got="a live camera")
        self.name = source.name
        self._source = source
        self._rectify = make_rectify(rectified)
        self._items: Iterator[Item] | None = None
        self._held: tuple[int, Item] | None = None  # the last image that was read, and its index
        self._passed = -1  # no image up to this index can be had without starting again
        self._yielded = 0
        self._end: int | None = None  # where the recording turned out to end, if it was reached
        self._count = source.frames if source.frames is not None else _count(source)

    def __len__(self) -> int:
        """How many images the recording says it has."""
        return self._count

    def read(self, index: int) -> Reading:
        """Image ``index``. Raises SourceError where it is damaged or missing at the end."""
        if not 0 <= index < self._count:
            expected = f"0..{self._count - 1}"
            raise SourceError(f"image of {self.name}", expected=expected, got=index)
        item = self._item(index)
        frame = self._rectify(item.frame)
        same = frame.camera == item.frame.camera
        return Reading(
            name=f"{self.name} {index}",
            image=np.ascontiguousarray(frame.image),
            depth=item.depth if same else None,
            camera=frame.camera if frame.camera_known else None,
            world_from_camera=item.pose,
            stamp_ns=frame.stamp_ns,
        )

    def problems(self) -> list[str]:
        """Nothing: opening the source has checked that it can be read at all."""
        return []

    def _item(self, index: int) -> Item:
        if self._end is not None and index >= self._end:
            raise SourceError(f"image {index} of {self.name} cannot be read")
        if self._items is None or index <= self._passed:
            self._items = iter(self._source)
            self._held, self._passed, self._yielded = None, -1, 0
        try:
            found, item = self._forward(self._items, index)
        except DepthError as error:
            self._items = None  # it is at its end
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"image {index} of {self.name} cannot be read: {error}") from error
        if found != index:
            raise SourceError(f"image {index} of {self.name} cannot be read")
        return item

    def _forward(self, items: Iterator[Item], index: int) -> tuple[int, Item]:
        """The first image that is not before ``index``, which is later if that one was skipped."""
        while self._held is None or self._held[0] < index:
            if self._held is not None:
                self._passed = self._held[0]
            item = next(items, None)
            if item is None:
                self._end = 0 if self._held is None else self._held[0] + 1
                raise SourceError(f"image {index} of {self.name} cannot be read")
            self._held = self._yielded + self._source.skipped, item
            self._yielded += 1
        return self._held

    def __getstate__(self) -> dict[str, Any]:
        """A copy for another process starts at the beginning."""
        fresh = {"_items": None, "_held": None, "_passed": -1, "_yielded": 0}
        return {**self.__dict__, **fresh}


def _count(source: Source) -> int:
    return sum(1 for _ in source) + source.skipped
