# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a network's folder to a running engine: open_engine(), Engine and EngineSpec."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from depth_ros.engines.spec import Arrays, EngineSpec, sha256
from depth_ros.errors import EngineError

__all__ = ["Engine", "EngineSpec", "open_engine"]

# backend: (our module, its class), the fastest first
_ADAPTERS = {"openvino": ("ov", "OvEngine"), "onnxruntime": ("ort", "OrtEngine")}


class Engine(Protocol):
    """A network that is ready to run.

    ``precision`` is read back from the backend, not what was asked for.
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


def open_engine(
    path: str | Path,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
) -> Engine:
    """Opens the network in a folder with a spec.json, checks its weights and warms it up.

    ``backend`` auto takes the first of OpenVINO and ONNX Runtime that can be imported here.
    Raises EngineError if the folder, the weights or the backend cannot be used.
    """
    folder = Path(path)
    spec = EngineSpec.load(folder / "spec.json")
    weights = folder / spec.weights
    _check_weights(weights, spec.sha256)
    module, name = _ADAPTERS[_choose(backend, weights)]
    adapter = getattr(import_module(f"{__name__}.{module}"), name)
    engine = cast(Engine, adapter(weights, spec, device, precision, threads))
    engine.infer({t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs})
    return engine


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


def _choose(backend: str, weights: Path) -> str:
    present = [b for b in _ADAPTERS if find_spec(b)]
    if backend == "auto" and present:
        return present[0]
    if backend in present:
        return backend
    raise EngineError(
        f"no backend for {weights}",
        expected=" or ".join(_ADAPTERS) if backend == "auto" else backend,
        got=f"importable here: {', '.join(present) or 'none'}",
        fix=f"pip install {backend if backend in _ADAPTERS else next(iter(_ADAPTERS))}",
    )
