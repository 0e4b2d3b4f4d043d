# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: networks on nothing but a CPU, or on an Intel GPU or NPU."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino

from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.errors import EngineError

# What is not quantised in an int8 network is the part that bears least, so it stays exact.
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
_NAMES = {"f32": "fp32", "bf16": "bf16", "f16": "fp16", "u8": "int8", "i8": "int8"}
_COMPUTE = {"convolution", "deconvolution", "groupconvolution", "fullyconnected", "matmul", "gemm"}


class OvEngine:
    """One compiled model with one infer request, whose tensors are shared with numpy."""

    backend = "openvino"

    def __init__(
        self, model: Path, spec: EngineSpec, device: str, precision: str, threads: int
    ) -> None:
        self.spec = spec
        try:
            core = _core()
            name = _device(core, device)
            config = _properties(name, precision, threads)
            network = core.read_model(model)
            _fix_shapes(network, spec)
            compiled = core.compile_model(network, name, config)
            _check_tensors(compiled, spec)
            self.device = str(core.get_property(name, "FULL_DEVICE_NAME"))
            self.precision = _precision_in_use(compiled)
            self._request = compiled.create_infer_request()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot open {model} on {device}: {error}") from error
        self._bound: Arrays = {}
        self._outputs: Arrays = {t.name: np.zeros(t.shape, t.dtype) for t in spec.outputs}
        for tensor, array in self._outputs.items():
            self._request.set_tensor(tensor, openvino.Tensor(array, shared_memory=True))

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        for tensor in self.spec.inputs:
            array = inputs[tensor.name]
            if array is not self._bound.get(tensor.name):
                self._bind(tensor.name, array)
        self._request.infer()
        return dict(self._outputs)

    def close(self) -> None:
        """See Engine.close."""
        del self._request
        self._bound.clear()

    def _bind(self, name: str, array: npt.NDArray[Any]) -> None:
        """Lets OpenVINO read an array where it lies, or a copy if it cannot."""
        flags = array.flags
        shared = flags.c_contiguous and flags.writeable and flags.aligned
        # Kept, as OpenVINO does not keep it. A copy is never the caller's array, and made anew.
        self._bound[name] = kept = array if shared else np.array(array, order="C")
        self._request.set_tensor(name, openvino.Tensor(kept, shared_memory=True))


@lru_cache(maxsize=1)
def _core() -> openvino.Core:
    """One for the process, never destroyed.

    A Core's CPU plugin gives the thread that loads it another signal stack. Were the Core
    destroyed in another thread, that stack would be unmapped under the first, and its next signal,
    such as Ctrl-C, would crash the process.
    """
    return openvino.Core()


def _device(core: openvino.Core, device: str) -> str:
    name = "CPU" if device == "auto" else device
    available = core.available_devices
    if name.split(".")[0] not in {a.split(".")[0] for a in available}:
        raise EngineError("OpenVINO device", expected=f"one of {', '.join(available)}", got=device)
    return name


def _properties(device: str, precision: str, threads: int) -> dict[str, str | int]:
    properties: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY"}
    if precision not in ("auto", *_HINTS):
        expected = f"auto or {', '.join(_HINTS)}"
        raise EngineError("OpenVINO precision", expected=expected, got=precision)
    if precision != "auto" and (device == "CPU" or precision != "int8"):
        properties["INFERENCE_PRECISION_HINT"] = _HINTS[precision]
    if threads and device == "CPU":
        properties["INFERENCE_NUM_THREADS"] = threads
    return properties


def _fix_shapes(network: openvino.Model, spec: EngineSpec) -> None:
    """Gives a model of any batch or image size the spec's."""
    shapes = {t.name: t.shape for t in spec.inputs}
    dynamic = any(port.partial_shape.is_dynamic for port in network.inputs)
    if dynamic and shapes.keys() <= {name for port in network.inputs for name in port.names}:
        network.reshape({name: list(shape) for name, shape in shapes.items()})


def _check_tensors(compiled: openvino.CompiledModel, spec: EngineSpec) -> None:
    """EngineError unless the inputs are the spec's, and its outputs are among the model's."""
    for ports, tensors in ((compiled.inputs, spec.inputs), (compiled.outputs, spec.outputs)):
        fits = all(any(_is(port, tensor) for port in ports) for tensor in tensors)
        if not fits or (tensors is spec.inputs and len(ports) != len(tensors)):
            expected = {t.name: f"{t.dtype} {t.shape}" for t in tensors}
            found = {", ".join(p.names) or "(unnamed)": _described(p) for p in ports}
            raise EngineError(f"tensors of {spec.weights}", expected=expected, got=found)


def _is(port: Any, tensor: TensorSpec) -> bool:
    return tensor.name in port.names and _described(port) == f"{tensor.dtype} {tensor.shape}"


def _described(port: Any) -> str:
    shape = port.partial_shape
    dims = tuple(shape.to_shape()) if shape.is_static else shape
    return f"{port.element_type.to_dtype()} {dims}"


def _precision_in_use(compiled: openvino.CompiledModel) -> str:
    """That of most layers which multiply, as they run; int8 if any of them does."""
    used: Counter[str] = Counter()
    for layer in compiled.get_runtime_model().get_ops():
        info = layer.get_rt_info()
        if "layerType" in info and "runtimePrecision" in info:
            kind = info["layerType"].astype(str).lower().replace("_", "")
            used[info["runtimePrecision"].astype(str)] += kind in _COMPUTE
    used = +used
    if used["u8"] + used["i8"]:
        return "int8"
    hint = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    name = used.most_common(1)[0][0] if used else str(hint)
    return _NAMES.get(name, name)
