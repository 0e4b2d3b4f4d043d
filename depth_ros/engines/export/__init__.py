# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From torch weights to ONNX in an entry of the zoo, and proof that both compute the same.

The ONNX file keeps the names of the torch module's tensors, so that weights.py reads them back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from depth_ros.engines.export.exportable import (
    Exportable,
    from_checkpoint,
    from_entry,
    parts_at,
)
from depth_ros.engines.export.onnx_file import OPSET, to_onnx
from depth_ros.engines.export.parity import Float32, compare, open_reference, trials
from depth_ros.engines.spec import EngineSpec, sha256
from depth_ros.engines.zoo.card import new_card, with_section
from depth_ros.engines.zoo.entry import scratch, stored_name, write_entry
from depth_ros.engines.zoo.importer import Say
from depth_ros.errors import EngineError

__all__ = [
    "OPSET",
    "TOLERANCE",
    "Exportable",
    "export",
    "from_checkpoint",
    "from_entry",
    "to_onnx",
]
TOLERANCE = 1e-4  # largest difference between torch and the exported file, in the output's unit


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
    parts = parts_at(item.architecture, item.module, item.spec.input_size)
    files, worst, tested = {}, 0.0, ""
    with scratch(folder) as temporary:
        for name in parts:
            files[name] = temporary / f"{name}.onnx"
            to_onnx(item.module, parts, name, files[name], dynamic=dynamic, opset=opset)
            difference, reach, tested = _difference(item, name, files[name], images, dynamic)
            what = f"{name} network, {tested} against torch on {len(images)} images ({images_are})"
            say(f"{what}: largest difference {difference:.2e}, tolerance {tolerance:g}")
            _check(name, difference, tolerance)
            if reach == 0:
                say(f"{name} network: torch returns one number everywhere, so that says little")
            worst = max(worst, difference)
        pose = item.spec.pose and dataclasses.replace(item.spec.pose, opset=opset)
        spec = dataclasses.replace(item.spec, opset=opset, pose=pose)
        proof = f"At most {worst:.1e} from torch in {tested}, on {len(images)} images"
        text = f"{_written(spec, files, dynamic)} {proof} ({images_are})."
        card = item.card or new_card(spec, "Exported from torch.", item.facts(), item.sources)
        return write_entry(folder, spec, files, with_section(card, "Export", text)), worst


def _difference(
    item: Exportable, name: str, path: Path, images: Sequence[Float32], dynamic: bool
) -> tuple[float, float, str]:
    """Largest difference from torch, the reach of torch's own output, and what ran the file."""
    tested, run = open_reference(path)
    every = trials(item.architecture, item.module, name, images, dynamic)
    found = [compare(part, run, frames) for part, frames in every]
    difference, reach = (max(values) for values in zip(*found, strict=True))
    return difference, reach, tested


def _check(name: str, difference: float, tolerance: float) -> None:
    if not difference <= tolerance:
        raise EngineError(
            f"exported {name} network",
            expected=f"within {tolerance:g} of torch",
            got=f"{difference:.3g}",
            fix="Nothing was replaced. Export without --dynamic, or state a tolerance.",
        )


def _written(spec: EngineSpec, files: Mapping[str, Path], dynamic: bool) -> str:
    """What the card says of the files themselves."""
    networks = {"depth": spec.network, "pose": f"{spec.network}_pose"}
    named = ", ".join(
        f"`{stored_name(networks[part], sha256(path), path.suffix)}` "
        f"({path.stat().st_size / 1e6:.1f} MB)"
        for part, path in files.items()
    )
    size = "any size" if dynamic else "one size"
    return (
        f"{date.today().isoformat()}, `depth_cli export`: {named}: ONNX, opset {spec.opset}, "
        f"any batch, {size}."
    )
