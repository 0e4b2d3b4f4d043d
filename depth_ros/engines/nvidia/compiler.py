# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The compiler behind plan.py: one code path for TensorRT 10, 11 and TensorRT-RTX.

Networks are strongly typed: the ONNX file says where fp16 or int8 is computed, TensorRT changes
nothing of it, and fp32 is fp32 (TF32 is off). So the precision of a plan is known from its layers;
it is written into the plan, as the end of the network's name, and read back from there.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from depth_ros.engines.nvidia.cuda import Device, cuda_devices, find_device
from depth_ros.engines.nvidia.library import (
    check_tensors,
    collect_errors,
    failed,
    numpy_type,
    parser_errors,
    trt_library,
    trt_logger,
)
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError

Progress = Callable[[float, str], None]
Capability = tuple[int, int]
PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16"}
_HEAVY = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
_BUILT = 0.99  # the fraction of the work that is not writing the file


def compile_here(
    onnx: Path,
    target: Path,
    spec: EngineSpec,
    *,
    compute_capability: Capability | None = None,
    refit: bool = False,
    progress: Progress | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """plan.compile(), in this process. What ``progress`` raises ends it at the next step."""
    started = time.monotonic()
    trt = trt_library()
    monitor = _monitor_class(trt)(progress)
    monitor.say(0.0, f"reading {onnx.name}")
    gpu = find_device(device) if cuda_devices() else None
    with gpu or nullcontext(), collect_errors(trt) as errors:
        builder = _builder(trt, gpu)
        network, parser = _read(trt, builder, onnx, errors)
        _fix_shapes(trt, network, spec, errors)
        facts = {"library": trt.__name__, "version": trt.__version__} | _precision(network)
        network.name = f"{spec.network} {facts['precision']}"
        config = builder.create_builder_config()
        config.progress_monitor = monitor
        config.clear_flag(trt.BuilderFlag.TF32)
        if refit:
            config.set_flag(trt.BuilderFlag.REFIT)
        facts["compute_capability"] = _aim(trt, config, gpu, compute_capability)
        plan = builder.build_serialized_network(network, config)
        del parser  # it owns the weights until here
        monitor.check()
        if plan is None:
            fix = "Refittable plans need a CUDA device to compile." if refit and not gpu else None
            raise failed(f"{trt.__name__} cannot compile {onnx}", errors, fix)
        data = memoryview(plan)
        monitor.say(1.0, "writing")
        with open(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    seconds = round(time.monotonic() - started, 3)
    return facts | {"refit": refit, "bytes": data.nbytes, "seconds": seconds}


def _builder(trt: Any, gpu: Device | None) -> Any:
    try:
        return trt.Builder(trt_logger(trt))
    except (RuntimeError, TypeError) as error:  # TensorRT compiles only where it can measure
        if gpu is None:
            find_device("auto")  # says that there is none
        raise EngineError(f"{trt.__name__} cannot start: {error}") from error


def _read(trt: Any, builder: Any, onnx: Path, errors: list[str]) -> tuple[Any, Any]:
    """The network, and the parser without which it has no weights."""
    if not onnx.is_file():
        raise EngineError(f"no ONNX file at {onnx}")
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, trt_logger(trt))
    if not parser.parse_from_file(str(onnx)):
        raise failed(f"{trt.__name__} cannot read {onnx}", parser_errors(parser) or errors)
    return network, parser


def _fix_shapes(trt: Any, network: Any, spec: EngineSpec, errors: list[str]) -> None:
    """Gives open sizes of the inputs the spec's; EngineError unless all tensors are the spec's."""
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    wanted = {t.name: t.shape for t in spec.inputs}
    for tensor in inputs:
        shape = wanted.get(tensor.name, ())
        if len(shape) == len(tensor.shape):
            pairs = zip(tensor.shape, shape, strict=True)
            tensor.shape = tuple(ours if size < 0 else size for size, ours in pairs)
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    for tensors, side in ((inputs, spec.inputs), (outputs, spec.outputs)):
        try:
            found = {t.name: (tuple(t.shape), numpy_type(trt, t.dtype)) for t in tensors}
        except (RuntimeError, ValueError):  # the layers do not fit together
            what = f"{spec.weights} cannot compute inputs of the sizes {wanted}"
            raise failed(what, errors) from None
        check_tensors(found, side, f"tensors of {spec.weights}")


def _precision(network: Any) -> dict[str, Any]:
    """The precision of the network, and how many layers of each kind have which type."""
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    typed = [(x.type.name, x.get_output(0).dtype.name) for x in layers if x.num_outputs]
    heavy = [t for kind, t in typed if kind in _HEAVY and t in PRECISIONS]
    types = Counter(heavy or [t for _, t in typed if t in PRECISIONS] or ["FLOAT"])
    precision = PRECISIONS[types.most_common(1)[0][0]]
    if any(kind == "QUANTIZE" for kind, _ in typed):
        precision = "int8"
    counts = sorted(Counter(f"{kind} {t}".lower() for kind, t in typed).items())
    return {"precision": precision, "layers": dict(counts)}


def _aim(trt: Any, config: Any, gpu: Device | None, wanted: Capability | None) -> str:
    """Sets the architecture that the plan is for; returns it, "" for the library's own choice."""
    present = gpu.capability if gpu else None
    capability = wanted or present
    if capability is None:
        return ""
    known = getattr(getattr(trt, "ComputeCapability", None), "__members__", {})
    name, text = "SM{}{}".format(*capability), "{}.{}".format(*capability)
    if name in known:
        config.num_compute_capabilities = 1
        if config.set_compute_capability(known[name], 0):
            return text
    if capability == present:  # compiled for the device that is here
        return "" if known else text
    expected = [n for n in known if n.startswith("SM")] or "SM{}{}".format(*present or ("?", ""))
    raise EngineError(f"compute capability for {trt.__name__}", expected=expected, got=name)


@cache
def _monitor_class(trt: Any) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Nested phases of known lengths as one fraction that never falls.

        The library calls from its own threads, and no exception may pass through it: one is kept
        for check(), and the next step that completes ends the compilation.
        """

        def __init__(self, progress: Progress | None) -> None:
            trt.IProgressMonitor.__init__(self)
            self._progress = progress
            self._lock = threading.RLock()
            self._phases: dict[str, tuple[str | None, int, int]] = {}  # parent, done, steps
            self._fraction = 0.0
            self._raised: BaseException | None = None

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            with self._lock:
                self._phases[name] = (parent, 0, max(steps, 1))

        def step_complete(self, name: str, step: int) -> bool:
            try:
                with self._lock:
                    parent, _, steps = self._phases.get(name, (None, 0, step + 1))
                    self._phases[name] = (parent, min(step + 1, steps), steps)
                    top = next((n for n, phase in self._phases.items() if not phase[0]), name)
                    self.say(max(self._fraction, _BUILT * self._done(top)), name)
            except BaseException as error:
                self._raised = self._raised or error
            return self._raised is None

        def phase_finish(self, name: str) -> None:
            with self._lock:
                self._phases.pop(name, None)

        def say(self, fraction: float, text: str) -> None:
            self._fraction = fraction
            if self._progress and self._raised is None:
                self._progress(fraction, text)

        def check(self) -> None:
            """Raises what the callback has raised."""
            if self._raised is not None:
                raise self._raised

        def _done(self, name: str) -> float:
            _, done, steps = self._phases[name]
            inner = [self._done(n) for n, phase in self._phases.items() if phase[0] == name]
            return min(1.0, (done + max(inner, default=0.0)) / steps)

    return Monitor
