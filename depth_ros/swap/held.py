# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The last few frames with the depth that they had: what a new network is checked on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from depth_ros.frame import Float32, Frame

KEPT, APART_S = 4, 0.5
ROWS, COLUMNS = 48, 64  # of the grid on which depth is remembered


@dataclass(frozen=True, slots=True)
class Held:
    """A rectified frame, and samples (ROWS, COLUMNS) of what decode made of it, before scale."""

    frame: Frame
    depth: Float32


class HeldFrames:
    """The newest KEPT frames, APART_S apart. One thread keeps, any thread looks.

    Frames are held by reference, which costs no time, because their images are read-only by
    agreement; depth is sampled, which takes about 20 us.
    """

    def __init__(self) -> None:
        self._held: tuple[Held, ...] = ()
        self._next = 0.0

    def keep(self, frame: Frame, depth: Float32) -> None:
        """Holds the frame if the last one is old enough."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + APART_S
            self._held = (*self._held[1 - KEPT :], Held(frame, sample(depth)))

    def look(self) -> tuple[Held, ...]:
        """The held frames, oldest first."""
        return self._held

    def replace(self, held: tuple[Held, ...]) -> None:
        """Holds these instead: the same frames with another network's depth."""
        self._held = held


def sample(depth: Float32) -> Float32:
    """A copy of the depth on a grid that is the same share of any image."""
    rows = np.linspace(0, depth.shape[0] - 1, ROWS).astype(np.intp)
    columns = np.linspace(0, depth.shape[1] - 1, COLUMNS).astype(np.intp)
    samples: Float32 = depth[np.ix_(rows, columns)]
    return samples
