# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CameraInfo to the Camera of the image that comes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import IDENTITY, Camera, Float64, Intrinsics
from depth_ros.messages.encodings import MAX_SIDE

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo

Model = Literal["plumb_bob", "rational_polynomial", "equidistant"]
_MODELS: dict[str, Model] = {
    "plumb_bob": "plumb_bob",
    "rational_polynomial": "rational_polynomial",
    "equidistant": "equidistant",
    "fisheye": "equidistant",
}
_LENGTHS: dict[Model, tuple[int, ...]] = {
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 4, 5, 8),
    "equidistant": (0, 4),
}
_CALIBRATE = "Calibrate the camera, or correct its camera_info."


def camera_from_info(msg: CameraInfo) -> Camera:
    """The Camera of the image that the message goes with, after its region and binning.

    Width, height, K and P of the message are for the whole sensor (REP 104). The region is cut
    out first (all zeros: the whole image; the rectified image covers the same region, whatever
    ``do_rectify`` says), then binning (0 and 1: none) joins blocks of pixels, whose centres move
    by half a pixel as in ``Camera.scaled``; image_geometry leaves out that half pixel.
    R of zeros is no rotation, P of zeros no projection. P's fourth column is not used.

    Raises FrameError for an uncalibrated camera, an unknown distortion model with coefficients,
    numbers that are not finite, an R that is no rotation, or a region outside the image.
    """
    sizes = (msg.width, msg.height)
    if not all(0 < side <= MAX_SIDE for side in sizes):
        raise _refuse("camera_info size", f"1 to {MAX_SIDE} pixels a side", "{}x{}".format(*sizes))
    k, r, p = _numbers("K", msg.k, 9), _numbers("R", msg.r, 9), _numbers("P", msg.p, 12)
    if k[0] == 0:
        raise _refuse("camera_info", "a calibrated camera", "K of zeros: it is not calibrated")
    model, distortion = _distortion(msg.distortion_model, msg.d)
    camera = Camera(
        *sizes,
        *_intrinsics("K", k.reshape(3, 3)),
        distortion=distortion,
        model=model,
        rotation=_rotation(r),
        projection=_intrinsics("P", p.reshape(3, 4)) if p.any() else None,
    )
    return _binned(_region(camera, msg), msg)


def _numbers(name: str, values: Sequence[float], length: int | None = None) -> Float64:
    numbers = np.asarray(values, np.float64).ravel()
    if length is not None and numbers.size != length:
        raise _refuse(f"camera_info {name}", f"{length} numbers", numbers.size)
    if not np.isfinite(numbers).all():
        raise _refuse(f"camera_info {name}", "finite numbers", numbers.tolist())
    return numbers


def _intrinsics(name: str, matrix: Float64) -> Intrinsics:
    if matrix[0, 1] or matrix[1, 0]:
        raise _refuse(f"camera_info {name}", "no skew", f"{matrix[0, 1]}, {matrix[1, 0]}")
    fx, fy = float(matrix[0, 0]), float(matrix[1, 1])
    if fx <= 0 or fy <= 0:
        raise _refuse(f"camera_info {name}", "positive focal lengths", f"fx {fx}, fy {fy}")
    return fx, fy, float(matrix[0, 2]), float(matrix[1, 2])


def _distortion(name: str, coefficients: Sequence[float]) -> tuple[Model, tuple[float, ...]]:
    """The model, and its coefficients without zeros beyond those that it has.

    A lens without distortion has none, except that equidistant without coefficients is a lens too.
    """
    d = _numbers("D", coefficients)
    model = _MODELS.get(name)
    if model is None:
        if d.any():
            raise _refuse("distortion_model", "one of " + ", ".join(_MODELS), repr(name))
        return "plumb_bob", ()
    if not d.any() and model != "equidistant":
        return model, ()
    longest = _LENGTHS[model][-1]
    if d.size > longest and not d[longest:].any():
        d = d[:longest]
    if d.size not in _LENGTHS[model]:
        lengths = " or ".join(map(str, _LENGTHS[model]))
        raise _refuse(f"camera_info D of {name}", f"{lengths} coefficients", d.size)
    return model, tuple(d.tolist())


def _rotation(r: Float64) -> tuple[float, ...]:
    if not r.any():
        return IDENTITY
    matrix = r.reshape(3, 3)
    if not (np.abs(r) < 2).all() or np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-3:
        raise _refuse("camera_info R", "a rotation", r.tolist())
    if np.linalg.det(matrix) < 0:
        raise _refuse("camera_info R", "a rotation", "a reflection")
    return tuple(r.tolist())


def _region(camera: Camera, msg: CameraInfo) -> Camera:
    roi = msg.roi
    left, top, width, height = roi.x_offset, roi.y_offset, roi.width, roi.height
    if not any((left, top, width, height)):
        return camera
    inside = left + width <= camera.width and top + height <= camera.height
    if not (inside and width and height):
        got = f"{width}x{height} at ({left}, {top})"
        raise _refuse("camera_info roi", f"inside {camera.width}x{camera.height}", got)
    return camera.cropped(left, top, width, height)


def _binned(camera: Camera, msg: CameraInfo) -> Camera:
    x, y = max(1, msg.binning_x), max(1, msg.binning_y)
    width, height = camera.width // x, camera.height // y
    if not (width and height):
        raise _refuse("camera_info binning", f"at most {camera.width}x{camera.height}", f"{x}x{y}")
    whole = replace(camera, width=width * x, height=height * y)  # what is left over is cut off
    return whole.scaled(width, height)


def _refuse(what: str, expected: object, got: object) -> FrameError:
    return FrameError(what, expected=expected, got=got, fix=_CALIBRATE)
