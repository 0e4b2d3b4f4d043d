# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Videos and bags in any order: they can only be read forward, so one pass keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import UInt8
from depth_ros.training.data.readers.reading import DataSet, Reading

QUALITY = 95  # of the JPEGs that are kept
MEGABYTES = 1000.0  # about 20,000 images of 640x480
_NOTHING = np.zeros((1, 1, 3), np.uint8)


class Unrolled:
    """A recording whose first step back makes it keep all images in memory, as JPEG.

    Who reads forward gets every image as it is. Images beyond ``megabytes`` are read from the
    start of the recording each time, which is slow: unpack what is longer into a folder. A copy
    for another process starts empty.
    """

    def __init__(self, data: DataSet, megabytes: float = MEGABYTES) -> None:
        self._data, self._limit = data, megabytes * 1e6
        self.name = data.name
        self._kept: dict[int, tuple[Reading, list[UInt8]]] = {}
        self._last, self._passed = -1, False

    def __len__(self) -> int:
        return len(self._data)

    def read(self, index: int) -> Reading:
        """Image ``index``. Raises SourceError where it is damaged."""
        if not self._passed and 0 <= index < self._last:
            self._pass()
        self._last = index
        if index not in self._kept:
            return self._data.read(index)
        reading, files = self._kept[index]
        images = [_decoded(file) for file in files]
        return replace(reading, image=images[0], right=images[1] if len(images) > 1 else None)

    def neighbour(self, index: int, offset: int) -> int | None:
        """As the data set says."""
        return self._data.neighbour(index, offset)

    def problems(self) -> list[str]:
        """As the data set says."""
        return self._data.problems()

    def _pass(self) -> None:
        """Reads everything once, in order; what is broken stays out."""
        self._passed = True
        used = 0
        for index in range(len(self._data)):
            try:
                reading = self._data.read(index)
            except SourceError:
                continue
            images = [reading.image] if reading.right is None else [reading.image, reading.right]
            files = [_encoded(image) for image in images]
            used += sum(file.nbytes for file in files)
            if used > self._limit:
                return
            self._kept[index] = replace(reading, image=_NOTHING, right=None), files

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}, "_last": -1, "_passed": False}


def _encoded(image: UInt8) -> UInt8:
    done, file = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise SourceError("image to keep", expected="one that JPEG can hold", got=image.shape)
    return np.asarray(file, np.uint8)


def _decoded(file: UInt8) -> UInt8:
    return np.ascontiguousarray(np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))[..., ::-1])
