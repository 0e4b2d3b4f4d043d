# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Disparity of a rectified pair by semi-global matching (Hirschmueller 2008), seen both ways."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_ros.frame import Float32, UInt8

_BLOCK = 5  # pixels across that are compared
_UNIT = 16  # StereoSGBM's parts of a pixel


@dataclass(frozen=True, slots=True)
class Matcher:
    """How OpenCV's StereoSGBM is asked: up to ``reach`` pixels, a multiple of 16.

    The best match has to be better than the second by ``unique`` per cent. Patches of up to
    ``speckle`` pixels whose disparity is another than what is around them are dropped.
    """

    reach: int
    unique: int
    speckle: int = 0

    def both(self, left: UInt8, right: UInt8) -> tuple[Float32, Float32]:
        """Disparity (h, w) in pixels of two grey images; NaN where nothing was found."""
        mirrored = self._of_left(right[:, ::-1], left[:, ::-1])
        return self._of_left(left, right), mirrored[:, ::-1]

    def _of_left(self, left: UInt8, right: UInt8) -> Float32:
        matcher = cv2.StereoSGBM.create(
            minDisparity=0,
            numDisparities=self.reach,
            blockSize=_BLOCK,
            P1=8 * _BLOCK**2,
            P2=32 * _BLOCK**2,
            uniquenessRatio=self.unique,
            speckleWindowSize=self.speckle,
            speckleRange=2 if self.speckle else 0,
            mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
        )
        wide = [  # so that what has no partner in the first columns is found, too
            cv2.copyMakeBorder(
                np.ascontiguousarray(image), 0, 0, self.reach, 0, cv2.BORDER_REPLICATE
            )
            for image in (left, right)
        ]
        found = matcher.compute(*wide)[:, self.reach :].astype(np.float32) / _UNIT
        return np.asarray(np.where(found > 0, found, np.nan), np.float32)


def disagreement(ours: Float32, theirs: Float32, sign: int) -> Float32:
    """How far each pixel's partner is off in its own disparity (h, w), pixels; NaN without one.

    A pixel's partner lies ``sign`` times its disparity further right: -1 from the left image to
    the right one, 1 back.
    """
    width = ours.shape[1]
    at = np.rint(np.arange(width) + sign * np.nan_to_num(ours)).astype(np.int64)
    other = np.take_along_axis(theirs, np.clip(at, 0, width - 1), 1)
    inside = (at >= 0) & (at < width)
    return np.asarray(np.where(inside, np.abs(ours - other), np.nan), np.float32)
