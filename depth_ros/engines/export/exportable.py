# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What can be exported: an entry of the zoo, or what a training run has saved."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from depth_ros.engines.checkpoints import read_file
from depth_ros.engines.networks import NETWORKS, Architecture, Part, read_options
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.weights import load_network, load_state
from depth_ros.engines.zoo.importer import spec_of_parts
from depth_ros.errors import EngineError

Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Exportable:
    """A network with its weights, the spec of what is to be written, and its card so far."""

    architecture: Architecture
    module: nn.Module
    spec: EngineSpec
    card: str | None
    sources: tuple[Path, ...] = ()

    def facts(self) -> dict[str, str]:
        """What the card says of the network itself."""
        count = sum(p.numel() for p in self.module.parameters())
        return {
            "Network": self.spec.architecture,
            "Paper": self.architecture.paper,
            "Parameters": f"{count:,}",
        }


def from_entry(folder: Path, size: Size | None = None, name: str = "") -> Exportable:
    """An entry of ours, safetensors or ONNX, for images of ``size`` (width, height).

    ``name`` is what the entry that is written shall be called, if not like this one.
    """
    spec = EngineSpec.load(folder / "spec.json")
    architecture, module = load_network(folder, spec)
    parts = parts_at(architecture, module, size or spec.input_size)
    pose = spec.pose and _with_tensors(spec.pose, parts["pose"])
    card = folder / "CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else None
    pose = pose and dataclasses.replace(pose, network=f"{name}_pose" if name else pose.network)
    changed = dataclasses.replace(
        _with_tensors(spec, parts["depth"]), network=name or spec.network, pose=pose
    )
    return Exportable(architecture, module, changed, text)


def from_checkpoint(path: Path, name: str, size: Size | None = None, **facts: Any) -> Exportable:
    """The averaged network of a checkpoint of depth_train, at its last stage's size by default.

    ``facts`` are fields of the spec, such as licence and description; empty ones are what the
    run's own settings say. At another ``size`` the field of view is the same, so that a canonical
    focal length grows with it. EngineError if the file is something else or does not fit.
    """
    saved = read_file(path)
    try:
        network, config, state = saved["network"], saved["config"], saved["state"]
        architecture = NETWORKS[network]
        trained = (config["stages"][-1]["width"], config["stages"][-1]["height"])
        options, known = _said(saved, config, trained)
    except (KeyError, IndexError, TypeError) as error:
        raise EngineError(
            f"cannot use {path}: {error!r}", fix="Name a checkpoint.pt of depth_train."
        ) from error
    size = size or trained
    if known.get("canonical_focal_px"):
        known["canonical_focal_px"] *= math.sqrt(math.prod(size) / math.prod(trained))
    module = architecture.build(read_options(architecture.config, options))
    load_state(module, state, str(path))
    said = {key: value for key, value in facts.items() if value != ""}
    more = {"architecture": network, "options": as_json(options), **known, **said}
    spec = spec_of_parts(name, architecture, parts_at(architecture, module, size), more)
    return Exportable(architecture, module.eval(), spec, None, (path,))


def parts_at(architecture: Architecture, module: nn.Module, size: Size) -> Mapping[str, Part]:
    """The engines of a module for images of ``size``; EngineError for a size it cannot take."""
    multiple = architecture.size_multiple
    if any(n < 1 or n % multiple for n in size):
        raise EngineError(
            "image size of the network",
            expected=f"multiples of {multiple}",
            got=f"{size[0]}x{size[1]}",
        )
    return architecture.parts(module, *size)


def as_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they come back from spec.json: lists for tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}


def _said(
    saved: Mapping[str, Any], config: Mapping[str, Any], size: Size
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the architecture and fields of the spec, of both layouts of checkpoints."""
    if "options" in saved:
        words = {key: config[key] for key in ("licence", "description") if config.get(key)}
        return dict(saved["options"]), {**words, **saved["facts"]}
    # The first trainer had one method and one head, and said neither.
    focal = config["canonical_focal_px"] * math.sqrt(math.prod(size) / (256 * 192))
    return {"output": "log_depth"}, {"canonical_focal_px": focal}


def _with_tensors(spec: EngineSpec, part: Part) -> EngineSpec:
    return dataclasses.replace(spec, inputs=part.inputs, outputs=part.outputs)
