# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the camera stands still, as its corners show."""

from __future__ import annotations

import numpy as np

from depth_ros.frame import Float64
from depth_ros.odometry.corners import Mask

ENOUGH_NS = 90_000_000  # rest before the camera is called standing: three frames at 30 Hz


class Rest:
    """Compares corners with where they were when they last moved, so that slow motion adds up."""

    def __init__(self, still_px: float, least: int) -> None:
        self._still_px, self._least = still_px, least
        self._pixels, self._since_ns, self._standing = np.zeros((0, 2)), 0, False

    def begin(self, pixels: Float64, stamp_ns: int) -> None:
        """Corners (n, 2) of a new keyframe; a camera that stands still stands."""
        self._pixels, self._since_ns = pixels, stamp_ns

    def holds(self, pixels: Float64, good: Mask, stamp_ns: int) -> bool:
        """Whether the good ones of the corners (n, 2) have not moved, for long enough."""
        both = good & np.isfinite(self._pixels[:, 0])
        moved = np.linalg.norm((pixels - self._pixels)[both], axis=1)
        if len(moved) < self._least or np.median(moved) > self._still_px:
            self._pixels = np.where(good[:, None], pixels, np.nan)
            self._since_ns, self._standing = stamp_ns, False
        elif stamp_ns - self._since_ns >= ENOUGH_NS:
            self._standing = True
        return self._standing
