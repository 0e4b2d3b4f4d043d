# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Points of geometric visual odometry: corners that are followed, and triangulated.

The prior of Andraghetti et al. 2019. The motion is the given one where poses are known, else that
of the essential matrix (Nister 2004), whose length nobody knows: the points are then right up to
one factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np

from depth_ros.frame import Float64, UInt8
from depth_ros.training.methods.self_supervised.views import Side, View

_CORNERS = 400
_RETURN_PX = 0.5  # a corner tracked there and back must come home this closely
_EPIPOLAR_PX = 1.0
_NOISE_PX = 0.3  # of a tracked corner
_LEAST = 16  # corners, below which there is no motion to estimate
_NEAREST, _FARTHEST = 0.5, 80.0  # metres, or units of the motion's length where it is unknown
_WINDOW = (15, 15)


class _Source(Protocol):
    @property
    def view(self) -> View: ...
    @property
    def order(self) -> int: ...
    @property
    def source_from_target(self) -> Float64 | None: ...


@dataclass(frozen=True, slots=True)
class Points:
    """Pixels (n, 2) of the stored image, inverse depth and its variance (n,).

    In 1/m and 1/m^2 if ``metric``.
    """

    pixels: Float64
    inverse_depth: Float64
    variance: Float64
    metric: bool


@dataclass
class Tracks:
    """Computes each target's points once, and remembers them."""

    _known: dict[tuple[int, Side], Points] = field(default_factory=dict)

    def points(self, target: tuple[int, Side], view: View, sources: Sequence[_Source]) -> Points:
        """The points that the target shares with the temporal source that shows most of them."""
        found = self._known.get(target)
        if found is None:
            made = [triangulated(view, s.view, s.source_from_target) for s in sources]
            found = max(made, key=lambda p: len(p.pixels), default=_none(False))
            self._known[target] = found
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Another process computes its own."""
        return {"_known": {}}


def triangulated(target: View, source: View, source_from_target: Float64 | None) -> Points:
    """The corners of the target that the source shows, too, with their inverse depth.

    Its variance is that of 0.3 pixels along the epipolar line. Without a motion it is estimated,
    of length 1.
    """
    metric = source_from_target is not None
    a, b = _followed(_grey(target.image), _grey(source.image))
    matrix = np.array([[target.k[0], 0, target.k[2]], [0, target.k[1], target.k[3]], [0, 0, 1]])
    if source_from_target is None:
        source_from_target = _estimated(a, b, matrix)
    if source_from_target is None or not len(a):
        return _none(metric)
    rays = np.c_[a, np.ones(len(a))] @ np.linalg.inv(matrix).T
    far = rays @ source_from_target[:3, :3].T @ matrix.T  # where the source sees infinity
    way = matrix @ source_from_target[:3, 3]
    # The source sees far + q way, q the inverse depth: linear in q for each of both axes.
    slope = way[:2] - b * way[2]
    rest = b * far[:, 2:] - far[:, :2]
    gain = (slope**2).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = (slope * rest).sum(1) / gain
        seen = far + q[:, None] * way
        error = np.linalg.norm(seen[:, :2] / seen[:, 2:] - b, axis=1)
        variance = (_NOISE_PX * far[:, 2]) ** 2 / gain
        good = (error < _EPIPOLAR_PX) & (q > 1 / _FARTHEST) & (q < 1 / _NEAREST)
        good &= (seen[:, 2] > 0) & (variance < (0.3 * q) ** 2)
    return Points(a[good], q[good], variance[good], metric)


def _followed(first: UInt8, second: UInt8) -> tuple[Float64, Float64]:
    """Corners of the first image and where the second shows them, (n, 2) each."""
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.005, 4)
    if corners is None:
        return np.zeros((0, 2)), np.zeros((0, 2))
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=_WINDOW)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(second, first, there, None, winSize=_WINDOW)
    home = np.linalg.norm((back - corners)[:, 0], axis=1) < _RETURN_PX
    inside = ((there[:, 0] > 0) & (there[:, 0] < [second.shape[1] - 1, second.shape[0] - 1])).all(
        1
    )
    good = home & inside & (found[:, 0] > 0) & (returned[:, 0] > 0)
    return corners[good, 0].astype(np.float64), there[good, 0].astype(np.float64)


def _estimated(a: Float64, b: Float64, matrix: Float64) -> Float64 | None:
    if len(a) < _LEAST:
        return None
    essential, inliers = cv2.findEssentialMat(a, b, matrix, cv2.RANSAC, 0.999, 0.7)
    if essential is None or essential.shape != (3, 3):
        return None
    count, turn, way, _ = cv2.recoverPose(essential, a, b, matrix, mask=inliers)
    if count < _LEAST:
        return None
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = turn, way[:, 0]
    return motion


def _grey(image: UInt8) -> UInt8:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _none(metric: bool) -> Points:
    return Points(np.zeros((0, 2)), np.zeros(0), np.zeros(0), metric)
