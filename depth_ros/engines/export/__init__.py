# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From torch weights to ONNX in an entry of the zoo, and proof that both compute the same.

The ONNX file keeps the names of the torch module's tensors, so that weights.py reads them back.
"""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from depth_ros.engines.checkpoints import read_file
from depth_ros.engines.export.graph import keep_names
from depth_ros.engines.export.parity import Float32, compare, open_reference, trials
from depth_ros.engines.networks import NETWORKS, Architecture, Part, read_options
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.weights import load_network, load_state
from depth_ros.engines.zoo.card import new_card, with_section
from depth_ros.engines.zoo.entry import scratch, write_entry
from depth_ros.engines.zoo.importer import Say, names_of, spec_of_parts, split_state
from depth_ros.errors import EngineError

OPSET = 17
TOLERANCE = 1e-4  # largest difference between torch and the exported file, in the output's unit


@dataclass(frozen=True)
class Exportable:
    """A network with its weights, the spec of what is to be written, and its card so far."""

    architecture: Architecture
    module: nn.Module
    spec: EngineSpec
    card: str | None
    sources: tuple[Path, ...] = ()


def from_entry(folder: Path, size: tuple[int, int] | None = None, name: str = "") -> Exportable:
    """An entry of ours, safetensors or ONNX, for images of ``size`` (width, height).

    ``name`` is what the entry that is written shall be called, if not like this one.
    """
    spec = EngineSpec.load(folder / "spec.json")
    architecture, module = load_network(folder, spec)
    parts = _parts(architecture, module, size or spec.input_size)
    pose = spec.pose and _with_tensors(spec.pose, parts["pose"])
    card = folder / "CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else None
    pose = pose and dataclasses.replace(pose, network=f"{name}_pose" if name else pose.network)
    changed = dataclasses.replace(
        _with_tensors(spec, parts["depth"]), network=name or spec.network, pose=pose
    )
    return Exportable(architecture, module, changed, text)


def from_checkpoint(
    path: Path, name: str, size: tuple[int, int] | None = None, **facts: Any
) -> Exportable:
    """The averaged network of a training checkpoint, at its last stage's size by default.

    ``facts`` are fields of the spec, such as licence and description.
    """
    saved = read_file(path)
    try:
        network, config, state = saved["network"], saved["config"], saved["state"]
        architecture, stage = NETWORKS[network], config["stages"][-1]
        size = size or (stage["width"], stage["height"])
        focal = config["canonical_focal_px"] * float(np.sqrt(size[0] * size[1] / (256 * 192)))
    except (KeyError, IndexError, TypeError) as error:
        raise EngineError(
            f"cannot use {path}: {error!r}",
            fix="Name a checkpoint.pt of depth_ros.training.train.",
        ) from error
    options = {"output": "log_depth"}
    module = architecture.build(read_options(architecture.config, options))
    load_state(module, state, str(path))
    more = {"architecture": network, "options": options, "canonical_focal_px": focal, **facts}
    spec = spec_of_parts(name, architecture, _parts(architecture, module, size), more)
    return Exportable(architecture, module.eval(), spec, None, (path,))


def export(
    item: Exportable,
    folder: Path,
    images: Sequence[Float32],
    *,
    images_are: str = "smooth noise",
    dynamic: bool = False,
    opset: int = OPSET,
    tolerance: float = TOLERANCE,
    say: Say = lambda _: None,
) -> tuple[EngineSpec, float]:
    """Writes the entry ``folder`` with ONNX weights; returns its spec and the largest difference.

    ``images`` are normalised (1, 3, height, width), in the order of a video, on which torch and
    the file are compared. EngineError, and nothing replaced, if they differ beyond ``tolerance``.
    """
    parts = _parts(item.architecture, item.module, item.spec.input_size)
    worst, tested = 0.0, ""
    with scratch(folder) as temporary:
        files = {}
        for name in parts:
            files[name] = temporary / f"{name}.onnx"
            to_onnx(item.module, parts, name, files[name], dynamic=dynamic, opset=opset)
            tested, run = open_reference(files[name])
            every = trials(item.architecture, item.module, name, images, dynamic)
            found = [compare(part, run, frames) for part, frames in every]
            difference, reach = (max(values) for values in zip(*found, strict=True))
            what = f"{name} network, {tested} against torch on {len(images)} images ({images_are})"
            say(f"{what}: largest difference {difference:.2e}, tolerance {tolerance:g}")
            if not difference <= tolerance:
                raise EngineError(
                    f"exported {name} network",
                    expected=f"within {tolerance:g} of torch",
                    got=f"{difference:.3g}",
                    fix="Nothing was replaced. Export without --dynamic, or state a tolerance.",
                )
            if reach == 0:
                say(f"{name} network: torch returns one number everywhere, so that says little")
            worst = max(worst, difference)
        spec = dataclasses.replace(
            item.spec,
            opset=opset,
            pose=item.spec.pose and dataclasses.replace(item.spec.pose, opset=opset),
        )
        size = "any size" if dynamic else "one size"
        text = (
            f"{date.today().isoformat()}, `depth_cli export`: ONNX, opset {opset}, any batch, "
            f"{size}. At most {worst:.1e} from torch in {tested}, on {len(images)} images "
            f"({images_are})."
        )
        card = item.card or new_card(spec, "Exported from torch.", _facts(item), item.sources)
        return write_entry(folder, spec, files, with_section(card, "Export", text)), worst


def to_onnx(
    module: nn.Module,
    parts: Mapping[str, Part],
    name: str,
    path: Path,
    *,
    dynamic: bool = False,
    opset: int = OPSET,
) -> None:
    """Writes one part: any batch, one or any image size, batch norm as it is, our names."""
    part = parts[name]
    tensors = (*part.inputs, *part.outputs)
    zeros = tuple(torch.zeros(t.shape) for t in part.inputs)
    axes = {
        t.name: {
            0: "batch",
            **({len(t.shape) - 2: f"{t.name}_height"} if dynamic and len(t.shape) > 2 else {}),
            **({len(t.shape) - 1: f"{t.name}_width"} if dynamic and len(t.shape) > 2 else {}),
        }
        for t in tensors
    }
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # the tracer's, about shapes; compare() is the proof
        try:
            torch.onnx.export(
                part.module.eval(),
                zeros,
                str(path),
                input_names=[t.name for t in part.inputs],
                output_names=[t.name for t in part.outputs],
                dynamic_axes=axes,
                opset_version=opset,
                training=torch.onnx.TrainingMode.PRESERVE,  # else batch norm is folded
                do_constant_folding=False,
                dynamo=False,
            )
        except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
            raise EngineError(f"export of the {name} network at opset {opset}: {error}") from error
    state = {k: v.numpy() for k, v in split_state(module, parts)[name].items()}
    keep_names(path, names_of(module, part.module), state)


def _with_tensors(spec: EngineSpec, part: Part) -> EngineSpec:
    return dataclasses.replace(spec, inputs=part.inputs, outputs=part.outputs)


def _parts(
    architecture: Architecture, module: nn.Module, size: tuple[int, int]
) -> Mapping[str, Part]:
    multiple = architecture.size_multiple
    if any(n < 1 or n % multiple for n in size):
        raise EngineError(
            "image size of the network",
            expected=f"multiples of {multiple}",
            got=f"{size[0]}x{size[1]}",
        )
    return architecture.parts(module, *size)


def _facts(item: Exportable) -> dict[str, str]:
    count = sum(p.numel() for p in item.module.parameters())
    return {
        "Network": item.spec.architecture,
        "Paper": item.architecture.paper,
        "Parameters": f"{count:,}",
    }
