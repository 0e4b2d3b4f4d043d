# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: networks on nothing but a CPU, or on an Intel GPU."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import openvino

from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class OvEngine:
    """One compiled model with one infer request and inputs that it shares with numpy."""

    backend = "openvino"

    def __init__(
        self, weights: Path, spec: EngineSpec, device: str, precision: str, threads: int
    ) -> None:
        self.spec = spec
        try:
            core = _core()
            name = _device(core, device)
            config = _properties(name, precision, threads)
            compiled = core.compile_model(core.read_model(weights), name, config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot open {weights} on {device}: {error}") from error
        _check_tensors(compiled, spec)
        self.device = str(core.get_property(name, "FULL_DEVICE_NAME"))
        self.precision = _precision_in_use(compiled)
        self._request = compiled.create_infer_request()
        self._inputs: Arrays = {t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs}
        for tensor in spec.inputs:
            shared = openvino.Tensor(self._inputs[tensor.name], shared_memory=True)
            self._request.set_tensor(tensor.name, shared)

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        for name, array in inputs.items():
            np.copyto(self._inputs[name], array)
        self._request.infer()
        return {t.name: self._request.get_tensor(t.name).data for t in self.spec.outputs}

    def close(self) -> None:
        """See Engine.close."""
        del self._request


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
    if precision != "auto":
        properties["INFERENCE_PRECISION_HINT"] = _HINTS[precision]
    if threads and device == "CPU":
        properties["INFERENCE_NUM_THREADS"] = threads
    return properties


def _precision_in_use(compiled: openvino.CompiledModel) -> str:
    hint = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    return {ov: ours for ours, ov in _HINTS.items()}.get(hint, hint)


def _check_tensors(compiled: openvino.CompiledModel, spec: EngineSpec) -> None:
    for ports, tensors in ((compiled.inputs, spec.inputs), (compiled.outputs, spec.outputs)):
        found = {p.get_any_name(): tuple(p.get_partial_shape().to_shape()) for p in ports}
        expected = {t.name: t.shape for t in tensors}
        if found != expected:
            raise EngineError(f"tensors of {spec.weights}", expected=expected, got=found)
