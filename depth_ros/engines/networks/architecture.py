# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the rest of the package has to know about a network: one Architecture for each variant."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from torch import Tensor, nn

from depth_ros.engines.spec import EngineSpec, TensorSpec
from depth_ros.errors import EngineError

State = dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """One engine of a network: a module whose forward takes and returns the engine's tensors.

    ``inputs`` and ``outputs`` name them in order, for a batch of 1; with more than one output,
    forward returns a tuple. ``facts`` are the other fields of this engine's EngineSpec: kind,
    metric, mean, std, gain, states ...
    """

    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Architecture:
    """A variant of a network.

    ``build`` makes the module, with random weights, from a frozen dataclass like ``config``; all
    that is trained is in it, under the official key names. ``parts`` gives the engines of such a
    module for images of (width, height): "depth", and "pose" where it has a pose network.
    ``read`` turns the official files, as {file name: its tensors}, into the module's state dict;
    what has no place in the module is dropped there by name, so that all else can be strict.
    ``options`` gives the fields of the config that those files imply, as {file name: all that it
    has, numbers and flags too}.
    """

    config: Any
    build: Callable[[Any], nn.Module]
    parts: Callable[[nn.Module, int, int], Mapping[str, Part]]
    size: tuple[int, int]  # (width, height) in the paper
    size_multiple: int
    paper: str
    files: tuple[str, ...] = ("checkpoint",)  # what the official code saves, as depth_cli names it
    optional_files: tuple[str, ...] = ()
    read: Callable[[Mapping[str, State]], State] = field(
        default=lambda files: next(iter(files.values()))
    )
    options: Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, Any]] = field(
        default=lambda files: {}
    )


def read_options(config: Any, options: Mapping[str, Any]) -> Any:
    """The architecture's config with the options of a spec; EngineError for what it lacks."""
    hints = get_type_hints(type(config))
    if unknown := sorted(options.keys() - hints.keys()):
        raise EngineError("options of the network", expected=sorted(hints), got=unknown)
    # JSON has lists where the dataclasses have tuples.
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return dataclasses.replace(config, **values)
    except (TypeError, ValueError) as error:
        raise EngineError(f"options of the network: {error}") from error


def default_spec(name: str, architecture: Architecture, part: Part, /, **facts: Any) -> EngineSpec:
    """The spec of a part, without weights yet; ``facts`` replace the architecture's own."""
    known = {"size_multiple": architecture.size_multiple, **part.facts, **facts}
    tensors = {"inputs": part.inputs, "outputs": part.outputs}
    empty = {"network": name, "weights": "none", "sha256": ""}
    return EngineSpec(**{**empty, **tensors, **known})
