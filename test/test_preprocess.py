# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rectification against the lens equations, and the network's input against its formula."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.frame import Camera, Frame, UInt8
from depth_ros.preprocess import Rectify, TakeRectified, ToInput, resized


def spec(**changes: object) -> EngineSpec:
    fields: dict[str, object] = {
        "network": "n",
        "weights": "n.onnx",
        "sha256": "",
        "inputs": (TensorSpec("image", (1, 3, 24, 32)),),
        "outputs": (TensorSpec("depth", (1, 1, 24, 32)),),
        "kind": "metres",
        "metric": True,
    }
    return EngineSpec(**{**fields, **changes})  # type: ignore[arg-type]


def smooth_image(height: int = 240, width: int = 320) -> UInt8:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = (127 + 100 * np.sin(x / 23), 127 + 100 * np.cos(y / 31), (x + y) / 3)
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def test_values_are_normalised_and_planes_are_rgb() -> None:
    image = np.full((48, 64, 3), (255, 0, 51), np.uint8)
    mean, std = (0.5, 0.25, 0.0), (0.5, 0.25, 2.0)
    planes = ToInput(spec(mean=mean, std=std))(image)["image"][0]
    assert np.allclose(planes[0], 1.0) and np.allclose(planes[1], -1.0)
    assert np.allclose(planes[2], 0.1)


@pytest.mark.parametrize("shape", [(1, 3, 24, 32), (1, 1, 3, 24, 32)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_inputs_may_have_views_in_front_and_half_precision(
    shape: tuple[int, ...], dtype: str
) -> None:
    expected = ToInput(spec())(smooth_image())["image"]
    found = ToInput(spec(inputs=(TensorSpec("image", shape, dtype),)))(smooth_image())["image"]
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
    assert np.allclose(found.reshape(expected.shape), expected, atol=1e-3)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_a_reversed_view_gives_the_same_input(color: str) -> None:
    image = smooth_image()
    view = np.ascontiguousarray(image[..., ::-1])[..., ::-1]
    to_input = ToInput(spec(color=color))
    expected = to_input(image)["image"].copy()
    assert np.array_equal(to_input(view)["image"], expected)
    assert np.allclose(expected[0, 0 if color == "rgb" else 2, 0].mean() * 255, 145, atol=40)


def test_shrinking_averages_and_keeps_the_mean() -> None:
    image = smooth_image()
    planes = ToInput(spec())(image)["image"][0]
    blocks = image.reshape(24, 10, 32, 10, 3).mean((1, 3)).transpose(2, 0, 1) / 255
    assert np.abs(planes - blocks).max() <= 0.6 / 255  # half a grey level of rounding


def test_shrinking_by_no_whole_factor_does_not_alias() -> None:
    stripes = np.zeros((60, 80, 3), np.uint8)
    stripes[:, ::2] = 200  # as fine as pixels are: bilinear at 2.5 pixels would beat from 0 to 200
    planes = ToInput(spec())(stripes)["image"] * 255  # 32x24
    assert np.abs(planes - 100).max() <= 0.5
    ramp = np.broadcast_to(np.arange(80, dtype=np.uint8)[:, None], (60, 80, 3))
    planes = ToInput(spec())(np.ascontiguousarray(ramp))["image"][0] * 255
    expected = (np.arange(32) + 0.5) * 2.5 - 0.5  # pixel centres stay where they are
    assert np.abs(planes - expected).max() <= 1.1  # halved and rounded, then rounded again


def test_an_ideal_camera_is_left_alone() -> None:
    frame = Frame(1, "c", smooth_image(), Camera(320, 240, 200, 200, 159.5, 119.5))
    assert Rectify()(frame) is frame


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_rectified_pixels_come_from_where_the_lens_puts_them(model: str) -> None:
    distortion = (0.12, -0.04, 0.002, -0.001) if model == "plumb_bob" else (0.05, -0.01, 0.0, 0.0)
    camera = Camera(
        320, 240, 210, 205, 161.0, 118.0, distortion, model, projection=(190, 190, 159.5, 119.5)
    )
    image = smooth_image()
    out = Rectify()(Frame(1, "c", image, camera))
    assert out.camera == Camera(320, 240, 190, 190, 159.5, 119.5)
    for u, v in [(160, 120), (80, 60), (250, 200), (40, 180)]:
        ray = np.array([[[(u - 159.5) / 190, (v - 119.5) / 190]]])
        if model == "plumb_bob":
            rays = np.array([[ray[0, 0, 0], ray[0, 0, 1], 1.0]])
            k, d = camera.matrix, np.array(distortion)
            raw, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), k, d)
        else:
            raw = cv2.fisheye.distortPoints(ray, camera.matrix, np.array(distortion))
        x, y = np.ravel(raw)
        expected = cv2.getRectSubPix(image.astype(np.float32)[..., 0], (1, 1), (x, y))[0, 0]
        assert abs(float(out.image[v, u, 0]) - expected) <= 1.5  # remap has 1/32 pixel steps


def test_a_rotation_turns_the_rays() -> None:
    angle = np.radians(4.0)  # about y: what was at the centre moves by f tan(4 deg)
    turn = (np.cos(angle), 0, np.sin(angle), 0, 1, 0, -np.sin(angle), 0, np.cos(angle))
    camera = Camera(320, 240, 200, 200, 159.5, 119.5, rotation=tuple(float(t) for t in turn))
    image = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(image, (160, 120), 3, (255, 255, 255), -1)
    out = Rectify()(Frame(1, "c", image, camera)).image[..., 0]
    column = (out.sum(0) * np.arange(320)).sum() / out.sum()
    assert abs(column - (160 + 200 * np.tan(angle))) < 0.5


def test_a_driver_rectified_image_only_changes_its_camera() -> None:
    camera = Camera(320, 240, 210, 205, 161, 118, (0.1, 0, 0, 0), projection=(190, 190, 160, 120))
    image = smooth_image()
    out = TakeRectified()(Frame(1, "c", image, camera))
    assert out.image is image and out.camera == Camera(320, 240, 190, 190, 160, 120)


def test_resized_keeps_an_image_of_the_right_size() -> None:
    image = smooth_image()
    assert resized(image, Camera(320, 240, 1, 1, 0, 0)) is image
    assert resized(image, Camera(160, 120, 1, 1, 0, 0)).shape == (120, 160, 3)


def test_a_reversed_view_is_resized_as_its_copy_is() -> None:
    image, camera = smooth_image(), Camera(160, 120, 1, 1, 0, 0)
    view = np.ascontiguousarray(image[..., ::-1])[..., ::-1]
    assert np.array_equal(resized(view, camera), resized(image, camera))
