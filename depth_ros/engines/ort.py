# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: networks on a CPU without OpenVINO, or on a GPU by CUDA or TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from depth_ros.engines.file_precision import precision_of
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

__all__ = ["OrtEngine", "onnxruntime"]

# It would tell its makers about every session.
onnxruntime.disable_telemetry_events()

_PROVIDERS = {name: f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "TensorRT")}
_PROVIDERS["TensorRT"] = "TensorrtExecutionProvider"
_TYPES = {"float32": "float", "float64": "double"}  # numpy's names that ONNX Runtime has not


class OrtEngine:
    """One session, whose tensors are bound to numpy's memory. It computes what the file says."""

    backend = "onnxruntime"

    def __init__(
        self, model: Path, spec: EngineSpec, device: str, precision: str, threads: int
    ) -> None:
        self.spec = spec
        kind, number = _device(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=_chain(kind, number)
            )
            self.precision = precision_of(model)
        except Exception as error:  # its exceptions share no base of their own
            raise EngineError(f"ONNX Runtime cannot open {model}: {error}") from error
        if precision not in ("auto", self.precision):
            raise EngineError("ONNX Runtime precision", expected=self.precision, got=precision)
        self.device = self._provider(kind, number, chosen=device != "auto")
        self._check_tensors()
        self._binding = self._session.io_binding()
        self._bound: Arrays = {}
        self._outputs: Arrays = {t.name: np.zeros(t.shape, t.dtype) for t in spec.outputs}
        for name, array in self._outputs.items():
            place = (array.dtype.type, array.shape, array.ctypes.data)
            self._binding.bind_output(name, "cpu", 0, *place)

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        for tensor in self.spec.inputs:
            array = inputs[tensor.name]
            # A GPU gets its copy when an input is bound; the CPU reads the bound memory itself.
            if self.device != "CPU" or array is not self._bound.get(tensor.name):
                self._bind(tensor.name, array)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # its exceptions share no base of their own
            raise EngineError(f"ONNX Runtime cannot run {self.spec.weights}: {error}") from error
        return dict(self._outputs)

    def close(self) -> None:
        """See Engine.close."""
        del self._binding, self._session
        self._bound.clear()

    def _bind(self, name: str, array: npt.NDArray[Any]) -> None:
        kept = np.ascontiguousarray(array)
        self._bound[name] = kept  # a copy is never the caller's array, and is made anew next time
        self._binding.bind_input(name, "cpu", 0, kept.dtype.type, kept.shape, kept.ctypes.data)

    def _provider(self, kind: str, number: int, *, chosen: bool) -> str:
        """The device in use. ONNX Runtime falls back to the CPU in silence; we do not."""
        got = self._session.get_providers()
        if _PROVIDERS[kind] in got:
            return kind if kind == "CPU" else f"{kind}:{number}"
        if chosen:
            raise EngineError(
                "ONNX Runtime device",
                expected=f"{kind}:{number}",
                got=f"{', '.join(got)} alone",
                fix="Install the CUDA and cuDNN that this onnxruntime-gpu asks for.",
            )
        return "CPU"

    def _check_tensors(self) -> None:
        session, spec = self._session, self.spec
        sides = ((session.get_inputs(), spec.inputs), (session.get_outputs(), spec.outputs))
        for ports, tensors in sides:
            found = {p.name: (p.type, p.shape) for p in ports}
            expected = {t.name: (_type(t.dtype), list(t.shape)) for t in tensors}
            fits = all(n in found and _fits(found[n], e) for n, e in expected.items())
            if not fits or (tensors is spec.inputs and len(found) != len(expected)):
                raise EngineError(f"tensors of {spec.weights}", expected=expected, got=found)


def _device(device: str) -> tuple[str, int]:
    """The provider's short name and the number of the GPU."""
    available = onnxruntime.get_available_providers()
    present = [kind for kind, provider in _PROVIDERS.items() if provider in available]
    if device == "auto":
        return ("CUDA" if "CUDA" in present else "CPU"), 0
    kind, _, number = device.partition(":")
    if kind not in present or not (number or "0").isdigit() or (kind == "CPU" and number):
        fix = "pip install onnxruntime-gpu" if kind in _PROVIDERS else None
        expected = f"one of {', '.join(present)}"
        raise EngineError("ONNX Runtime device", expected=expected, got=device, fix=fix)
    return kind, int(number or 0)


def _chain(kind: str, number: int) -> list[Any]:
    """The providers in order; the CPU's takes what the others cannot."""
    if kind == "CPU":
        return [_PROVIDERS["CPU"]]
    onnxruntime.preload_dlls()  # of CUDA and cuDNN, where pip has brought them
    kinds = ["TensorRT", "CUDA"] if kind == "TensorRT" else ["CUDA"]
    return [*((_PROVIDERS[k], {"device_id": number}) for k in kinds), _PROVIDERS["CPU"]]


def _type(dtype: str) -> str:
    return f"tensor({_TYPES.get(dtype, dtype)})"


def _fits(found: tuple[str, list[Any]], expected: tuple[str, list[int]]) -> bool:
    """Whether type and shape are the expected ones; a dimension with a name may be anything."""
    (kind, shape), (wanted, dims) = found, expected
    same = len(shape) == len(dims) and all(
        a == b or not isinstance(a, int) for a, b in zip(shape, dims, strict=True)
    )
    return kind == wanted and same
