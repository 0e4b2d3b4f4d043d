# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""TensorRT and TensorRT-RTX: plans (plan.py) on an NVIDIA GPU."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.engines.nvidia.compiler import PRECISIONS
from depth_ros.engines.nvidia.cuda import Memory, Stream, find_device
from depth_ros.engines.nvidia.library import (
    REBUILD,
    check_tensors,
    collect_errors,
    failed,
    load_plan,
    numpy_type,
    parser_errors,
    trt_library,
    trt_logger,
)
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

_LOG = logging.getLogger(__name__)


class TrtEngine:
    """One execution context with buffers of its own, on one stream.

    The first call runs plainly and is then recorded as a CUDA graph, copies included, which later
    calls launch; ``graph=False`` keeps to plain calls. Nothing is allocated after the first call.
    ``threads`` means nothing here.
    """

    backend = "tensorrt"

    def __init__(
        self,
        model: Path,
        spec: EngineSpec,
        device: str,
        precision: str,
        threads: int,
        *,
        graph: bool = True,
    ) -> None:
        self.spec = spec
        self._trt = trt_library()
        self._device = find_device(device)
        self.device = self._device.name
        self._wants_graph = graph
        self._memory: dict[str, Memory] = {}
        self._inputs: Arrays = {}
        self._outputs: Arrays = {}
        self._free = ExitStack()
        try:
            with self._device, collect_errors(self._trt) as errors:
                self._runtime, self._engine = load_plan(self._trt, model, self._where())
                self._check_tensors(model)
                self.precision = _precision_in_use(self._engine, spec)
                if precision not in ("auto", self.precision):
                    raise EngineError(
                        f"precision of {model}",
                        expected=precision,
                        got=self.precision,
                        fix=REBUILD,
                    )
                self._context = self._engine.create_execution_context()
                if self._context is None:
                    raise failed(f"{self._trt.__name__} cannot run {model}", errors)
                self._allocate()
        except BaseException:
            self.close()
            raise

    def infer(self, inputs: Arrays) -> Arrays:
        """See Engine.infer."""
        self.spec.check_inputs(inputs)
        for tensor in self.spec.inputs:
            np.copyto(self._inputs[tensor.name], inputs[tensor.name])
        with self._device:
            if self._stream.captured:
                self._stream.launch()
                self._stream.wait()
            else:
                self._enqueue()
                self._stream.wait()
                self._record()
        return dict(self._outputs)

    def refit(self, onnx: Path) -> None:
        """Takes the weights of an ONNX file of the same network; the plan must be refittable.

        EngineError if it is not, or if the file does not fit; the old weights are then still in
        use unless the error says that some were replaced.
        """
        trt = self._trt
        if not self._engine.refittable:
            raise EngineError(
                f"plan of {self.spec.network}", expected="refittable", got="it is not"
            )
        with self._device, collect_errors(trt) as errors:
            self._stream.drop_graph()  # it may hold the old weights' addresses
            refitter = trt.Refitter(self._engine, trt_logger(trt))
            parser = trt.OnnxParserRefitter(refitter, trt_logger(trt))
            if not onnx.is_file() or not parser.refit_from_file(str(onnx)):
                raise failed(f"weights of {onnx} do not fit", parser_errors(parser) or errors)
            if missing := refitter.get_missing_weights():
                raise failed(f"weights missing in {onnx}", sorted(missing))
            if not refitter.refit_cuda_engine():
                raise failed(f"only some weights of {onnx} were taken", errors, "Open it again.")

    def close(self) -> None:
        """See Engine.close. Outputs that somebody still holds stay readable."""
        with self._device:
            self._context = self._engine = self._runtime = None  # in the order of their needs
            self._free.close()
        self._inputs.clear()
        self._outputs.clear()

    def _where(self) -> str:
        return "{} (compute capability {}.{})".format(self.device, *self._device.capability)

    def _check_tensors(self, model: Path) -> None:
        engine, trt = self._engine, self._trt
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        sides = (
            (trt.TensorIOMode.INPUT, self.spec.inputs),
            (trt.TensorIOMode.OUTPUT, self.spec.outputs),
        )
        for mode, tensors in sides:
            found = {
                n: (tuple(engine.get_tensor_shape(n)), numpy_type(trt, engine.get_tensor_dtype(n)))
                for n in names
                if engine.get_tensor_mode(n) == mode
            }
            check_tensors(found, tensors, f"tensors of {model}")

    def _allocate(self) -> None:
        self._stream = Stream()
        self._free.callback(self._stream.free)
        for host, tensors in (
            (self._inputs, self.spec.inputs),
            (self._outputs, self.spec.outputs),
        ):
            for tensor in tensors:
                array = self._device.pinned(tensor.shape, tensor.dtype)
                memory = Memory(array.nbytes)
                self._free.callback(memory.free)
                host[tensor.name], self._memory[tensor.name] = array, memory
                if not self._context.set_tensor_address(tensor.name, memory.address):
                    raise EngineError(f"TensorRT refuses the buffer of {tensor.name}")

    def _enqueue(self) -> None:
        for name, array in self._inputs.items():
            self._stream.upload(self._memory[name], array)
        with collect_errors(self._trt) as errors:
            if not self._context.execute_async_v3(self._stream.handle):
                raise failed(f"TensorRT cannot run {self.spec.network}", errors)
        for name, array in self._outputs.items():
            self._stream.download(array, self._memory[name])

    def _record(self) -> None:
        if not self._wants_graph:
            return
        capturable = getattr(self._context, "is_stream_capturable", lambda stream: True)
        try:
            if not capturable(self._stream.handle):
                raise EngineError("the network cannot be captured")
            self._stream.capture(self._enqueue)
        except EngineError as error:
            self._wants_graph = False
            _LOG.warning("%s runs without a CUDA graph: %s", self.spec.network, error)


def _precision_in_use(engine: Any, spec: EngineSpec) -> str:
    """What plan.py wrote behind the network's name, else (a plan of another's) the spec's."""
    last = str(engine.name).rpartition(" ")[2]
    return last if last in (*PRECISIONS.values(), "int8") else spec.precision
