# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth and its camera to coloured points, organised like the image; and points to a PLY file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError
from depth_ros.frame import Camera, Float32, UInt8, memory_order

# PCL's and RViz' layout: rgb is 0x00RRGGBB in the bits of a float.
POINT = np.dtype([("x", np.float32), ("y", np.float32), ("z", np.float32), ("rgb", np.float32)])
Points = npt.NDArray[np.void]

_VERTEX = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)
_PLY_TYPES = {"<f4": "float", "|u1": "uchar"}


def points(depth: Float32, camera: Camera, image: UInt8, stride: int = 1) -> Points:
    """The points seen by every ``stride``-th pixel of every ``stride``-th row.

    ``depth`` is (height, width) metres along the optical axis, ``image`` (height, width, 3) RGB of
    the same size, ``camera`` their rectified pinhole. Returns a new array (rows, columns) of
    POINT in optical axes, metres: point (i, j) is pixel (stride * i, stride * j), and its x, y, z
    are NaN where depth is. Raises FrameError where the sizes differ.
    """
    sizes = depth.shape, image.shape[:2], (camera.height, camera.width)
    if stride < 1 or len(set(sizes)) != 1:
        got = "depth {}, image {}, camera {}".format(*sizes) + f", stride {stride}"
        raise FrameError("points", expected="one size and a stride of at least 1", got=got)
    z = depth[::stride, ::stride]
    # A pinhole's rays are an outer sum: one row and one column need no grid to be kept.
    right = (np.arange(0, camera.width, stride) - camera.cx) / camera.fx
    down = (np.arange(0, camera.height, stride) - camera.cy) / camera.fy
    x = z * right.astype(np.float32)
    y = z * down.astype(np.float32)[:, None]
    merged = cv2.merge([x, y, np.ascontiguousarray(z), _packed(image, stride)])
    return np.asarray(merged).view(POINT)[..., 0]


def write_ply(path: str | Path, points: Points) -> int:
    """Writes the valid points as a binary PLY with colours; returns how many there are."""
    valid = points[np.isfinite(points["z"])]
    rgb = valid["rgb"].view(np.uint32)
    vertices = np.empty(valid.size, _VERTEX)
    for axis in ("x", "y", "z"):
        vertices[axis] = valid[axis]
    for shift, channel in ((16, "red"), (8, "green"), (0, "blue")):
        vertices[channel] = (rgb >> shift) & 255
    kinds = [(_PLY_TYPES[_VERTEX[name].str], name) for name in _VERTEX.names or ()]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {valid.size}"]
    lines += [f"property {kind} {name}" for kind, name in kinds] + ["end_header", ""]
    Path(path).write_bytes("\n".join(lines).encode() + vertices.tobytes())
    return int(valid.size)


def _packed(image: UInt8, stride: int) -> Float32:
    """The colours as 0x00RRGGBB in float bits."""
    pixels, is_bgr = memory_order(image)
    to_bgra = cv2.COLOR_BGR2BGRA if is_bgr else cv2.COLOR_RGB2BGRA
    bgra = np.asarray(cv2.cvtColor(pixels, to_bgra)).view("<u4")[..., 0]
    packed = np.asarray(bgra[::stride, ::stride] & np.uint32(0xFFFFFF), np.uint32)
    return packed.view(np.float32)
