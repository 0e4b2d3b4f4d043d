# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_ros.engines.spec import TensorSpec

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, nor what it starts, sees or changes the user's cache and zoo."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DEPTH_ROS_CACHE", "DEPTH_ROS_ZOO"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


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
def one_thread() -> Iterator[None]:
    """Several threads of torch only get into each other's way on what is this small."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny_engine(tmp_path: Path) -> Path:
    """The folder of a network of one convolution: depth = 1 + 4 * mean of r, g, b in [0, 1].

    It sees 64x48 pixels and is metric, so that a grey level has an exact depth.
    """
    return write_tiny_engine(tmp_path / "tiny")


def write_tiny_engine(folder: Path, *, gain: float = 4.0, **changes: object) -> Path:
    """Writes tiny_engine's ONNX and spec; ``changes`` replace fields of the spec."""
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), gain / 3, np.float32), "w")
    bias = onnx.numpy_helper.from_array(np.ones(1, np.float32), "b")
    node = onnx.helper.make_node("Conv", ["image", "w", "b"], ["depth"])
    image, depth = TensorSpec("image", (1, 3, 48, 64)), TensorSpec("depth", (1, 1, 48, 64))
    return write_engine(folder, "tiny", [node], [weight, bias], (image,), (depth,), **changes)


def write_counting_engine(folder: Path, **changes: object) -> Path:
    """Writes a recurrent network: its depth, and its state, is the number of frames so far."""
    onnx = pytest.importorskip("onnx")
    zero = onnx.numpy_helper.from_array(np.zeros((1, 3, 1, 1), np.float32), "w")
    one = onnx.numpy_helper.from_array(np.ones(1, np.float32), "b")
    nodes = [
        onnx.helper.make_node("Conv", ["image", "w", "b"], ["ones"]),
        onnx.helper.make_node("Add", ["ones", "count"], ["count_next"]),
        onnx.helper.make_node("Identity", ["count_next"], ["depth"]),
    ]
    shape = (1, 1, 48, 64)
    inputs = (TensorSpec("image", (1, 3, 48, 64)), TensorSpec("count", shape))
    outputs = (TensorSpec("depth", shape), TensorSpec("count_next", shape))
    changes = {"states": (("count", "count_next"),), **changes}
    return write_engine(folder, "counting", nodes, [zero, one], inputs, outputs, **changes)


def write_engine(
    folder: Path,
    name: str,
    nodes: list[Any],
    weights: list[Any],
    graph_inputs: tuple[TensorSpec, ...],
    graph_outputs: tuple[TensorSpec, ...],
    **changes: object,
) -> Path:
    """Writes NAME.onnx of these nodes and its spec.json, metres unless ``changes`` say else."""
    onnx = pytest.importorskip("onnx")

    from depth_ros.engines.spec import EngineSpec, sha256

    def declare(tensors: tuple[TensorSpec, ...]) -> list[Any]:
        make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
        return [make(t.name, kind, list(t.shape)) for t in tensors]

    tensors = declare(graph_inputs), declare(graph_outputs)
    graph = onnx.helper.make_graph(nodes, name, *tensors, weights)
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    folder.mkdir(parents=True)
    onnx.save(model, folder / f"{name}.onnx")
    fields: dict[str, Any] = {
        "network": name,
        "weights": f"{name}.onnx",
        "sha256": sha256(folder / f"{name}.onnx"),
        "inputs": graph_inputs,
        "outputs": graph_outputs,
        "kind": "metres",
        "metric": True,
        "opset": 17,
    }
    EngineSpec(**{**fields, **changes}).save(folder / "spec.json")
    return folder
