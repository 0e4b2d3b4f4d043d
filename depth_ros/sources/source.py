# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What every source of frames gives: items in order, their rate, and what truth comes along."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, Frame, UInt8

DEFAULT_RATE_HZ = 30.0  # where nothing says how fast the camera was
DEFAULT_FOV_DEG = 60.0  # horizontal; typical of webcams and phones held upright to wide


@dataclass(frozen=True, slots=True)
class Item:
    """One frame and, where the source has it, the truth.

    ``depth`` is (h, w) metres, NaN unknown, of the image's field of view but maybe another size.
    ``pose`` is 4x4, camera (optical axes) to a world of any axes, in metres.
    """

    frame: Frame
    depth: Float32 | None = None
    pose: Float64 | None = None


class Source(ABC):
    """Frames in the order of their stamps. Iterating again starts again, unless ``live``.

    ``frames`` is the number of images, None if nobody knows; ``skipped`` counts the images that
    could not be read since the iteration began.
    """

    def __init__(
        self,
        name: str,
        rate_hz: float,
        frames: int | None,
        fov_deg: float,
        *,
        has_depth: bool = False,
        has_poses: bool = False,
        live: bool = False,
    ) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.frames = frames
        self.fov_deg = fov_deg  # of cameras without intrinsics
        self.has_depth = has_depth
        self.has_poses = has_poses
        self.live = live
        self.skipped = 0

    @property
    def has_truth(self) -> bool:
        """Whether items come with true depth or true poses."""
        return self.has_depth or self.has_poses

    @abstractmethod
    def __iter__(self) -> Iterator[Item]:
        """Raises SourceError where nothing can be read any more."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may say about a source. ``topic`` is for bags, ``fov_deg`` for cameras without
    intrinsics, ``rate_hz`` overrides the source's own rate."""

    rate_hz: float | None = None
    fov_deg: float = DEFAULT_FOV_DEG
    topic: str | None = None

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not (0 < self.rate_hz <= 1000):
            raise SourceError("rate", expected="above 0 and up to 1000 Hz", got=self.rate_hz)
        if not 1 <= self.fov_deg <= 170:
            raise SourceError("field of view", expected="1 to 170 degrees", got=self.fov_deg)


class Later(Source):
    """A source without its first images; stamps stay as they are."""

    def __init__(self, source: Source, start: int) -> None:
        if source.frames is not None and start >= source.frames:
            raise SourceError(
                f"start in {source.name}", expected=f"below {source.frames}", got=start
            )
        left = None if source.frames is None else source.frames - start
        truth = {"has_depth": source.has_depth, "has_poses": source.has_poses}
        live, fov_deg = source.live, source.fov_deg
        super().__init__(source.name, source.rate_hz, left, fov_deg, live=live, **truth)
        self._source, self._start = source, start

    def __iter__(self) -> Iterator[Item]:
        for item in islice(self._source, self._start, None):
            self.skipped = self._source.skipped
            yield item
        self.skipped = self._source.skipped


def make_frame(
    stamp_ns: int, image: UInt8, camera: Camera | None, fov_deg: float, frame_id: str = "camera"
) -> Frame:
    """A Frame with the camera, or without one with a guess from the horizontal field of view."""
    if camera is not None:
        return Frame(stamp_ns, frame_id, image, camera)
    guess = Camera.from_fov(image.shape[1], image.shape[0], math.radians(fov_deg))
    return Frame(stamp_ns, frame_id, image, guess, camera_known=False)
