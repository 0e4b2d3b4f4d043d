# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Disparity against truth, in pixels of the truth's image."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Float64
from depth_ros.metrics import Array, known

KITTI_BASELINE_M = 0.54
# Width of KITTI's rectified images, pixels: focal length of that day's calibration, pixels.
KITTI_FOCAL = {1224: 707.0493, 1226: 707.0912, 1238: 718.3351, 1241: 718.856, 1242: 721.5377}


def kitti_focal(width: int) -> float:
    """The focal length, pixels, of KITTI images of this width; FrameError for another width."""
    if width not in KITTI_FOCAL:
        raise FrameError("width of a KITTI image", expected=list(KITTI_FOCAL), got=width)
    return KITTI_FOCAL[width]


def kitti_depth(disparity: Array) -> Float64:
    """Metres from pixels, or pixels from metres: focal(width) * 0.54 / value, 0 to infinity."""
    values = disparity.astype(np.float64)
    out = np.full(values.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        product = kitti_focal(values.shape[1]) * KITTI_BASELINE_M
        np.divide(product, values, out=out, where=values >= 0)
    return out


def resize_disparity(disparity: Array, shape: tuple[int, int]) -> Float64:
    """Linear, and every value times the ratio of widths: pixels of the new image."""
    values = disparity.astype(np.float64)
    if values.shape == shape:
        return values
    resized = np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float64)
    scaled: Float64 = resized * (shape[1] / values.shape[1])
    return scaled


def disparity_metrics(prediction: Array, truth: Array) -> dict[str, float]:
    """Of one image, where the truth is positive: ``epe`` the mean error in pixels; ``bad1``,
    ``bad2``, ``bad4`` the percentage with an error above 1, 2, 4 pixels (Middlebury); ``d1`` the
    percentage with an error of at least 3 pixels and at least 5 % (KITTI 2015); ``coverage`` the
    share that is predicted. Missing predictions count as bad and are left out of ``epe``."""
    if prediction.shape != truth.shape:
        raise FrameError("disparity to compare", expected=truth.shape, got=prediction.shape)
    mask = known(truth)
    d, g = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
    there = np.isfinite(d)
    if not there.any():
        raise FrameError("disparity to compare", expected="known truth", got="none predicted")
    error = np.where(there, np.abs(d - g), np.inf)
    return {
        "epe": float(error[there].mean()),
        **{f"bad{k}": 100 * float(np.mean(error > k)) for k in (1, 2, 4)},
        "d1": 100 * float(np.mean((error >= 3) & (error >= 0.05 * g))),
        "coverage": float(there.mean()),
    }
