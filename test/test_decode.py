# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Raw output to metres: kinds, canonical focal length, sizes, limits."""

from __future__ import annotations

import numpy as np
import pytest
from test_preprocess import spec

from depth_ros.decode import EDGE_STEP, Decode, Limit
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
