# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Callable[[str], Path]:
    """data_dir(name): a folder of real data; the test is skipped where there is none."""
    base = Path(os.environ.get("DEPTH_ROS_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        folder = base / name
        if not folder.exists():
            pytest.skip(f"no {name} in {base} (set DEPTH_ROS_DATA)")
        return folder

    return find


@pytest.fixture
def tiny_engine(tmp_path: Path) -> Path:
    """The folder of a network of one convolution: depth = 1 + 4 * mean of r, g, b in [0, 1].

    It sees 64x48 pixels and is metric, so that a grey level has an exact depth.
    """
    return write_tiny_engine(tmp_path / "tiny")


def write_tiny_engine(folder: Path, *, gain: float = 4.0, **changes: object) -> Path:
    """Writes tiny_engine's ONNX and spec; ``changes`` replace fields of the spec."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    from depth_ros.engines.spec import EngineSpec, TensorSpec, sha256

    weight = onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), gain / 3, np.float32), "w")
    bias = onnx.numpy_helper.from_array(np.ones(1, np.float32), "b")
    node = onnx.helper.make_node("Conv", ["image", "w", "b"], ["depth"])
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "tiny",
        [make("image", onnx.TensorProto.FLOAT, [1, 3, 48, 64])],
        [make("depth", onnx.TensorProto.FLOAT, [1, 1, 48, 64])],
        [weight, bias],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    folder.mkdir(parents=True)
    onnx.save(model, folder / "tiny.onnx")
    fields: dict[str, object] = {
        "network": "tiny",
        "weights": "tiny.onnx",
        "sha256": sha256(folder / "tiny.onnx"),
        "inputs": (TensorSpec("image", (1, 3, 48, 64)),),
        "outputs": (TensorSpec("depth", (1, 1, 48, 64)),),
        "kind": "metres",
        "metric": True,
        "opset": 17,
    }
    EngineSpec(**{**fields, **changes}).save(folder / "spec.json")  # type: ignore[arg-type]
    return folder
