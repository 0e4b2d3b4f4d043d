# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Lidar scans of KITTI, and sparse depth images out of them.

A scan is a .bin file of float32: x forward, y left, z up in metres, and reflectance.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.training.data.readers.files import problems_of


def read_scan(file: Path) -> Float32:
    """(n, 4) x, y, z, reflectance. Raises SourceError."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {file}: {error.strerror}") from error
    if not data or len(data) % 16:
        got = f"{len(data)} bytes"
        raise SourceError(f"{file}", expected="16 bytes for each of its points", got=got)
    return np.frombuffer(data, "<f4").reshape(-1, 4).astype(np.float32)


def scan_problems(files: Iterable[Path]) -> list[str]:
    """A line for each scan that is missing, empty or cut off inside a point."""
    scans = list(dict.fromkeys(files))
    cut = [f for f in scans if f.is_file() and f.stat().st_size % 16]
    return problems_of(scans) + [f"{file} is cut off inside a point" for file in cut]


def project_scan(scan: Float32, image_from_lidar: Float64, width: int, height: int) -> Float32:
    """Sparse depth (height, width) in metres along the optical axis, NaN where no point falls.

    ``image_from_lidar`` is the 3x4 matrix P [R|t] of the rectified camera. A point goes to the
    pixel whose area it falls in (centres at integers); the nearest of several is kept. Points
    behind the camera and those that are not finite are left out. Nothing is hidden: a few points
    of the background show through the edges of objects.
    """
    x, y, z = image_from_lidar @ _homogeneous(scan)
    front = z > 0
    u, v, z = np.floor(x[front] / z[front] + 0.5), np.floor(y[front] / z[front] + 0.5), z[front]
    seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    nearest = np.full((height, width), np.inf)
    np.minimum.at(nearest, (v[seen].astype(np.intp), u[seen].astype(np.intp)), z[seen])
    return np.where(np.isfinite(nearest), nearest, np.nan).astype(np.float32)


def project_scan_monodepth2(
    scan: Float32, image_from_lidar: Float64, width: int, height: int
) -> Float32:
    """The same with the quirks behind the published numbers on Eigen's split, for comparison.

    They are: points are chosen by x >= 0 of the lidar, not by the camera's depth; pixels are
    rounded half to even and then moved by -1 both ways; several points of one pixel are found by
    row * (width - 1) + column - 1, a key that the last pixel of a row shares with the first of
    the next, and only the pixel of the first of them gets the smallest depth of all.
    """
    scan = scan[scan[:, 0] >= 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, z = image_from_lidar @ _homogeneous(scan)
        u, v = np.round(x / z) - 1, np.round(y / z) - 1
    seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    column, row, z = u[seen].astype(np.intp), v[seen].astype(np.intp), z[seen]
    depth = np.zeros((height, width))
    depth[row, column] = z  # the last of several stays
    keys = row * (width - 1) + column - 1
    _, first, group, count = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    least = np.full(len(count), np.inf)
    np.minimum.at(least, group, z)
    several = count > 1
    depth[row[first[several]], column[first[several]]] = least[several]
    return np.where(depth > 0, depth, np.nan).astype(np.float32)


def _homogeneous(scan: Float32) -> Float64:
    """(4, n) x, y, z, 1 of the finite points."""
    points = scan[np.isfinite(scan[:, :3]).all(axis=1), :3]
    return np.vstack([points.T.astype(np.float64), np.ones(len(points))])
