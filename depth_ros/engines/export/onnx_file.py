# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One part of a torch network as an ONNX file that keeps the names of the module's tensors."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path

import torch
from torch import nn

from depth_ros.engines.export.graph import keep_names
from depth_ros.engines.networks import Part
from depth_ros.engines.spec import TensorSpec
from depth_ros.engines.zoo.importer import names_of, split_state
from depth_ros.errors import EngineError

OPSET = 17


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
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # the tracer's, about shapes; compare() is the proof
        try:
            torch.onnx.export(
                part.module.eval(),
                tuple(torch.zeros(t.shape) for t in part.inputs),
                str(path),
                input_names=[t.name for t in part.inputs],
                output_names=[t.name for t in part.outputs],
                dynamic_axes={t.name: _open(t, dynamic) for t in (*part.inputs, *part.outputs)},
                opset_version=opset,
                training=torch.onnx.TrainingMode.PRESERVE,  # else batch norm is folded
                do_constant_folding=False,
                dynamo=False,
            )
        except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
            raise EngineError(f"export of the {name} network at opset {opset}: {error}") from error
    state = {k: v.numpy() for k, v in split_state(module, parts)[name].items()}
    keep_names(path, names_of(module, part.module), state)


def _open(tensor: TensorSpec, dynamic: bool) -> dict[int, str]:
    """The axes of a tensor that the file leaves open: the batch and, if dynamic, the size."""
    count = len(tensor.shape)
    if not dynamic or count <= 2:
        return {0: "batch"}
    return {0: "batch", count - 2: f"{tensor.name}_height", count - 1: f"{tensor.name}_width"}
