# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What compare() says of networks whose difference is known exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import write_counting_engine, write_engine, write_tiny_engine

from depth_ros.accuracy import Accuracy, Sample, compare, motion_inputs
from depth_ros.engines import open_engine
from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.errors import EngineError
from depth_ros.frame import Camera

pytest.importorskip("openvino")
CAMERA = Camera(64, 48, 50.0, 50.0, 31.5, 23.5)


def sample(grey: int, **fields: object) -> Sample:
    return Sample(np.full((48, 64, 3), grey, np.uint8), CAMERA, **fields)  # type: ignore[arg-type]


def against(reference: Path, candidate: Path, samples: list[Sample]) -> Accuracy:
    engines = [open_engine(p, "openvino", precision="fp32") for p in (reference, candidate)]
    return compare(engines[0], engines[1], samples)


def test_depth_is_compared_with_the_reference_and_with_the_truth(tmp_path: Path) -> None:
    """At white, depth is 5 m and 7 m; at black it is 1 m in both."""
    one, other = write_tiny_engine(tmp_path / "a"), write_tiny_engine(tmp_path / "b", gain=6.0)
    truth = np.full((24, 32), 4.0, np.float32)
    found = against(one, other, [sample(255, truth=truth), sample(0)])
    assert found.frames == 2
    assert found.abs_rel == pytest.approx((2 / 5 + 0) / 2, rel=1e-5)
    assert found.delta1 == pytest.approx(0.5)
    assert found.max_abs == {"depth": pytest.approx(2.0, rel=1e-5)}
    assert found.truth["fp32"] == pytest.approx({"abs_rel": 0.25, "delta1": 0.0}, abs=1e-5)
    assert found.truth["engine"] == pytest.approx({"abs_rel": 0.75, "delta1": 0.0}, abs=1e-5)


def test_relative_networks_are_scaled_to_the_truth_but_not_to_fp32(tmp_path: Path) -> None:
    one = write_tiny_engine(tmp_path / "a", metric=False)
    other = write_tiny_engine(tmp_path / "b", gain=6.0, metric=False)
    found = against(one, other, [sample(255, truth=np.full((48, 64), 4.0, np.float32))])
    assert found.abs_rel == pytest.approx(0.4, rel=1e-5)
    assert found.truth["engine"]["abs_rel"] == pytest.approx(0, abs=1e-5)


def test_the_check_names_the_numbers(tmp_path: Path) -> None:
    one, other = write_tiny_engine(tmp_path / "a"), write_tiny_engine(tmp_path / "b", gain=6.0)
    found = against(one, other, [sample(255)])
    found.check(0.41)
    with pytest.raises(EngineError, match=r"int8 engine, on 1 .*at most 0\.3, got 0\.4000"):
        found.check(0.3, "int8 engine")


def test_depth_that_is_not_there_is_lost_not_overlooked(tmp_path: Path) -> None:
    one = write_tiny_engine(tmp_path / "a")
    other = write_tiny_engine(tmp_path / "b", gain=float("nan"))
    found = against(one, other, [sample(255)])
    assert (found.lost, found.abs_rel, found.max_abs["depth"]) == (1.0, np.inf, np.inf)
    with pytest.raises(EngineError, match=r"100.0 % of the depth lost"):
        found.check(1e9)


def test_each_engine_carries_its_own_state(tmp_path: Path) -> None:
    """One counts frames, the other counts them twice: 1, 2, 3 m against 2, 4, 6 m."""
    onnx = pytest.importorskip("onnx")
    one = write_counting_engine(tmp_path / "a")
    other = write_counting_engine(tmp_path / "b")
    model = onnx.load(other / "counting.onnx")
    model.graph.initializer[1].CopyFrom(onnx.numpy_helper.from_array(np.full(1, 2, "f4"), "b"))
    onnx.save(model, other / "counting.onnx")
    spec = EngineSpec.load(other / "spec.json")
    engines = [open_engine(one, "openvino", precision="fp32")]
    from depth_ros.engines.ov import OvEngine

    engines.append(OvEngine(other / "counting.onnx", spec, "CPU", "fp32", 1))
    found = compare(*engines, [sample(0), sample(0), sample(0)])
    assert found.abs_rel == pytest.approx(1.0)
    assert found.max_abs["count_next"] == 3.0
    starting = compare(*engines, [sample(0), sample(0), sample(0, starts=True)])
    assert starting.max_abs["count_next"] == 2.0


def write_pose_engine(folder: Path, gain: float) -> Path:
    """Motion is ``gain`` times the mean of each channel, of both images."""
    onnx = pytest.importorskip("onnx")
    factor = onnx.numpy_helper.from_array(np.full(1, gain, np.float32), "g")
    nodes = [
        onnx.helper.make_node("ReduceMean", ["pair"], ["mean"], axes=[2, 3], keepdims=0),
        onnx.helper.make_node("Mul", ["mean", "g"], ["motion"]),
    ]
    pair, motion = TensorSpec("pair", (1, 6, 48, 64)), TensorSpec("motion", (1, 6))
    return write_engine(folder, "pose", nodes, [factor], (pair,), (motion,), kind="motion")


def test_motion_is_compared_by_rotation_and_translation(tmp_path: Path) -> None:
    """Rotation comes of the previous image (0.2), translation of the present one (1)."""
    one, other = write_pose_engine(tmp_path / "a", 1.0), write_pose_engine(tmp_path / "b", 1.1)
    found = against(one, other, [sample(51), sample(255)])
    assert found.frames == 1 and found.delta1 is None
    assert found.max_abs["rotation"] == pytest.approx(0.02, rel=1e-4)
    assert found.max_abs["translation"] == pytest.approx(0.1, rel=1e-4)
    assert found.abs_rel == pytest.approx(0.1, rel=1e-4)


def test_pairs_do_not_reach_over_a_start(tmp_path: Path) -> None:
    spec = EngineSpec.load(write_pose_engine(tmp_path / "a", 1.0) / "spec.json")
    samples = [sample(0), sample(51), sample(102, starts=True), sample(255)]
    pairs = [i["pair"][0, ::3, 0, 0] for i in motion_inputs(samples, spec)]
    assert np.allclose(pairs, [[0, 0.2], [0.4, 1.0]])


def test_nothing_to_compare_is_an_error(tmp_path: Path, tiny_engine: Path) -> None:
    with pytest.raises(EngineError, match="one image or more"):
        against(tiny_engine, tiny_engine, [])
    pose = write_pose_engine(tmp_path / "pose", 1.0)
    with pytest.raises(EngineError, match="two images in a row"):
        against(pose, pose, [sample(0)])


def test_the_facts_are_plain_numbers(tiny_engine: Path) -> None:
    facts = against(tiny_engine, tiny_engine, [sample(9)]).facts()
    zero = {"frames": 1, "abs_rel": 0, "delta1": 1, "lost": 0, "max_abs": {"depth": 0}}
    assert facts == zero
