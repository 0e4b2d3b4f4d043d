# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_eval on ego-motion of engines: a pose network that is known, visual odometry for real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_engine, write_tiny_engine
from recordings import SMALL, write_recording

from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.training.evaluation.cli import main

DataDir = Callable[[str], Path]
ZOO = Path(__file__).resolve().parent.parent / "engines"


def _entry(folder: Path, motion: list[float]) -> Path:
    """A network of depth, and one that returns this axis-angle and translation for any pair."""
    onnx = pytest.importorskip("onnx")
    weights = [
        onnx.numpy_helper.from_array(np.zeros((6, 6, 1, 1), np.float32), "zero"),
        onnx.numpy_helper.from_array(np.array(motion, np.float32), "motion_is"),
    ]
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        onnx.helper.make_node("Conv", ["means", "zero", "motion_is"], ["mixed"]),
        onnx.helper.make_node("Flatten", ["mixed"], ["motion"]),
    ]
    tensors = (TensorSpec("images", (1, 6, 48, 64)),), (TensorSpec("motion", (1, 6)),)
    entry = write_tiny_engine(folder / "entry")
    write_engine(folder / "pose", "pose", nodes, weights, *tensors, kind="motion")
    shutil.copy(folder / "pose/pose.onnx", entry)
    pose = EngineSpec.load(folder / "pose/spec.json")
    replace(EngineSpec.load(entry / "spec.json"), pose=pose).save(entry / "spec.json")
    return entry


def _recording(folder: Path, poses: np.ndarray) -> Path:
    """Grey images without depth, in the uniform layout."""
    images = [np.full((48, 64, 3), 51, np.uint8) for _ in poses]
    meta = {"name": "grey", "frames": len(poses), **SMALL, "depth": None, "poses": "yes"}
    return write_recording(folder, images, (), poses, suffix="jpg", **meta)


def _evaluate(folder: Path, *arguments: object) -> dict[str, Any]:
    out = folder / "out.json"
    assert main([*map(str, arguments), "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_a_pose_network_that_knows_the_way_but_not_its_length(tmp_path: Path) -> None:
    """It turns 2 degrees to the right and goes 0.25 on for each frame; in truth it is 0.5 m.

    The network's translation is that of points, from this camera to the next.
    """
    pytest.importorskip("onnxruntime")
    turn = np.radians(2.0)
    next_from_this = np.eye(4)
    next_from_this[0, 0] = next_from_this[2, 2] = np.cos(turn)
    next_from_this[0, 2], next_from_this[2, 0] = -np.sin(turn), np.sin(turn)
    next_from_this[2, 3] = -0.5
    poses = [np.eye(4)]
    for _ in range(8):
        poses.append(poses[-1] @ np.linalg.inv(next_from_this))
    walk = _recording(tmp_path / "walk", np.array(poses))
    entry = _entry(tmp_path, [0, -float(turn), 0, 0, 0, -0.25])
    asked = "--engine", entry, "--backend", "onnxruntime", "--truth", walk
    snippets = _evaluate(tmp_path, "--protocol", "ate_snippets", *asked)
    assert snippets["snippets"] == 5
    assert snippets["ate"] == pytest.approx(0, abs=1e-5)
    assert snippets["re"] == pytest.approx(0, abs=1e-3)
    assert snippets["lost"] == 0
    whole = _evaluate(tmp_path, "--protocol", "ate", *asked)
    assert whole["scale"] == pytest.approx(2, rel=1e-4)
    assert whole["ate"] == pytest.approx(0, abs=1e-4)
    assert whole["ate_rigid"] > 0.1
    still = _entry(tmp_path / "still", [0, 0, 0, 0, 0, -0.25])
    asked = "--engine", still, "--backend", "onnxruntime", "--truth", walk
    straight = _evaluate(tmp_path, "--protocol", "ate_snippets", *asked)
    assert straight["re"] == pytest.approx(np.radians(4.0), rel=1e-3)  # 0, 2, 4, 6, 8 degrees
    assert straight["ate"] > 0.01


def test_visual_odometry_on_the_depth_of_an_entry(data_dir: DataDir, tmp_path: Path) -> None:
    """24 frames of a room: the true path is found to a few centimetres up to scale."""
    pytest.importorskip("openvino")
    part = f"{data_dir('icl_livingroom1')}:100:124"
    asked = "--engine", ZOO / "fastdepth_indoor", "--truth", part
    found = _evaluate(tmp_path, "--protocol", "ate", *asked)
    assert found["frames"] == 24
    assert found["lost"] == 0
    assert found["path_m"] > 0.1
    assert found["ate"] < 0.1 * found["path_m"]
    assert any("visual odometry" in line for line in found["done"])
