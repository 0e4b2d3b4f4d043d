# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth that stereo matching finds: Hirschmueller's semi-global matching, checked both ways."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.frame import Float32, UInt8
from depth_ros.training.data.matching import Matcher, disagreement

_LEAST_PX, _AGREE_PX = 0.5, 1.5


def stereo_hint(
    left: UInt8, right: UInt8, focal_baseline: float, size: tuple[int, int]
) -> tuple[Float32, Float32]:
    """Inverse depth in 1/m of both images of a rectified pair, at ``size`` (width, height).

    ``focal_baseline`` is the focal length in the images' pixels times the baseline in metres. NaN
    where nothing was found, or where the two disagree by more than 1.5 pixels. Each pixel of the
    result is one of the images' own, never a mean across an edge. Images more than twice as wide
    as ``size`` are shrunk to that first.
    """
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (left, right)]
    height, width = greys[0].shape
    if width > 2 * size[0]:
        shrink = 2 * size[0] / width
        half = 2 * size[0], max(1, round(height * shrink))
        greys = [cv2.resize(grey, half, interpolation=cv2.INTER_AREA) for grey in greys]
        focal_baseline *= shrink
    reach = max(16, 16 * round(greys[0].shape[1] / 8 / 16))
    found = Matcher(reach, unique=5, speckle=100).both(greys[0], greys[1])
    of_left, of_right = (_known(disparity) for disparity in found)
    checked = _agreed(of_left, of_right, -1), _agreed(of_right, of_left, 1)
    shrunk = [_resized(disparity, size) / np.float32(focal_baseline) for disparity in checked]
    return shrunk[0], shrunk[1]


def _known(disparity: Float32) -> Float32:
    """Without what is nearly at infinity, whose depth would be chance."""
    with np.errstate(invalid="ignore"):
        return np.where(disparity > _LEAST_PX, disparity, np.float32(np.nan))


def _agreed(ours: Float32, theirs: Float32, sign: int) -> Float32:
    with np.errstate(invalid="ignore"):
        same = disagreement(ours, theirs, sign) < _AGREE_PX
    return np.where(same, ours, np.float32(np.nan))


def _resized(disparity: Float32, size: tuple[int, int]) -> Float32:
    return np.asarray(cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST), np.float32)
