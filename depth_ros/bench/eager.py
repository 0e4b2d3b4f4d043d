# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The yardstick: a network in plain eager PyTorch, float32, as its authors would run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from depth_ros.engines.nvidia.cuda import cuda_devices
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.engines.weights import load_network


class Eager:
    """``run(inputs)`` from NumPy to NumPy: inference mode, default memory format, no fusion."""

    def __init__(
        self, folder: Path, spec: EngineSpec, part: str, threads: int, device: str = "cpu"
    ) -> None:
        """``spec`` is the part's own. EngineError for a network that has no torch module."""
        torch.set_num_threads(threads)
        self._module = _module(folder, spec, part).to(device)
        self._device = device
        self._spec = spec

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs by name; on a GPU, the way there and back is part of it."""
        with torch.inference_mode():
            given = [torch.from_numpy(inputs[t.name]).to(self._device) for t in self._spec.inputs]
            outputs = self._module(*given)
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            named = zip(self._spec.outputs, several, strict=True)
            return {t.name: tensor.cpu().numpy() for t, tensor in named}


def eager_device(backend: str, device: str) -> str:
    """Where eager PyTorch has to run to be compared with this engine."""
    on_gpu = backend == "tensorrt" or "cuda" in device.lower() or device in cuda_devices()
    return "cuda" if on_gpu and torch.cuda.is_available() else "cpu"


def module_call(
    folder: Path, spec: EngineSpec, part: str, precision: str, inputs: Arrays
) -> Callable[[], object]:
    """The module on the CPU, called as the torch adapter does: channels last, in ``precision``."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    last = torch.channels_last
    module: Any = _module(folder, spec, part)
    module.to(dtype, memory_format=last)
    images = [torch.from_numpy(inputs[t.name]) for t in spec.inputs]

    def call() -> object:
        with torch.inference_mode():
            outputs = module(*(t.to(dtype, memory_format=last) for t in images))
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            return [t.float().numpy() for t in several]

    return call


def _module(folder: Path, spec: EngineSpec, part: str) -> nn.Module:
    architecture, whole = load_network(folder, EngineSpec.load(folder / "spec.json"))
    module = architecture.parts(whole, *spec.input_size)[part].module
    return module.eval().requires_grad_(False)
