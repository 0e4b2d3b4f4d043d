# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Views of one recording, ready to be compared: small, in memory, with camera and place."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.training.data.readers.reading import DataSet, Reading
from depth_ros.training.methods.self_supervised.hints import stereo_hint

Side = Literal["left", "right"]
Size = tuple[int, int]  # width, height


@dataclass(frozen=True, slots=True)
class View:
    """An image of one camera at one time.

    ``image`` (h, w, 3) uint8 RGB, ``k`` fx, fy, cx, cy in its pixels, ``world_from_camera`` 4x4 in
    metres or None, ``hint`` (h, w) inverse depth of stereo matching in 1/m, NaN unknown, or None.
    """

    image: UInt8
    k: Float64
    world_from_camera: Float64 | None = None
    hint: Float32 | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """All views of one time: the left one, and of a stereo pair the right one, too.

    ``truth`` is the left one's depth in metres, of any size, where it was asked for.
    """

    left: View
    right: View | None = None
    baseline_m: float = 0.0
    truth: Float32 | None = None

    def side(self, side: Side) -> View:
        """The view of that side. Raises SourceError where there is none."""
        view = self.left if side == "left" else self.right
        if view is None:
            raise SourceError("image of a pair", expected="a right one", got="none")
        return view


class Shots:
    """The shots of a data set, resized to ``size``, as many in memory as ``cache_mb`` holds."""

    def __init__(
        self,
        data: DataSet,
        size: Size,
        fov_deg: float,
        cache_mb: int,
        *,
        hints: bool = False,
        truth: bool = False,
    ) -> None:
        self.data, self.size = data, size
        self._fov, self._hints, self._truth = math.radians(fov_deg), hints, truth
        views = 2 * size[0] * size[1] * (7 if hints else 3)
        self._room = cache_mb * 2**20 // views
        self._held: OrderedDict[int, Shot] = OrderedDict()

    def __len__(self) -> int:
        return len(self.data)

    def shot(self, index: int) -> Shot:
        """Shot ``index``. Raises SourceError where a file is broken."""
        held = self._held.get(index)
        if held is None:
            held = self._make(self.data.read(index))
            self._held[index] = held
            while len(self._held) > max(1, self._room):
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(index)
        return held

    def neighbour(self, index: int, offset: int) -> int | None:
        """The index of the frame ``offset`` frames later in the same recording, or None."""
        return self.data.neighbour(index, offset)

    def __getstate__(self) -> dict[str, Any]:
        """Another process fills its own memory."""
        return {**self.__dict__, "_held": OrderedDict()}

    def _make(self, reading: Reading) -> Shot:
        height, width = reading.image.shape[:2]
        camera = reading.camera or Camera.from_fov(width, height, self._fov)
        c = camera.scaled(*self.size)
        k = np.array([c.fx, c.fy, c.cx, c.cy])
        place = reading.world_from_camera
        truth = reading.depth if self._truth else None
        if reading.right is None or reading.baseline_m is None:
            return Shot(View(resized(reading.image, self.size), k, place), truth=truth)
        b = reading.baseline_m
        beside = None
        if place is not None:
            beside = place.copy()
            beside[:3, 3] += b * place[:3, 0]
        hints: tuple[Float32 | None, Float32 | None] = (None, None)
        if self._hints:
            hints = stereo_hint(reading.image, reading.right, camera.fx * b, self.size)
        left = View(resized(reading.image, self.size), k, place, hints[0])
        right = View(resized(reading.right, self.size), k, beside, hints[1])
        return Shot(left, right, b, truth)


def resized(image: UInt8, size: Size) -> UInt8:
    """The image at (width, height), averaged where that is smaller."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
