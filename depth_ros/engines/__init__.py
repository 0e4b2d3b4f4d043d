# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a network's folder to a running engine: open_engine(), Engine and EngineSpec."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from depth_ros.engines.spec import Arrays, EngineSpec, sha256
from depth_ros.errors import EngineError

__all__ = ["Engine", "EngineSpec", "backends", "load_spec", "open_engine"]


class Engine(Protocol):
    """A network that is ready to run.

    ``device`` and ``precision`` are read back from the backend, not what was asked for.
    """

    spec: EngineSpec
    backend: str
    device: str
    precision: str

    def infer(self, inputs: Arrays) -> Arrays:
        """Runs the network once. The arrays returned are valid until the next call.

        Raises EngineError if names, shapes or types are not the spec's.
        """
        ...

    def close(self) -> None:
        """Frees what the backend holds."""
        ...


def _installed(*packages: str) -> Callable[[], bool]:
    return lambda: any(find_spec(p) is not None for p in packages)


def _tensorrt() -> bool:
    from depth_ros.engines.nvidia.cuda import cuda_devices

    return _installed("tensorrt", "tensorrt_rtx")() and bool(cuda_devices())


# backend: (its module here, its class there, whether it can be used, what to install), by speed
_ADAPTERS: dict[str, tuple[str, str, Callable[[], bool], str]] = {
    "tensorrt": ("trt", "TrtEngine", _tensorrt, "tensorrt (with an NVIDIA GPU)"),
    "openvino": ("ov", "OvEngine", _installed("openvino"), "openvino"),
    "onnxruntime": ("ort", "OrtEngine", _installed("onnxruntime"), "onnxruntime"),
    "torch": ("pt", "PtEngine", _installed("torch"), "torch"),
}


def backends() -> list[str]:
    """The backends that can be used here, the fastest first."""
    return [name for name, (_, _, usable, _) in _ADAPTERS.items() if usable()]


def open_engine(
    path: str | Path,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    *,
    part: str = "depth",
    size: tuple[int, int] | None = None,
) -> Engine:
    """Opens the network in a folder with a spec.json, checks its weights and warms it up.

    ``backend`` auto takes the first of TensorRT, OpenVINO, ONNX Runtime and torch that can be used
    here. ``part`` pose is the entry's pose network. ``size`` (width, height) is for weights whose
    image size is dynamic. What the backend has to build first is taken from the cache, or built
    into it (build.py). Raises EngineError if the folder, the weights or the backend cannot be
    used.
    """
    from depth_ros.engines.build import ready

    folder = Path(path)
    spec = load_spec(folder, part, size)
    name = choose(backend, folder / spec.weights)
    model = ready(folder, spec, name, device, precision)
    engine = open_model(name, cast(Path, model), spec, device, precision, threads)
    engine.infer({t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs})
    return engine


def open_model(
    backend: str, model: Path, spec: EngineSpec, device: str, precision: str, threads: int = 0
) -> Engine:
    """Opens a file that is ready for this backend: weights, or what build.py has made of them."""
    module, kind, _, _ = _ADAPTERS[backend]
    adapter = getattr(import_module(f"{__name__}.{module}"), kind)
    return cast(Engine, adapter(model, spec, device, precision, threads))


def load_spec(
    folder: Path, part: str = "depth", size: tuple[int, int] | None = None
) -> EngineSpec:
    """The spec of one part of an entry, at another image size where asked for, weights checked."""
    spec = EngineSpec.load(folder / "spec.json")
    if part == "pose":
        if spec.pose is None:
            raise EngineError(
                f"pose network of {folder}",
                expected="an entry with one",
                got="depth alone",
                fix="Set odometry.source to visual, or take another network.",
            )
        spec = spec.pose
    _check_weights(folder / spec.weights, spec.sha256)
    return spec if size is None or size == spec.input_size else spec.resized(*size)


def choose(backend: str, weights: Path) -> str:
    """The backend to use; EngineError, with what is missing, where it cannot be used here."""
    usable = backends()
    if backend == "auto":
        # Only torch can open weights that were imported and not yet exported.
        fitting = [b for b in usable if b == "torch" or weights.suffix == ".onnx"]
        if fitting:
            return fitting[0]
    elif backend in usable:
        return backend
    names = list(_ADAPTERS) if backend == "auto" else [backend]
    packages = [_ADAPTERS[n][3] for n in names if n in _ADAPTERS] or ["openvino"]
    raise EngineError(
        f"no backend for {weights}",
        expected=" or ".join(names),
        got=f"usable here: {', '.join(usable) or 'none'}",
        fix=f"pip install {packages[min(1, len(packages) - 1)]}",
    )


def _check_weights(weights: Path, expected: str) -> None:
    if not weights.is_file():
        raise EngineError(f"no weights at {weights}", fix="Restore the file that the spec names.")
    got = sha256(weights)
    if got != expected:
        raise EngineError(
            f"weights {weights} are not the ones that the spec describes",
            expected=f"SHA-256 {expected}",
            got=got,
            fix="Export the network again; the spec is written with it.",
        )
