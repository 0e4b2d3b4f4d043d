# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What compiling (plan.py) and running (trt.py) share: the library, its log, checked tensors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.engines.spec import TensorSpec
from depth_ros.errors import EngineError

REBUILD = "Build it again on this machine: depth_cli build."
LIBRARIES = ("tensorrt", "tensorrt_rtx")
_LOG = logging.getLogger(__name__)


@cache
def trt_library() -> Any:
    """The module ``tensorrt``, else ``tensorrt_rtx``; EngineError if neither can be imported."""
    reasons = []
    for name in LIBRARIES:
        try:
            return import_module(name)
        except (ImportError, OSError, RuntimeError) as error:  # it or its shared libraries miss
            reasons.append(f"{name}: {error}")
    raise EngineError(
        "no TensorRT",
        expected=" or ".join(LIBRARIES),
        got="; ".join(reasons),
        fix="pip install tensorrt, or tensorrt_rtx for RTX cards; JetPack brings tensorrt along.",
    )


@cache
def trt_logger(trt: Any) -> Any:
    """The logger that all objects of the library share, and that outlives them."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.listeners: list[tuple[int, list[str]]] = []

        def log(self, severity: Any, message: str) -> None:
            _LOG.debug("%s", message)
            for level, messages in self.listeners:
                if int(severity) <= level:
                    messages.append(message)

    return Logger()


@contextmanager
def collect_errors(trt: Any, *, notes: bool = False) -> Iterator[list[str]]:
    """A list of what the library logs as errors meanwhile, with ``notes`` as information too."""
    listeners, messages = trt_logger(trt).listeners, list[str]()
    severity = trt.ILogger.INFO if notes else trt.ILogger.ERROR
    listeners.append((int(severity), messages))
    try:
        yield messages
    finally:
        listeners[:] = [each for each in listeners if each[1] is not messages]


def parser_errors(parser: Any) -> list[str]:
    """Every error of an ONNX parser or refitter, with the node that it is about."""
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    return [f"{e.node_name()}: {e.desc()}" if e.node_name() else e.desc() for e in errors]


def failed(what: str, errors: Sequence[str], fix: str | None = None) -> EngineError:
    """The error that says what failed and all that the library said about it."""
    return EngineError(f"{what}: {'; '.join(errors) or 'no reason given'}", fix=fix)


def numpy_type(trt: Any, dtype: Any) -> str:
    """The numpy name of a type, or TensorRT's where numpy has none."""
    try:
        return str(np.dtype(trt.nptype(dtype)).name)
    except TypeError:
        return str(dtype.name).lower()


def check_tensors(
    found: dict[str, tuple[tuple[int, ...], str]], tensors: Sequence[TensorSpec], what: str
) -> None:
    """EngineError unless names, shapes and types are those of the spec."""
    expected = {t.name: (t.shape, t.dtype) for t in tensors}
    if found != expected:
        raise EngineError(what, expected=expected, got=found)


def load_plan(trt: Any, model: Path, device: str) -> tuple[Any, Any]:
    """Runtime and engine of a plan; EngineError, with all reasons, if it cannot be used here."""
    try:
        data = model.read_bytes()
    except OSError as error:
        raise EngineError(f"cannot read {model}: {error}") from error
    runtime = trt.Runtime(trt_logger(trt))
    with collect_errors(trt) as errors:
        engine = runtime.deserialize_cuda_engine(data)
    if engine is None:
        what = f"{trt.__name__} {trt.__version__} cannot open {model} on {device}"
        raise failed(what, _diagnostics(trt, runtime, data) + errors, REBUILD)
    return runtime, engine


def _diagnostics(trt: Any, runtime: Any, data: bytes) -> list[str]:
    """What the library's own check of a plan's head finds, where it has one."""
    if not hasattr(runtime, "get_engine_validity"):
        return []
    with collect_errors(trt, notes=True) as messages:
        _, bits = runtime.get_engine_validity(data[: runtime.engine_header_size])
    known = trt.EngineInvalidityDiagnostics.__members__.items()
    return [n.lower().replace("_", " ") for n, bit in known if int(bits) & int(bit)] + messages
