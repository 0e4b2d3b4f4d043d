# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The same network by its library alone, with as little around it as possible.

What an adapter takes beyond this is the adapter's own cost.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.engines.spec import Arrays, EngineSpec

Call = Callable[[], object]
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}


def direct(
    backend: str, model: Path, spec: EngineSpec, precision: str, threads: int, inputs: Arrays
) -> Call | None:
    """A call that runs ``model`` on ``inputs`` and leaves the outputs in NumPy arrays, on the CPU.

    None for the backends that this is not written for.
    """
    makers = {"openvino": _openvino, "onnxruntime": _onnxruntime}
    maker = makers.get(backend)
    return maker(model, spec, precision, threads, inputs) if maker else None


def _openvino(model: Path, spec: EngineSpec, precision: str, threads: int, inputs: Arrays) -> Call:
    openvino: Any = import_module("openvino")
    core = import_module("depth_ros.engines.ov")._core()  # there is to be one in a process
    network = core.read_model(model)
    network.reshape({t.name: list(t.shape) for t in spec.inputs})
    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
    }
    request = core.compile_model(network, "CPU", hints).create_infer_request()
    arrays = [inputs[t.name].copy() for t in spec.inputs]
    outputs = [np.zeros(t.shape, t.dtype) for t in spec.outputs]
    for tensor, array in zip((*spec.inputs, *spec.outputs), (*arrays, *outputs), strict=True):
        request.set_tensor(tensor.name, openvino.Tensor(array, shared_memory=True))

    def call() -> object:
        request.infer()
        return outputs, arrays  # in whose memory the request works

    return call


def _onnxruntime(
    model: Path, spec: EngineSpec, precision: str, threads: int, inputs: Arrays
) -> Call:
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    outputs = {t.name: np.zeros(t.shape, t.dtype) for t in spec.outputs}
    for tensor in spec.inputs:
        binding.bind_cpu_input(tensor.name, inputs[tensor.name])
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def call() -> object:
        session.run_with_iobinding(binding)
        return outputs, inputs  # in whose memory the binding works

    return call
