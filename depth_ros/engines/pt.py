# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""torch itself, on a CPU or by CUDA: the networks as they are trained, without an export."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_ros.engines.networks import Part
from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.engines.weights import load_network
from depth_ros.errors import EngineError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_OFFERED = {"cpu": ("fp32", "bf16"), "cuda": ("fp16", "fp32", "bf16")}  # the first is auto's
_WARM_UP = 3  # runs before a CUDA graph is recorded, as torch asks for


class PtEngine:
    """A part of one of our networks, in evaluation mode, with its tensors in ``precision``.

    Inputs and outputs are float32 all the same. Images lie channels last in memory: FastDepth
    then takes about six tenths of the time on a CPU. On a GPU the run is a CUDA graph.
    """

    backend = "torch"

    def __init__(
        self, model: Path, spec: EngineSpec, device: str, precision: str, threads: int
    ) -> None:
        self.spec = spec
        place = _device(device)
        dtype = _dtype(place, precision)
        if threads:
            torch.set_num_threads(threads)
        part = _part(model.parent, spec)
        try:
            self._module = cast(Any, part.module.eval())
            self._module.to(place, dtype, memory_format=torch.channels_last)
            make = _GraphRun if place.type == "cuda" else _Run
            self._run: _Run | _GraphRun | None = make(self._module, spec, place, dtype)
        except RuntimeError as error:  # CUDA's errors, out of memory among them
            raise EngineError(f"torch cannot open {model} on {place}: {error}") from error
        used = next(self._module.parameters())
        self.precision = {d: name for name, d in _DTYPES.items()}[used.dtype]
        self.device = _name(used.device)

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        if self._run is None:
            raise EngineError(f"the engine of {self.spec.network} is closed")
        try:
            outputs = self._run([_tensor(inputs[t.name]) for t in self.spec.inputs])
        except RuntimeError as error:
            raise EngineError(f"torch cannot run {self.spec.network}: {error}") from error
        for tensor in self.spec.outputs:
            if outputs[tensor.name].shape != tensor.shape:
                got = outputs[tensor.name].shape
                raise EngineError(f"output {tensor.name}", expected=tensor.shape, got=got)
        return outputs

    def close(self) -> None:
        """See Engine.close."""
        self._run = self._module = None
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()  # torch would keep the memory from other libraries


class _Run:
    """Calls the module."""

    def __init__(
        self, module: Any, spec: EngineSpec, place: torch.device, dtype: torch.dtype
    ) -> None:
        self._module, self._dtype = module, dtype
        self._outputs = spec.outputs

    @torch.inference_mode()
    def __call__(self, inputs: list[Tensor]) -> Arrays:
        outputs = _list(self._module(*(_placed(t, t.device, self._dtype) for t in inputs)))
        return {
            spec.name: t.to(_numpy_dtype(spec)).numpy()
            for spec, t in zip(self._outputs, outputs, strict=True)
        }


class _GraphRun:
    """Replays a CUDA graph of the module: one launch instead of one for each layer.

    Inputs and outputs travel through pinned memory, on a stream of their own.
    """

    def __init__(
        self, module: Any, spec: EngineSpec, place: torch.device, dtype: torch.dtype
    ) -> None:
        self._place = place
        self._hosts = [_pinned(t) for t in spec.inputs]
        self._results = [_pinned(t) for t in spec.outputs]
        self._arrays = {
            t.name: r.numpy() for t, r in zip(spec.outputs, self._results, strict=True)
        }
        with torch.inference_mode(), torch.cuda.device(place):
            self._stream = torch.cuda.Stream(place)  # type: ignore[no-untyped-call]
            self._inputs = [h.to(place) for h in self._hosts]

            def run() -> list[Tensor]:
                outputs = _list(module(*(_placed(t, place, dtype) for t in self._inputs)))
                return [t.to(_numpy_dtype(s)) for s, t in zip(spec.outputs, outputs, strict=True)]

            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UP):
                    run()
            self._stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            # Other threads may use the GPU meanwhile: the network that runs until the swap.
            with torch.cuda.graph(
                self._graph, stream=self._stream, capture_error_mode="thread_local"
            ):
                self._outputs = run()

    def __call__(self, inputs: list[Tensor]) -> Arrays:
        with (
            torch.inference_mode(),
            torch.cuda.device(self._place),
            torch.cuda.stream(self._stream),
        ):
            for host, device, given in zip(self._hosts, self._inputs, inputs, strict=True):
                host.copy_(given)
                device.copy_(host, non_blocking=True)
            self._graph.replay()
            for result, output in zip(self._results, self._outputs, strict=True):
                result.copy_(output, non_blocking=True)
            self._stream.synchronize()
        return dict(self._arrays)


def _part(folder: Path, spec: EngineSpec) -> Part:
    """The torch module of one part, whose tensors are the spec's. ``folder`` is the entry."""
    whole = EngineSpec.load(folder / "spec.json")
    own = whole.pose if spec.kind == "motion" else whole
    if own is None or own.sha256 != spec.sha256:
        raise EngineError(f"{folder} was changed while it was read", fix="Open it again.")
    architecture, network = load_network(folder, whole)
    parts = architecture.parts(network, *spec.input_size)
    part = parts["pose" if spec.kind == "motion" else "depth"]
    found, expected = (part.inputs, part.outputs), (spec.inputs, spec.outputs)
    if found != expected:
        raise EngineError(f"tensors of {spec.network}", expected=expected, got=found)
    return part


def _device(device: str) -> torch.device:
    found = re.fullmatch(r"(?i)(auto|cpu|cuda)(?::(\d+))?", device)
    kind, number = (found[1].lower(), int(found[2] or 0)) if found else ("", 0)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        kind = "cuda" if count else "cpu"
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "cuda" and number < count:
        return torch.device("cuda", number)
    offered = ["auto", "CPU", *(f"CUDA:{n}" for n in range(count))]
    fix = None if count else "torch sees no GPU here: take CPU, or install torch for CUDA."
    raise EngineError("torch device", expected=" or ".join(offered), got=device, fix=fix)


def _name(place: torch.device) -> str:
    return "CPU" if place.type == "cpu" else torch.cuda.get_device_name(place)


def _dtype(place: torch.device, precision: str) -> torch.dtype:
    offered = _OFFERED[place.type]
    chosen = offered[0] if precision == "auto" else precision
    if chosen not in offered:
        raise EngineError(
            f"precision of torch on {place.type.upper()}",
            expected=" or ".join(offered),
            got=precision,
            fix="Quantised networks run on OpenVINO, ONNX Runtime and TensorRT."
            if precision == "int8"
            else None,
        )
    return _DTYPES[chosen]


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    """The array's memory as a tensor; a copy where torch would warn that it may be written."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _placed(tensor: Tensor, place: torch.device, dtype: torch.dtype) -> Tensor:
    """As the module wants it; whole numbers keep their type."""
    kind = dtype if tensor.is_floating_point() else tensor.dtype
    if tensor.dim() != 4:
        return tensor.to(place, kind)
    return tensor.to(place, kind, memory_format=torch.channels_last)


def _pinned(spec: TensorSpec) -> Tensor:
    return torch.zeros(spec.shape, dtype=_numpy_dtype(spec), pin_memory=True)


def _numpy_dtype(spec: TensorSpec) -> torch.dtype:
    return torch.from_numpy(np.zeros(0, spec.dtype)).dtype


def _list(outputs: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)
