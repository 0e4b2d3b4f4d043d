# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A network in fewer bits: FP16, or int8 that was calibrated on real images. ONNX in and out.

Both start from the graph with its BatchNorm folded into the convolutions in float32: the variance
of a quiet channel is below what FP16 resolves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.engines.precision.qdq import chosen, tensors_of
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

try:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.transformers import float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    from depth_ros.engines.ort import onnxruntime
    from depth_ros.engines.precision.ranges import Range, new_session, ranges_of
except ImportError as error:
    raise EngineError(
        f"converting a network needs onnx and onnxruntime: {error}",
        fix="pip install onnx onnxruntime",
    ) from error

LEAST_OPSET = 13  # that quantisation by channels needs; older files are brought up to OPSET
OPSET = 17
LARGEST = 65504.0  # of FP16
# What overflows or loses its sums in FP16 where a network is larger than ours: softmax and
# normalisation that an exporter has taken apart.
FLOAT_OPS = ("Exp", "Log", "Pow", "Sqrt", "ReduceMean", "ReduceSum", "LayerNormalization")


def to_fp16(source: Path, target: Path) -> None:
    """Writes the FP16 form of an ONNX file. Its inputs and outputs stay float32.

    Every tensor has its own type in the file, so TensorRT can take it strongly typed. EngineError
    if a weight is beyond FP16's range.
    """
    model = _folded(source, target.parent)
    _check_range(model, source)
    blocked = [*float16.DEFAULT_OP_BLOCK_LIST, *FLOAT_OPS]
    model = float16.convert_float_to_float16(model, keep_io_types=True, op_block_list=blocked)
    OnnxModel(model).topological_sort()  # the converter appends its casts
    partial = _partial(target)
    onnx.save(model, partial)
    os.replace(partial, target)


def to_int8(
    source: Path,
    target: Path,
    spec: EngineSpec,
    images: Iterable[Arrays],
    *,
    symmetric: bool = False,
) -> None:
    """Writes the int8 form of an ONNX file: Q/DQ nodes around its convolutions and sums.

    ``images`` are network inputs as ToInput makes them, in the order of the video, of which a
    recurrent network's states follow. Weights are symmetric, a scale for each output channel.
    Activations are uint8 with a zero point, or with ``symmetric`` int8 around zero: all that
    TensorRT takes, but slow in ONNX Runtime and, of some networks, wrong in OpenVINO 2026.4.
    qdq.chosen says what stays in float. EngineError if there is nothing to quantise or no image.
    """
    model = _folded(source, target.parent)
    nodes = chosen(model.graph, spec.inputs[0].name, resizes=not symmetric)
    if not any(node.op_type in ("Conv", "Gemm", "MatMul") for node in nodes):
        raise EngineError(
            f"int8 form of {source}",
            expected="convolutions beyond the first layers",
            got="none",
            fix="Use bf16 or fp16 for this network.",
        )
    first, ranges = ranges_of(model, spec, tensors_of(model.graph, nodes), images)
    partial = _partial(target)
    try:
        _quantize(model, partial, nodes, first, ranges, symmetric)
    except Exception as error:  # its errors share no base of their own
        partial.unlink(missing_ok=True)
        raise EngineError(f"cannot quantise {source}: {error}") from error
    os.replace(partial, target)


def _quantize(
    model: Any,
    target: Path,
    nodes: list[Any],
    first: Arrays,
    ranges: dict[str, Range],
    symmetric: bool,
) -> None:
    """Puts Q/DQ nodes with these ranges around the nodes; ``first`` is one set of inputs."""
    kinds = sorted({node.op_type for node in nodes})
    quantize_static(
        _preprocessed(model),
        str(target),
        _Once(first),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=kinds,
        nodes_to_quantize=[node.name for node in nodes],
        per_channel=True,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={
            "ActivationSymmetric": symmetric,
            "WeightSymmetric": True,
            "QuantizeBias": not symmetric,  # TensorRT keeps the bias in float
            "OpTypesToExcludeOutputQuantization": [
                kind for kind in kinds if kind not in ("Resize", "MaxPool")
            ],
            "TensorQuantOverrides": {
                name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
                for name, (low, high) in ranges.items()
            },
        },
    )


def _folded(source: Path, scratch: Path) -> Any:
    """The graph with constants computed and BatchNorm inside the convolutions, all nodes named."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix=".folded-", dir=scratch) as folder:
        options.optimized_model_filepath = f"{folder}/folded.onnx"
        try:
            new_session(_raised(source), options)
        except Exception as error:  # its exceptions share no base of their own
            raise EngineError(f"ONNX Runtime cannot open {source}: {error}") from error
        model = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in model.graph.node}
    for domain in [d for d in model.opset_import if d.domain and d.domain not in used]:
        model.opset_import.remove(domain)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return model


def _raised(source: Path) -> bytes | str:
    """The file, or its content at a newer opset."""
    model = onnx.load(source, load_external_data=False)
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset >= LEAST_OPSET:
        return str(source)
    raised = onnx.version_converter.convert_version(onnx.load(source), OPSET)
    content: bytes = raised.SerializeToString()
    return content


def _check_range(model: Any, source: Path) -> None:
    for weight in model.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(weight)
            largest = float(np.abs(values).max(initial=0))
            if not largest <= LARGEST:
                raise EngineError(
                    f"weight {weight.name} of {source} in fp16",
                    expected=f"at most {LARGEST:.0f}",
                    got=largest,
                    fix="Use bf16 or fp32 for this network.",
                )


class _Once:
    """One inputs dict, for a calibrator whose ranges are overridden."""

    def __init__(self, inputs: Arrays) -> None:
        self._left = [inputs]

    def get_next(self) -> Arrays | None:
        return self._left.pop() if self._left else None


def _preprocessed(model: Any) -> Any:
    """Marks the model as optimised already, or the quantiser logs advice to do so."""
    entry = model.metadata_props.add()
    entry.key, entry.value = "onnx.quant.pre_process", "onnxruntime.quant"
    return model


def _partial(target: Path) -> Path:
    return target.with_name(target.name + ".partial")
