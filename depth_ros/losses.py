# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How many images were sent, of which some were lost before they reached the node."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

WINDOW_S = 5.0
GAP_NS = 500_000_000


@dataclass(slots=True)
class Losses:
    """Images of the last seconds against three witnesses, all of them fallible.

    The middleware reports gaps in its sequence numbers (not every one does); camera_info comes
    once for each image and is small enough to arrive; and stamps lie on a grid of the camera's
    period, whose empty places are lost images.
    """

    image_bytes: int = 0  # of the newest image
    _images: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=2048))
    _infos: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=2048))
    _reports: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=2048))

    def image(self, now: float, stamp_ns: int, size: int) -> None:
        """An image of so many bytes has come."""
        self.image_bytes = size
        self._images.append((now, stamp_ns))

    def info(self, now: float, stamp_ns: int) -> None:
        """A camera_info has come."""
        self._infos.append((now, stamp_ns))

    def reported(self, now: float, count: int) -> None:
        """The middleware says that so many images are lost."""
        self._reports.append((now, count))

    def estimate(self, now: float) -> tuple[int, int]:
        """How many images were sent in the last seconds, and how many of these came."""
        images = _recent(self._images, now)
        infos = set(_recent(self._infos, now))
        sent = max(len(images) + sum(_recent(self._reports, now)), _on_grid(images))
        if infos.issuperset(images[-3:-1]):  # not the very newest: its camera_info may follow
            sent = max(sent, len(infos))
        return (sent, len(images)) if images else (0, 0)


def _recent(events: deque[tuple[float, int]], now: float) -> list[int]:
    while events and now - events[0][0] > WINDOW_S:
        events.popleft()
    return [value for _, value in events]


def _on_grid(stamps_ns: Sequence[int]) -> int:
    """How many places the stamps' grid has; 0 if they are few, or lie on no grid.

    Long gaps do not count: there the camera has stopped.
    """
    steps = np.diff(np.unique(np.array(stamps_ns, np.int64)))
    steps = steps[steps < GAP_NS]
    if len(steps) < 10:
        return 0
    period = np.percentile(steps, 10)
    places = steps / period
    off = np.abs(places - np.round(places))
    if np.percentile(off, 90) > 0.15:
        return 0
    return int(np.round(places).sum()) + 1
