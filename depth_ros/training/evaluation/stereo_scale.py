# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The metric scale of depth from one image, against depth from a second camera beside it.

For recordings of a rectified pair without lidar. The left image's disparity is found by
semi-global matching (Hirschmueller 2008; OpenCV's StereoSGBM) and counts where

- the right image's own disparity agrees within a pixel (no occlusion),
- both images look the same there (correlation of 9x9 pixels above 0.8: no chance match),
- the image changes across columns, so that there was something to match,
- it is at least 4 px: its error is some tenths of a pixel, so that depth is right to a few
  per cent of each pixel, and the median of thousands to much less.

Depth is fx * baseline / disparity, metres. A frame's scale is the median over these pixels of
predicted / stereo depth: 1 is metric, 2 sees everything twice as far. Reported are the median of
the scales of all frames, how far the middle half of the frames spreads, and their extremes. The
stereo depth is no ground truth: the other numbers, of depth against it, are for orientation.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float64, UInt8
from depth_ros.training.data.matching import Matcher, disagreement
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.evaluation.depth import Judged, Row
from depth_ros.training.evaluation.maps import Maps
from depth_ros.training.evaluation.predict import Prediction
from depth_ros.training.evaluation.protocols import Protocol
from depth_ros.training.evaluation.run import Outcome, Watch, evaluate_depth
from depth_ros.training.evaluation.truth import Truth

LEAST_PX = 4.0  # of disparity
AGREE_PX = 1.0  # both ways
TEXTURE = 4.0  # mean change from column to column around a pixel, grey levels
ALIKE = 0.8  # correlation of what is around a pixel with what is around its match
AROUND = (9, 9)  # pixels


def stereo_truth(truth: Truth) -> Truth:
    """The same frames with depth by matching their pairs. SourceError where one is no pair."""
    return Truth(Maps(truth.maps.names, lambda i: stereo_depth(truth.reading(i))), truth.data)


def stereo_depth(reading: Reading) -> Float64:
    """(h, w) metres along the axis, NaN where matching cannot be trusted."""
    right, camera, baseline = reading.right, reading.camera, reading.baseline_m
    if right is None or camera is None or baseline is None:
        raise SourceError(
            f"truth {reading.name} for stereo_scale",
            expected="rectified pairs with camera and baseline",
            got="one image",
        )
    depth: Float64 = camera.fx * baseline / trusted_disparity(reading.image, right)
    return depth


def trusted_disparity(left: UInt8, right: UInt8) -> Float64:
    """(h, w) pixels of the left image of a rectified pair, NaN where it cannot be trusted."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (left, right)]
    reach = max(64, -(-grey[0].shape[1] // 8 // 16) * 16)
    found, other = Matcher(reach, unique=10).both(grey[0], grey[1])
    columns = np.arange(found.shape[1]) - np.nan_to_num(found)
    change = np.abs(cv2.Sobel(grey[0].astype(np.float32), cv2.CV_32F, 1, 0)) / 8
    rows = np.broadcast_to(np.arange(found.shape[0])[:, None], found.shape)
    places = columns.astype(np.float32), rows.astype(np.float32)
    matched = cv2.remap(grey[1].astype(np.float32), *places, cv2.INTER_LINEAR)
    alike = correlation(grey[0].astype(np.float64), matched.astype(np.float64))
    with np.errstate(invalid="ignore"):
        good = (found >= LEAST_PX) & (disagreement(found, other, -1) <= AGREE_PX) & (columns >= 0)
    good &= (cv2.boxFilter(change, -1, AROUND) > TEXTURE) & (alike > ALIKE)
    return np.where(good, found.astype(np.float64), np.nan)


def correlation(first: Float64, second: Float64) -> Float64:
    """(h, w) -1 to 1: of what is around each pixel of two images; 0 where one is flat."""
    mean = [cv2.boxFilter(image, -1, AROUND) for image in (first, second)]
    var = [
        cv2.boxFilter(i * i, -1, AROUND) - m * m
        for i, m in zip((first, second), mean, strict=True)
    ]
    cov = cv2.boxFilter(first * second, -1, AROUND) - mean[0] * mean[1]
    return np.asarray(cov / np.sqrt(np.maximum(var[0], 1e-3) * np.maximum(var[1], 1e-3)))


def evaluate_scale(
    protocol: Protocol, predictions: Iterable[Prediction], truth: Truth, watch: Watch | None = None
) -> Outcome:
    """Depth against stereo_truth(), and the scale of the frames. FrameError without any."""

    def extra(_: int, judged: Judged) -> Row:
        return scale_of(judged)

    outcome = evaluate_depth(protocol, predictions, truth, extra=extra, watch=watch)
    outcome.measures |= spread(np.array([row["metric_scale"] for row in outcome.rows]))
    return outcome


def scale_of(judged: Judged) -> Row:
    """``metric_scale`` of one frame: the median of predicted / true depth."""
    with np.errstate(invalid="ignore"):
        usable = judged.mask & (judged.prediction > 0)
    return {"metric_scale": float(np.median(judged.prediction[usable] / judged.truth[usable]))}


def spread(scales: Float64) -> Row:
    """Over frames: the median, half the distance of the quartiles, least and largest."""
    low, middle, high = np.percentile(scales, (25, 50, 75))
    return {
        "metric_scale": float(middle),
        "metric_scale_spread": float(high - low) / 2,
        "metric_scale_min": float(scales.min()),
        "metric_scale_max": float(scales.max()),
    }
