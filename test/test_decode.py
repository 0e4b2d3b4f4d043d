# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Raw output to metres: kinds, canonical focal length, sizes, limits."""

from __future__ import annotations

import numpy as np
import pytest
from test_preprocess import spec

from depth_ros.decode import EDGE_STEP, Decode, Limit
from depth_ros.engines.spec import TensorSpec
from depth_ros.frame import Camera

CAMERA = Camera(320, 240, 200, 180, 159.5, 119.5)


def raw(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"depth": np.broadcast_to(values, (1, 1, 24, 32)).astype(np.float32)}


@pytest.mark.parametrize(
    ("kind", "value"), [("metres", 2.5), ("log_depth", np.log(2.5)), ("inverse_depth", 0.4)]
)
def test_every_kind_becomes_metres(kind: str, value: float) -> None:
    depth, _, camera = Decode(spec(kind=kind), "network")(raw(np.array(value)), CAMERA)
    assert np.allclose(depth, 2.5, rtol=1e-6)
    assert camera == CAMERA.scaled(32, 24)


def test_gain_and_offset_come_before_the_meaning() -> None:
    said = {"gain": 2.0, "offset": 0.5}
    for kind, expected in (("metres", 2.5), ("log_depth", np.exp(2.5)), ("inverse_depth", 0.4)):
        depth, _, _ = Decode(spec(kind=kind, **said), "network")(raw(np.array(1.0)), CAMERA)
        assert np.allclose(depth, expected, rtol=1e-6)


def test_disparity_is_in_pixels_of_the_networks_image() -> None:
    decode = Decode(spec(kind="disparity", baseline_m=0.3), "network")
    depth, _, _ = decode(raw(np.array(1.5)), CAMERA)
    assert np.allclose(depth, 20 * 0.3 / 1.5, rtol=1e-6)  # fx shrinks from 200 to 20
    depth, _, _ = decode(raw(np.array(0.0)), CAMERA)
    assert (depth > 1e6).all()  # infinitely far


@pytest.mark.parametrize("shape", [(24, 32), (1, 24, 32), (1, 1, 24, 32), (1, 1, 1, 24, 32)])
def test_outputs_may_have_any_sizes_of_one_in_front(shape: tuple[int, ...]) -> None:
    outputs = (TensorSpec("depth", shape),)
    values = np.arange(24 * 32, dtype=np.float32).reshape(shape) + 1
    depth, _, _ = Decode(spec(outputs=outputs), "network")({"depth": values}, CAMERA)
    assert np.array_equal(depth, values.reshape(24, 32))


@pytest.mark.parametrize("size", ["network", "image"])
def test_an_output_smaller_than_the_input_has_its_own_camera(size: str) -> None:
    """The canonical focal length and disparity still count pixels of the input."""
    outputs = (TensorSpec("depth", (1, 1, 12, 16)),)
    decode = Decode(
        spec(outputs=outputs, kind="disparity", baseline_m=0.3, canonical_focal_px=10.0),
        size,  # type: ignore[arg-type]
    )
    values = np.full((1, 1, 12, 16), 1.5, np.float16)
    depth, confidence, camera = decode({"depth": values}, CAMERA)
    expected = CAMERA.scaled(16, 12) if size == "network" else CAMERA
    assert camera == expected and depth.shape == (expected.height, expected.width)
    assert depth.dtype == confidence.dtype == np.float32
    assert np.allclose(depth, 20 * 0.3 / 1.5 * np.sqrt(20 * 18) / 10, rtol=1e-6)


def test_the_canonical_focal_length_scales_depth() -> None:
    decode = Decode(spec(canonical_focal_px=30.0), "network")
    depth, _, _ = decode(raw(np.array(2.0)), CAMERA)
    focal = np.sqrt(200 * 180) / 10  # both axes shrink by 10
    assert np.allclose(depth, 2.0 * focal / 30.0, rtol=1e-6)


def test_the_networks_output_is_not_changed() -> None:
    outputs = {"depth": np.full((1, 1, 24, 32), 2.0, np.float32)}
    depth, confidence, _ = Decode(spec(canonical_focal_px=30.0), "network")(outputs, CAMERA)
    Limit(0.1, 1.0)(depth, confidence)
    assert (outputs["depth"] == 2.0).all()


def test_an_image_sized_plane_stays_a_plane() -> None:
    ramp = 1 + np.arange(32) / 32
    depth, _, camera = Decode(spec(), "image")(raw(ramp), CAMERA)
    assert camera == CAMERA and depth.shape == (240, 320)
    x = (np.arange(320) + 0.5) / 10 - 0.5  # pixel centres in network pixels
    inside = slice(10, 310)
    assert np.allclose(depth[120, inside], 1 + x[inside] / 32, atol=1e-5)


def test_confidence_is_one_on_a_plane_and_falls_at_an_edge() -> None:
    step = np.where(np.arange(32) < 16, 2.0, 2.0 * (1 + 2 * EDGE_STEP))
    _, confidence, _ = Decode(spec(), "network")(raw(step), CAMERA)
    assert (confidence[:, :14] == 1).all() and (confidence[:, 18:] == 1).all()
    assert np.allclose(confidence[5, 15], 0.5)  # the slope there is EDGE_STEP of the depth


def test_limits_make_nan_and_never_clip() -> None:
    depth = np.array([[0.05, 0.1, 5.0, 10.0, 10.1, np.nan, np.inf, -1.0]], np.float32)
    confidence = np.ones_like(depth)
    depth, confidence = Limit(0.1, 10.0)(depth, confidence)
    assert np.array_equal(np.isnan(depth)[0], [1, 0, 0, 0, 1, 1, 1, 1])
    assert np.array_equal(confidence[0], [0, 1, 1, 1, 0, 0, 0, 0])
    assert np.array_equal(depth[0, 1:4], np.float32([0.1, 5.0, 10.0]))


def test_a_network_that_returns_rubbish_gives_invalid_depth() -> None:
    values = np.zeros((24, 32))
    values[3, 4], values[10, 10], values[20, 20] = np.nan, np.inf, -3
    depth, confidence, _ = Decode(spec(), "network")(raw(values), CAMERA)
    depth, confidence = Limit(0.1, 10.0)(depth, confidence)
    assert np.isnan(depth).all() and (confidence == 0).all()
