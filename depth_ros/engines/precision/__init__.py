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
import numpy.typing as npt

from depth_ros.engines.precision.qdq import chosen, tensors_of
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

try:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.transformers import float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    from depth_ros.engines.ort import onnxruntime
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
# Share of a tensor's values, over all images, that may lie beyond the int8 range at either end. On
# FastDepth, plain minimum and maximum make half as much error again.
CLIPPED = 1e-4
Range = tuple[float, float]


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
    first, ranges = _ranges(model, spec, tensors_of(model.graph, nodes), images)
    kinds = sorted({node.op_type for node in nodes})
    kept = [kind for kind in kinds if kind not in ("Resize", "MaxPool")]
    options = {
        "ActivationSymmetric": symmetric,
        "WeightSymmetric": True,
        "QuantizeBias": not symmetric,  # TensorRT keeps the bias in float
        "OpTypesToExcludeOutputQuantization": kept,
        "TensorQuantOverrides": {
            name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
            for name, (low, high) in ranges.items()
        },
    }
    partial = _partial(target)
    try:
        quantize_static(
            _preprocessed(model),
            str(partial),
            _Once(first),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=kinds,
            nodes_to_quantize=[node.name for node in nodes],
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=options,
        )
    except Exception as error:  # its errors share no base of their own
        partial.unlink(missing_ok=True)
        raise EngineError(f"cannot quantise {source}: {error}") from error
    os.replace(partial, target)


def _folded(source: Path, scratch: Path) -> Any:
    """The graph with constants computed and BatchNorm inside the convolutions, all nodes named."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix=".folded-", dir=scratch) as folder:
        options.optimized_model_filepath = f"{folder}/folded.onnx"
        try:
            _session(_raised(source), options)
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


def _session(model: bytes | str, options: Any) -> Any:
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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


def _ranges(
    model: Any, spec: EngineSpec, tensors: list[str], images: Iterable[Arrays]
) -> tuple[Arrays, dict[str, Range]]:
    """The first inputs, and the range that each tensor needs over all images."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    fed_names = [t.name for t in spec.inputs]
    present = {*fed_names, *(output.name for output in probe.graph.output)}
    probe.graph.output.extend(onnx.ValueInfoProto(name=n) for n in tensors if n not in present)
    session = _session(probe.SerializeToString(), onnxruntime.SessionOptions())
    asked = [name for name in tensors if name not in fed_names]
    asked += [name for _, name in spec.states if name not in asked]
    fed = {t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs}
    first: Arrays = {}
    ends = {name: _Ends() for name in tensors}
    for image in images:
        fed[fed_names[0]] = image[fed_names[0]].copy()
        spec.check_inputs(fed)
        first = first or dict(fed)
        found = {**fed, **dict(zip(asked, session.run(asked, fed), strict=True))}
        for name, end in ends.items():
            end.add(found[name])
        fed |= {name: found[source] for name, source in spec.states}
    if not first:
        expected = "one image or more"
        raise EngineError(f"calibration of {spec.network}", expected=expected, got="none")
    return first, {name: end.range() for name, end in ends.items()}


class _Ends:
    """The smallest and the largest values of a tensor over all images."""

    def __init__(self) -> None:
        self._low = self._high = np.empty(0, np.float32)
        self._count = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Takes one image's. A hundred times the share is kept: one image may have it all."""
        flat = values.ravel()
        if not np.isfinite(flat).all():
            raise EngineError("calibration", expected="finite values in the network", got="others")
        self._count += flat.size
        kept = int(100 * CLIPPED * flat.size) + int(CLIPPED * self._count) + 1
        self._low = _smallest(np.concatenate([self._low, _smallest(flat, kept)]), kept)
        self._high = -_smallest(np.concatenate([-self._high, _smallest(-flat, kept)]), kept)

    def range(self) -> Range:
        """Of all values but the share CLIPPED at either end; with zero, exact in int8."""
        beyond = int(CLIPPED * self._count)
        low, high = np.sort(self._low)[beyond], np.sort(self._high)[-1 - beyond]
        return min(float(low), 0.0), max(float(high), 0.0)


def _smallest(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """The ``count`` smallest of the values, in any order."""
    if values.size <= count:
        return values
    return np.partition(values, count - 1)[:count]


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
