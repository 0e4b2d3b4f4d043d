# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Torch weights out of what an entry of the zoo stores: safetensors, or the ONNX that we exported.

Our ONNX files keep the names of the torch module's state, so that one file serves the robot, the
trainer and the refinement.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from depth_ros.engines.networks import NETWORKS, Architecture, read_options
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError

COUNTER = "num_batches_tracked"  # of batch norm: nothing that the network computes with


def state_of(path: Path) -> dict[str, Tensor]:
    """The named tensors of a .safetensors or .onnx file; EngineError if it cannot be read."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: dict[str, Tensor] = load_file(path)
            return state
        return _initializers(path)
    except ImportError as error:
        raise EngineError(
            f"cannot read {path}: {error}", fix=f"pip install {error.name}"
        ) from error
    except Exception as error:  # of protobuf and of safetensors, which share no base
        raise EngineError(f"cannot read the weights of {path}: {error}") from error


def load_state(network: nn.Module, state: dict[str, Tensor], what: str) -> None:
    """Loads all of it, strictly; EngineError lists every key or shape that does not fit."""
    own = network.state_dict()
    missing = [k for k in own if k not in state and not k.endswith(COUNTER)]
    unexpected = [k for k in state if k not in own]
    shapes = other_shapes(state, own)
    problems = {"missing": missing, "unexpected": unexpected, "other shapes": shapes}
    if any(problems.values()):
        raise EngineError(
            f"{what} does not fit {type(network).__name__}",
            expected=f"its {len(own)} tensors",
            got=listed(problems),
            fix="Name the network, or the variant, that the weights were trained for.",
        )
    network.load_state_dict(state, strict=False)  # strict but for the counters, as checked above


def other_shapes(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """A line for every tensor of ``state`` whose shape is not that of the same one in ``own``."""
    return [
        f"{k}: {tuple(v.shape)}, expected {tuple(own[k].shape)}"
        for k, v in state.items()
        if k in own and v.shape != own[k].shape
    ]


def listed(problems: Mapping[str, list[str]]) -> str:
    """``missing: a, b; other shapes: c`` of those kinds of problems that there are."""
    return "; ".join(f"{name}: {', '.join(keys)}" for name, keys in problems.items() if keys)


def load_network(folder: Path, spec: EngineSpec) -> tuple[Architecture, nn.Module]:
    """The architecture of an entry's depth network and the module, in eval mode.

    Where the entry has a pose network too, the module has both. EngineError for a foreign ONNX
    file, of which only the graph is known.
    """
    if spec.architecture not in NETWORKS:
        raise EngineError(
            f"torch module of {spec.network}",
            expected=f"an architecture among {', '.join(NETWORKS)}",
            got=repr(spec.architecture),
            fix="A foreign ONNX file runs on the other backends, and cannot be trained.",
        )
    architecture = NETWORKS[spec.architecture]
    network = architecture.build(read_options(architecture.config, spec.options))
    state = state_of(folder / spec.weights)
    if spec.pose is not None:
        state |= state_of(folder / spec.pose.weights)
    load_state(network, state, f"the weights of {spec.network}")
    return architecture, network.eval()


def _initializers(path: Path) -> dict[str, Tensor]:
    import onnx

    graph = onnx.load(path).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    graph_own = ("onnx::", "/")  # how the exporter names constants that are no weights
    return {
        name: torch.from_numpy(array.copy())
        for name, array in arrays.items()
        if not name.startswith(graph_own)
    }
