# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo to Camera: what the message's definition says, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from depth_ros import messages
from depth_ros.errors import FrameError
from depth_ros.frame import IDENTITY, Camera

K = [400.0, 0.0, 319.5, 0.0, 410.0, 239.5, 0.0, 0.0, 1.0]
P = [390.0, 0.0, 322.0, 0.0, 0.0, 395.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def make_info(**fields: object) -> CameraInfo:
    values = {"width": 640, "height": 480, "k": K, "distortion_model": "plumb_bob", **fields}
    for name in ("k", "r", "p"):
        if name in values:
            values[name] = np.array(values[name], np.float64)
    return CameraInfo(**values)


def test_a_full_camera_info() -> None:
    c, s = math.cos(0.1), math.sin(0.1)
    rotation = (c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c)
    d = (0.1, -0.2, 0.001, 0.002, 0.03)
    camera = messages.camera_from_info(make_info(d=list(d), r=rotation, p=P))
    expected = Camera(
        640, 480, 400, 410, 319.5, 239.5, d, "plumb_bob", rotation, (390.0, 395.0, 322.0, 241.0)
    )
    assert camera == expected
    assert messages.camera_from_info(messages.camera_to_info(camera, 0, "cam")) == expected


def test_zeros_mean_nothing_given() -> None:
    camera = messages.camera_from_info(make_info(d=[0.0] * 5, r=[0] * 9, p=[0] * 12))
    assert camera == Camera(640, 480, 400, 410, 319.5, 239.5)
    assert camera.rotation == IDENTITY
    assert camera.is_rectified


@pytest.mark.parametrize(
    ("name", "d", "model", "distortion"),
    [
        ("plumb_bob", [], "plumb_bob", ()),
        ("plumb_bob", [0.1, 0.2, 0.3, 0.4], "plumb_bob", (0.1, 0.2, 0.3, 0.4)),
        ("rational_polynomial", [0.1] * 8, "rational_polynomial", (0.1,) * 8),
        ("rational_polynomial", [0.1] * 8 + [0.0] * 6, "rational_polynomial", (0.1,) * 8),
        ("equidistant", [0.1, 0.2, 0.3, 0.4], "equidistant", (0.1, 0.2, 0.3, 0.4)),
        ("fisheye", [0.1, 0.2, 0.3, 0.4], "equidistant", (0.1, 0.2, 0.3, 0.4)),
        ("equidistant", [0.1, 0.2, 0.3, 0.4, 0.0], "equidistant", (0.1, 0.2, 0.3, 0.4)),
        ("", [], "plumb_bob", ()),
        ("none", [0.0, 0.0], "plumb_bob", ()),
    ],
)
def test_distortion_models(
    name: str, d: list[float], model: str, distortion: tuple[float, ...]
) -> None:
    camera = messages.camera_from_info(make_info(distortion_model=name, d=d))
    assert (camera.model, camera.distortion) == (model, distortion)


def sensor_pixel(camera: Camera, point: np.ndarray) -> np.ndarray:
    return np.array(
        [
            camera.fx * point[0] / point[2] + camera.cx,
            camera.fy * point[1] / point[2] + camera.cy,
        ]
    )


@pytest.mark.parametrize("rectify", [False, True])
def test_region_and_binning_see_the_same_point(rectify: bool) -> None:
    """A block of binning pixels is one pixel, whose centre is the middle of theirs."""
    point = np.array([0.31, -0.2, 1.7])
    whole = messages.camera_from_info(make_info(p=P))
    roi = RegionOfInterest(x_offset=101, y_offset=52, width=303, height=201, do_rectify=rectify)
    camera = messages.camera_from_info(make_info(p=P, roi=roi, binning_x=2, binning_y=4))
    assert (camera.width, camera.height) == (151, 50)  # 303 // 2, 201 // 4
    full = sensor_pixel(whole, point)
    expected = (full - [101, 52] - [0.5, 1.5]) / [2, 4]  # centres of 2 and 4 pixels from theirs
    np.testing.assert_allclose(sensor_pixel(camera, point), expected, rtol=1e-12)
    np.testing.assert_allclose(
        sensor_pixel(camera.rectified(), point),
        (sensor_pixel(whole.rectified(), point) - [101.5, 53.5]) / [2, 4],
        rtol=1e-12,
    )


def test_binning_alone_and_the_full_region() -> None:
    full = RegionOfInterest(width=640, height=480)
    plain = messages.camera_from_info(make_info())
    for fields in ({"roi": full}, {"binning_x": 1, "binning_y": 1}, {"roi": full, "binning_x": 1}):
        assert messages.camera_from_info(make_info(**fields)) == plain
    halved = messages.camera_from_info(make_info(binning_x=2, binning_y=2))
    assert halved == plain.scaled(320, 240)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 0}, "0x480"),
        ({"height": 0}, "640x0"),
        ({"width": 2**32 - 1}, "4294967295"),
        ({"k": [0.0] * 9}, "not calibrated"),
        ({"k": [math.nan, *K[1:]]}, "camera_info K: expected finite"),
        ({"k": [400.0, 3.0, *K[2:]]}, "skew"),
        ({"k": [-400.0, *K[1:]]}, "positive focal"),
        ({"p": [math.inf, *P[1:]]}, "camera_info P: expected finite"),
        ({"p": [0.0, *P[1:]]}, "positive focal"),
        ({"d": [0.1, math.nan, 0, 0, 0.0]}, "camera_info D: expected finite"),
        ({"d": [0.1, 0.2, 0.3]}, "0 or 4 or 5 coefficients, got 3"),
        ({"d": [0.1] * 6}, "0 or 4 or 5 coefficients, got 6"),
        ({"distortion_model": "kannala", "d": [0.1] * 4}, "'kannala'"),
        ({"distortion_model": "", "d": [0.1] * 4}, "one of plumb_bob"),
        ({"r": [2.0, 0, 0, 0, 1, 0, 0, 0, 1]}, "a rotation"),
        ({"r": [1e200] * 9}, "a rotation"),
        ({"r": [1.0, 0, 0, 0, 1, 0, 0, 0, -1]}, "a reflection"),
        ({"r": [math.nan] * 9}, "camera_info R: expected finite"),
        ({"roi": RegionOfInterest(x_offset=600, width=41, height=480)}, "41x480 at"),
        ({"roi": RegionOfInterest(x_offset=5)}, "0x0 at"),
        ({"binning_x": 641}, "binning"),
    ],
)
def test_what_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(FrameError, match=said):
        messages.camera_from_info(make_info(**fields))
