# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The coloured map: clouds of some frames, placed by odometry, each adding what was not seen yet.

Depth of one place differs from frame to frame. Laying all clouds over each other would draw each
wall many times; here a cloud is first scaled by one factor to agree with the map where both see
the same, and then adds points only where the map has nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import DepthResult, Float32, Float64, Intrinsics
from depth_ros.points import POINT, points, write_ply

Cloud = npt.NDArray[Any]  # of dtype points.POINT

_VIEWS = 24  # at most, spread evenly over the run
_POINTS = 80_000  # at most, of each
_BEND, _STEP = 0.04, 0.15  # of inverse depth between neighbours, over itself: more is an edge
_FAR = 90  # percentile of depth beyond which points are too vague to keep
_BEHIND = 1.4  # a map point that is so much farther is another surface
_IN_COMMON = 0.2  # of a view must be in the map to scale the one to the other
_VOXEL = 1 / 160  # of the median depth


@dataclass(frozen=True, slots=True)
class View:
    """The cloud of one frame: (rows, columns) in optical axes, and which points are surfaces."""

    segment: int
    grid: Cloud
    keep: npt.NDArray[np.bool_]
    odom_from_camera: Float64
    intrinsics: Intrinsics  # of the grid


class FusedMap:
    """Keeps an even choice of views; the map is in the odometry's frame (z up).

    A reset of the odometry starts another map; the one with the most views is written. Without
    odometry that is the cloud of one frame.
    """

    def __init__(self) -> None:
        self._views: list[View] = []
        self._step = 1
        self._index = self._segment = 0

    def add(self, result: DepthResult) -> None:
        """Takes the frame's cloud if it is its turn."""
        state = result.motion.state
        if state in ("reset", "lost", "off"):
            self._segment += 1
        if state == "lost":
            return
        if self._index % self._step == 0:
            self._views.append(_view(result, self._segment))
        self._index += 1
        if len(self._views) > _VIEWS:
            self._views = self._views[::2]
            self._step *= 2

    def points(self) -> Cloud:
        """The map: (N,) points, N 0 if no frame had a valid one."""
        if not self._views:
            return np.empty(0, POINT)
        best = Counter(view.segment for view in self._views).most_common(1)[0][0]
        cloud, depth = np.empty(0, POINT), np.empty(0, np.float32)
        for view in self._views:
            if view.segment == best:
                covered, factor = _covered(view, cloud)
                new = view.keep & ~covered
                pose = view.odom_from_camera @ np.diag([factor, factor, factor, 1])
                cloud = np.concatenate([cloud, _moved(view.grid[new], pose)])
                depth = np.concatenate([depth, view.grid["z"][new]])
        return _thinned(cloud, depth)

    def write(self, path: Path) -> bool:
        """Writes a PLY; False if there is nothing to write."""
        cloud = self.points()
        if cloud.size:
            write_ply(path, cloud)
        return bool(cloud.size)


def _view(result: DepthResult, segment: int) -> View:
    height, width = result.depth.shape
    stride = max(1, math.ceil(math.sqrt(height * width / _POINTS)))
    grid = points(result.depth, result.camera, result.image, stride)
    c, pose = result.camera, result.motion.odom_from_camera.copy()
    intrinsics = (c.fx / stride, c.fy / stride, c.cx / stride, c.cy / stride)
    return View(segment, grid, _surface(np.asarray(grid["z"], np.float32)), pose, intrinsics)


def _moved(cloud: Cloud, pose: Float64) -> Cloud:
    moved: Cloud = cloud.copy()
    for axis, value in zip("xyz", (_xyz(cloud) @ pose[:3, :3].T + pose[:3, 3]).T, strict=True):
        moved[axis] = value
    return moved


def _xyz(cloud: Cloud) -> Float64:
    return np.stack([cloud["x"], cloud["y"], cloud["z"]], axis=-1).astype(np.float64)


def _covered(view: View, cloud: Cloud) -> tuple[npt.NDArray[np.bool_], float]:
    """Where the map, seen from the view, has a surface already (not one far behind).

    Also the median of its depth over the view's there, or 1 where they see too little in common.
    """
    rows, columns = view.grid.shape
    nearest = np.full(rows * columns, np.inf, np.float32)
    x, y, z = _xyz(_moved(cloud, np.asarray(np.linalg.inv(view.odom_from_camera), np.float64))).T
    x, y, z = (v[z > 1e-3] for v in (x, y, z))
    fx, fy, cx, cy = view.intrinsics
    u, v = np.rint(fx * x / z + cx), np.rint(fy * y / z + cy)
    inside = (u >= 0) & (u < columns) & (v >= 0) & (v < rows)
    at = (v[inside] * columns + u[inside]).astype(np.int64)
    np.minimum.at(nearest, at, z[inside].astype(np.float32))
    grown = cv2.erode(nearest.reshape(rows, columns), np.ones((3, 3), np.uint8))
    with np.errstate(invalid="ignore", over="ignore"):  # erode's border is the largest float
        covered = np.asarray(grown < _BEHIND * view.grid["z"], np.bool_)
        same = covered & view.keep & (grown * _BEHIND > view.grid["z"])
    if same.sum() <= _IN_COMMON * view.keep.sum():
        return covered, 1.0
    return covered, float(np.median(grown[same] / view.grid["z"][same]))


def _surface(depth: Float32) -> npt.NDArray[np.bool_]:
    """Valid, not too far, and not between a near and a far object.

    Inverse depth is linear in the pixels of a plane, however steep: where it bends is an edge.
    """
    keep: npt.NDArray[np.bool_] = np.isfinite(depth)
    if not keep.any():
        return keep
    inverse = 1 / depth
    with np.errstate(invalid="ignore"):
        keep &= depth <= np.nanpercentile(depth, _FAR)
        for i, k in ((inverse, keep), (inverse.T, keep.T)):
            k[1:-1] &= np.abs(i[2:] - 2 * i[1:-1] + i[:-2]) < _BEND * i[1:-1]
            k[1:-1] &= np.abs(i[2:] - i[:-2]) < _STEP * i[1:-1]
    return keep


def _thinned(cloud: Cloud, depth: Float32) -> Cloud:
    """One point a voxel: the one that was seen from nearest, as its depth is best."""
    if not cloud.size:
        return cloud
    cloud = cloud[np.argsort(depth, kind="stable")]
    size = max(float(np.median(depth)) * _VOXEL, 1e-4)
    keys = np.floor(_xyz(cloud) / size).astype(np.int64)
    keys -= keys.min(axis=0)
    spans = keys.max(axis=0) + 1
    flat = (keys[:, 0] * spans[1] + keys[:, 1]) * spans[2] + keys[:, 2]
    chosen = np.unique(flat, return_index=True)[1]
    return cloud[np.sort(chosen)]
