# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which frames make a clip: successive ones of one recording, or one image seen by a pan."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float64
from depth_ros.training.data.draw import Source
from depth_ros.training.data.readers.reading import DataSet, Reading, motion_between

MOST_M, MOST_RAD = 2.0, 0.8  # a camera that jumps farther between two frames has been cut


@dataclass(frozen=True, slots=True)
class Frames:
    """The readings of a clip, in order; ``still`` are copies of one."""

    readings: tuple[Reading, ...]
    still: bool


def draw_frames(
    source: Source, count: int, stride_max: int, reverse_chance: float, rng: np.random.Generator
) -> Frames:
    """``count`` readings that follow each other in time or against it, ``stride`` apart.

    Around the drawn reading the other direction and stride 1 are tried as well; without enough
    neighbours it is one reading again and again. Raises SourceError where one is broken, or
    where they turn out not to belong together.
    """
    index = source.draw(rng)
    stride = int(rng.integers(1, stride_max + 1))
    way = -1 if rng.random() < reverse_chance else 1
    for step in (way * stride, -way * stride, way, -way) if count > 1 else ():
        found = clip_of(source.data, index, count, step)
        if found is not None:
            readings = tuple(source.data.read(i) for i in found)
            check_succession(readings)
            return Frames(readings, still=False)
    return Frames((source.data.read(index),) * count, still=True)


def clip_of(data: DataSet, index: int, count: int, step: int) -> list[int] | None:
    """``count`` indices from ``index`` on, ``step`` frames of its recording apart, or None."""
    found = [data.neighbour(index, k * step) for k in range(count)]
    indices = [i for i in found if i is not None]
    return indices if len(indices) == count else None


def check_succession(readings: tuple[Reading, ...]) -> None:
    """SourceError unless these can be frames of one camera that moves without a cut."""
    first = readings[0]
    for before, after in pairwise(readings):
        if after.image.shape != first.image.shape or after.camera != first.camera:
            raise SourceError(
                f"clip at {after.name}", expected="frames of one camera", got="two cameras"
            )
        motion = motion_between(before, after)
        if motion is not None and _jumps(motion):
            raise SourceError(
                f"clip at {after.name}",
                expected=f"motion of at most {MOST_M} m and {MOST_RAD} rad a frame",
                got="a jump",
            )


def _jumps(motion: Float64) -> bool:
    turned = np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1))
    return bool(np.linalg.norm(motion[:3, 3]) > MOST_M or turned > MOST_RAD)
