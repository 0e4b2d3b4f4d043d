# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What flows through the pipeline. Units, axes and invalid values are said here, once.

- Lengths are metres, times are integer nanoseconds, angles are radians.
- Camera axes are optical (REP 103): x right, y down, z forward. Depth is z, not the ray's length.
- Pixel centres are at integers: the top left pixel covers [-0.5, 0.5) in both directions.
- Invalid depth is NaN, never 0. Confidence is 0 (none) to 1 (sure); it is 0 where depth is NaN.
- A transform ``a_from_b`` takes points in b to points in a: ``p_a = a_from_b @ p_b``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
Intrinsics = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera with lens distortion, in pixels of an image of ``width`` by ``height``.

    ``distortion`` holds OpenCV's coefficients: (k1, k2, p1, p2[, k3[, k4, k5, k6]]) for
    ``plumb_bob`` and ``rational_polynomial``, (k1, k2, k3, k4) for ``equidistant`` (fish-eye).
    ``rotation`` (CameraInfo's R, row by row) and ``projection`` (fx, fy, cx, cy of CameraInfo's P)
    make the rectified camera out of the raw one; without a projection it keeps the raw K.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    model: Literal["plumb_bob", "rational_polynomial", "equidistant"] = "plumb_bob"
    rotation: tuple[float, ...] = IDENTITY
    projection: Intrinsics | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise FrameError(
                "camera size", expected="at least 1x1", got=f"{self.width}x{self.height}"
            )
        fx, fy, cx, cy = projected = self.projection or (self.fx, self.fy, self.cx, self.cy)
        numbers = (self.cx, self.cy, cx, cy, *self.distortion, *self.rotation)
        focals = (self.fx, self.fy, fx, fy)
        if not all(map(math.isfinite, numbers + focals)) or min(focals) <= 0:
            raise FrameError(
                "camera intrinsics",
                expected="finite numbers and positive focal lengths",
                got=f"fx {self.fx}, fy {self.fy}, cx {self.cx}, cy {self.cy}, "
                f"distortion {self.distortion}, projection {projected}",
                fix="Calibrate the camera, or correct its camera_info.",
            )

    @property
    def matrix(self) -> Float64:
        """The 3x3 matrix K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def focal(self) -> float:
        """One focal length for both axes: the geometric mean of fx and fy, in pixels."""
        return math.sqrt(self.fx * self.fy)

    @property
    def is_rectified(self) -> bool:
        """Whether the image is that of an ideal pinhole, so that nothing has to be rectified."""
        ideal = self.projection in (None, (self.fx, self.fy, self.cx, self.cy))
        unrotated = np.allclose(self.rotation, IDENTITY, atol=1e-9)
        pinhole = self.model != "equidistant" and not any(self.distortion)
        return ideal and unrotated and pinhole

    def rectified(self) -> Camera:
        """The ideal pinhole that the image has after rectification."""
        fx, fy, cx, cy = self.projection or (self.fx, self.fy, self.cx, self.cy)
        return Camera(self.width, self.height, fx, fy, cx, cy)

    def scaled(self, width: int, height: int) -> Camera:
        """The camera of the same image resized to ``width`` by ``height``."""
        sx, sy = width / self.width, height / self.height

        def scale(fx: float, fy: float, cx: float, cy: float) -> Intrinsics:
            return fx * sx, fy * sy, (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5

        return self._mapped(width, height, scale)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of the window of that size whose top left pixel is (left, top)."""
        return self._mapped(width, height, lambda fx, fy, cx, cy: (fx, fy, cx - left, cy - top))

    def _mapped(self, width: int, height: int, f: Callable[..., Intrinsics]) -> Camera:
        fx, fy, cx, cy = f(self.fx, self.fy, self.cx, self.cy)
        projection = f(*self.projection) if self.projection else None
        return replace(
            self, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy, projection=projection
        )

    @staticmethod
    def from_fov(width: int, height: int, horizontal_fov_rad: float) -> Camera:
        """A centred camera with square pixels, where nothing but the field of view is known."""
        focal = width / 2 / math.tan(horizontal_fov_rad / 2)
        return Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


@dataclass(frozen=True, slots=True)
class Frame:
    """One image from a camera. ``image`` is (height, width, 3) uint8 RGB, read-only by agreement.

    ``camera_known`` is False where intrinsics had to be guessed: metres are then up to scale.
    """

    stamp_ns: int
    frame_id: str
    image: UInt8
    camera: Camera
    camera_known: bool = True
    dropped: int = 0  # frames that were skipped since the last one

    def __post_init__(self) -> None:
        height, width = self.image.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise FrameError(
                "image size",
                expected=f"{self.camera.width}x{self.camera.height}, as camera_info says",
                got=f"{width}x{height}",
                fix="Publish the camera_info that belongs to this image.",
            )


MotionState = Literal["tracking", "stationary", "lost", "reset", "off"]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the camera is, and how it moved since the previous frame.

    ``odom_from_camera`` is 4x4: the odom frame has REP 103's axes (x forward, y left, z up) and
    starts at the first camera. ``previous_from_current`` is 4x4 in optical axes: it takes points
    of the current camera to the previous one. ``covariance`` is 6x6 for ``previous_from_current``
    (x, y, z in metres, rotation about x, y, z in radians, in the current camera's axes);
    ``pose_covariance`` is the same for the whole way since the start, in the odom frame's axes.
    """

    state: MotionState
    odom_from_camera: Float64
    previous_from_current: Float64
    covariance: Float64
    pose_covariance: Float64
    interval_ns: int = 0  # time since the previous frame; 0 on the first
    inliers: int = 0
    reason: str = ""  # why the state is lost or reset


@dataclass(frozen=True, slots=True)
class DepthResult:
    """What the pipeline makes of one frame. Arrays are valid until the next call."""

    stamp_ns: int
    frame_id: str
    camera: Camera  # of the depth image: rectified, of the depth's own size
    depth: Float32  # (height, width) metres, NaN invalid
    confidence: Float32  # (height, width) 0 to 1
    image: UInt8  # (height, width, 3) RGB, rectified, at the depth's own size
    motion: Motion
    scale_known: bool  # False: depth and motion are right up to one unknown factor
    dropped: int = 0
    stages_ms: dict[str, float] = field(default_factory=dict)


def memory_order(image: UInt8) -> tuple[UInt8, bool]:
    """The pixels of an RGB image as they lie in memory, and whether that is as BGR.

    OpenCV copies a reversed view, such as a bgr8 message seen as RGB, and takes 2 ms for it.
    """
    is_bgr = image.strides[2] < 0
    return (image[..., ::-1] if is_bgr else image), is_bgr
