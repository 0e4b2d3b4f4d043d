# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The names of the weights in an exported ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.engines.weights import COUNTER
from depth_ros.errors import EngineError


def keep_names(
    path: Path, names: Mapping[str, str], state: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Makes every tensor of ``state`` an initializer of the file under its name.

    ``names`` maps the names that the exporter gave to those of ``state``. Tensors that the
    exporter stored once because they were equal are stored one by one again, and those that only
    training uses travel along. EngineError if the exporter has changed a tensor.
    """
    try:
        import onnx
    except ImportError as error:
        raise EngineError(f"cannot edit {path}: {error}", fix="pip install onnx") from error
    model = onnx.load(path)
    graph = model.graph
    _split_shared(graph)
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    found = {i.name: i for i in graph.initializer}
    for name, value in state.items():
        if name.endswith(COUNTER):
            continue
        if name not in found:
            graph.initializer.append(onnx.numpy_helper.from_array(value, name))
        elif not np.array_equal(onnx.numpy_helper.to_array(found[name]), value, equal_nan=True):
            raise EngineError(f"exported weights {name}", expected="those of torch", got="others")
    onnx.save(model, path)


def _split_shared(graph: Any) -> None:
    """Replaces an Identity of an initializer by an initializer of its own."""
    shared = {i.name: i for i in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in shared:
            copy = graph.initializer.add()
            copy.CopyFrom(shared[node.input[0]])
            copy.name = node.output[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
