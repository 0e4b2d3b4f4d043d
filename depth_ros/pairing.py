# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which camera_info belongs to which image. Knows stamps and sizes, not ROS."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from depth_ros.errors import FrameError
from depth_ros.frame import Camera

I = TypeVar("I")  # noqa: E741  an image
C = TypeVar("C")  # a camera_info
IMAGES, INFOS = 5, 64  # how many wait for their partner


@dataclass(frozen=True, slots=True)
class Paired(Generic[I, C]):
    """An image that is ready (with None where no camera_info is needed), and how many are lost."""

    ready: tuple[I, C | None] | None = None
    unmatched: int = 0


@dataclass(slots=True)
class Pairing(Generic[I, C]):
    """Pairs by stamp (``exact``), or takes the newest camera_info (``latest``).

    Until the first camera_info a few images wait for it; with ``optional`` they go on without.
    """

    policy: Literal["latest", "exact"]
    optional: bool = False
    _lost_ns: int | None = None  # stamp of the last image that found no camera_info
    _images: OrderedDict[int, I] = field(default_factory=OrderedDict)
    _infos: OrderedDict[int, C] = field(default_factory=OrderedDict)

    def image(self, stamp_ns: int, image: I) -> Paired[I, C]:
        """Takes an image: it is ready now, or waits, perhaps in the place of an older one."""
        if not self._infos and self.optional:
            return Paired((image, None))
        if self._infos and self.policy == "latest":
            return Paired((image, next(reversed(self._infos.values()))))
        if stamp_ns in self._infos:
            return Paired((image, self._infos[stamp_ns]), self.flush())
        lost = 1 if stamp_ns in self._images else 0
        self._images[stamp_ns] = image
        if len(self._images) > IMAGES:
            self._lost_ns, _ = self._images.popitem(last=False)
            lost += 1
        return Paired(None, lost)

    def info(self, stamp_ns: int, info: C) -> Paired[I, C]:
        """Takes a camera_info: it may be the one that the newest waiting image needs."""
        self._infos.pop(stamp_ns, None)
        self._infos[stamp_ns] = info
        if len(self._infos) > INFOS:
            self._infos.popitem(last=False)
        if self.policy == "latest":
            return self._release(next(reversed(self._images), None), info)
        return self._release(stamp_ns if stamp_ns in self._images else None, info)

    def flush(self) -> int:
        """Forgets all waiting images; returns how many."""
        waiting = len(self._images)
        self._images.clear()
        return waiting

    def gap_ns(self) -> int | None:
        """From an image that found no camera_info of its stamp to the nearest that there is."""
        image = self._lost_ns if self._lost_ns is not None else next(iter(self._images), None)
        if image is None:
            return None
        return min((abs(image - info) for info in self._infos), default=None)

    def _release(self, stamp_ns: int | None, info: C) -> Paired[I, C]:
        if stamp_ns is None:
            return Paired()
        lost = 0
        for earlier in list(self._images):
            image = self._images.pop(earlier)
            if earlier == stamp_ns:
                return Paired((image, info), lost)
            lost += 1
        return Paired(None, lost)


def check_size(width: int, height: int, camera: Camera) -> None:
    """Raises FrameError unless the image has the size that its camera_info says."""
    if (width, height) != (camera.width, camera.height):
        raise FrameError(
            "image size unlike camera_info's",
            expected=f"{camera.width}x{camera.height} as camera_info says",
            got=f"an image of {width}x{height}",
            fix="Remap camera_info to the one of this image, or calibrate at this size.",
        )
