# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Cameras under resizing, cropping and rectification, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import cv2
import numpy as np
import pytest
from synthetic import pose, render_box_room

from depth_ros.errors import FrameError
from depth_ros.frame import Camera, Float64, Frame

CAMERA = Camera(640, 480, 525.0, 530.0, 311.3, 244.9)
POINTS = np.array([[0.3, -0.2, 1.5], [-1.1, 0.7, 4.0], [0.0, 0.0, 2.0], [2.0, 1.0, 9.0]])


def seen(camera: Camera, points: Float64 = POINTS) -> Float64:
    """Pixels (n, 2) of points (n, 3) in the camera's axes."""
    projected = points @ camera.matrix.T
    return projected[:, :2] / projected[:, 2:]


def test_scaled_keeps_pixel_centres_at_integers() -> None:
    """The outer edge of an image, at -0.5, stays its outer edge."""
    half = CAMERA.scaled(320, 240)
    assert (half.width, half.height) == (320, 240)
    assert (half.fx, half.fy) == (262.5, 265.0)
    assert half.cx == pytest.approx((311.3 + 0.5) / 2 - 0.5)
    assert np.allclose(seen(half), (seen(CAMERA) + 0.5) / 2 - 0.5)


@pytest.mark.parametrize("size", [(320, 240), (224, 224), (1280, 960), (97, 71), (1, 1)])
def test_scaled_there_and_back(size: tuple[int, int]) -> None:
    there = CAMERA.scaled(*size)
    scale = np.array(size) / (640, 480)
    assert np.allclose(seen(there), (seen(CAMERA) + 0.5) * scale - 0.5)
    back = there.scaled(640, 480)
    assert np.allclose(back.matrix, CAMERA.matrix, rtol=1e-12)
    assert (back.width, back.height) == (640, 480)


def test_cropped_there_and_back() -> None:
    window = CAMERA.cropped(30, 12, 200, 100)
    assert (window.width, window.height) == (200, 100)
    assert np.allclose(seen(window), seen(CAMERA) - [30, 12])
    assert window.cropped(-30, -12, 640, 480) == CAMERA


def test_scaling_and_cropping_commute() -> None:
    one = CAMERA.cropped(40, 20, 400, 300).scaled(200, 150)
    other = CAMERA.scaled(320, 240).cropped(20, 10, 200, 150)
    assert np.allclose(one.matrix, other.matrix)


def test_resized_image_is_that_of_the_scaled_camera() -> None:
    camera = Camera.from_fov(320, 240, 1.1)
    full = render_box_room(camera, pose(yaw=0.4))[0]
    small = cv2.resize(full, (160, 120), interpolation=cv2.INTER_AREA).astype(float)
    right = render_box_room(camera.scaled(160, 120), pose(yaw=0.4))[0]
    naive = Camera(160, 120, camera.fx / 2, camera.fy / 2, camera.cx / 2, camera.cy / 2)
    wrong = render_box_room(naive, pose(yaw=0.4))[0]
    assert np.median(np.abs(right - small)) <= 1
    assert np.abs(wrong - small).mean() > 3 * np.abs(right - small).mean()


def test_cropped_image_is_that_of_the_cropped_camera() -> None:
    camera = Camera.from_fov(160, 120, 1.1)
    full, depth = render_box_room(camera, pose(x=0.2, yaw=-0.7))
    window, near = render_box_room(camera.cropped(30, 20, 80, 60), pose(x=0.2, yaw=-0.7))
    off = np.abs(window.astype(int) - full[20:80, 30:110])
    assert (off > 1).mean() < 1e-3  # rounding may decide otherwise on an edge
    assert np.median(np.abs(near / depth[20:80, 30:110] - 1)) < 1e-6


def test_projection_is_the_rectified_camera_and_scales_with_it() -> None:
    raw = Camera(752, 480, 458.6, 457.3, 367.2, 248.4, (-0.28, 0.07, 0.0, 0.0))
    assert not raw.is_rectified
    assert np.array_equal(raw.rectified().matrix, raw.matrix)
    assert raw.rectified().is_rectified
    stereo = Camera(752, 480, 458.6, 457.3, 367.2, 248.4, projection=(435.2, 435.2, 367.4, 252.2))
    assert not stereo.is_rectified
    rectified = stereo.rectified()
    assert (rectified.fx, rectified.cx, rectified.distortion) == (435.2, 367.4, ())
    assert stereo.scaled(376, 240).rectified() == rectified.scaled(376, 240)
    assert stereo.cropped(9, 8, 70, 60).rectified() == rectified.cropped(9, 8, 70, 60)


def test_what_is_rectified() -> None:
    assert CAMERA.is_rectified
    assert Camera(9, 9, 5, 5, 4, 4, distortion=(0.0,) * 5).is_rectified
    assert Camera(9, 9, 5, 5, 4, 4, projection=(5, 5, 4, 4)).is_rectified
    assert not Camera(9, 9, 5, 5, 4, 4, distortion=(0, 0, 0, 0.01)).is_rectified
    turned = tuple(cv2.Rodrigues(np.array([0, 0.01, 0]))[0].ravel())
    assert not Camera(9, 9, 5, 5, 4, 4, rotation=turned).is_rectified
    fish_eye = Camera(9, 9, 5, 5, 4, 4, distortion=(0.0,) * 4, model="equidistant")
    assert not fish_eye.is_rectified  # even without coefficients it is no pinhole


def test_from_fov_spans_the_field_of_view() -> None:
    camera = Camera.from_fov(640, 480, math.radians(90))
    left, right = (-0.5 - camera.cx) / camera.fx, (639.5 - camera.cx) / camera.fx
    assert math.degrees(math.atan(right) - math.atan(left)) == pytest.approx(90)
    assert (camera.cx, camera.cy, camera.fx) == (319.5, 239.5, camera.fy)


def test_focal_is_the_geometric_mean() -> None:
    assert Camera(9, 9, 400, 900, 4, 4).focal == pytest.approx(600)


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 480, 500, 500, 320, 240),
        (640, -1, 500, 500, 320, 240),
        (640, 480, 0, 500, 320, 240),
        (640, 480, 500, -500, 320, 240),
        (640, 480, math.nan, 500, 320, 240),
        (640, 480, 500, math.inf, 320, 240),
        (640, 480, 500, 500, math.nan, 240),
        (640, 480, 500, 500, 320, math.inf),
    ],
)
def test_impossible_cameras_are_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(FrameError, match=r"camera (size|intrinsics): expected"):
        Camera(*numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "extra",
    [
        {"distortion": (0.1, math.nan, 0.0, 0.0)},
        {"rotation": (math.inf,) + (0.0,) * 8},
        {"projection": (0.0, 500.0, 320.0, 240.0)},
        {"projection": (500.0, 500.0, math.nan, 240.0)},
    ],
)
def test_impossible_calibrations_are_refused(extra: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(FrameError, match="camera intrinsics"):
        Camera(640, 480, 500, 500, 320, 240, **extra)  # type: ignore[arg-type]


def test_frames_take_only_images_of_the_cameras_size() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    frame = Frame(1, "camera", image, CAMERA)
    with pytest.raises(FrozenInstanceError):
        frame.stamp_ns = 2  # type: ignore[misc]
    with pytest.raises(FrameError, match="image size: expected 640x480"):
        Frame(1, "camera", image[:, :639], CAMERA)
