# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An ONNX file that somebody else made: taken in whole, and what it eats and returns."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from depth_ros.engines.spec import Arrays
from depth_ros.errors import EngineError

_LARGEST = (1 << 31) - (1 << 20)  # bytes of one ONNX file (protobuf)
_DTYPES = {
    **{"tensor(float)": "float32", "tensor(float16)": "float16"},
    **{"f32": "float32", "f16": "float16"},
}
Dims = tuple[int | None, ...]
Run = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Port:
    """An input or output of a file; None for sizes that are not fixed."""

    name: str
    dims: Dims
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} ({', '.join('?' if d is None else str(d) for d in self.dims)})"


def copy_whole(path: Path, target: Path) -> None:
    """One file with all weights in it: those that lie beside the ONNX file are taken in."""
    if not path.is_file():
        raise EngineError(f"no file {path}", fix="Name an ONNX file.")
    if not find_spec("onnx"):
        shutil.copyfile(path, target)
        return
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # of protobuf
        raise EngineError(f"{path} is no ONNX file: {error}") from error
    beside = _external(path, model)
    if not beside:
        shutil.copyfile(path, target)
        return
    total = path.stat().st_size + sum(p.stat().st_size for p in beside)
    if total > _LARGEST:
        raise EngineError(
            f"weights of {path.name} lie in {', '.join(p.name for p in beside)}",
            expected="at most 2 GB in all, so that they fit into one file",
            got=f"{total / 1e9:.1f} GB",
            fix="Take a smaller variant of the network, or one in fp16.",
        )
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.save(model, target)
    except Exception as error:
        raise EngineError(f"cannot read the weights beside {path}: {error}") from error


def _external(path: Path, model: Any) -> list[Path]:
    """The files beside an ONNX file that hold its weights; EngineError for any other place."""
    from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors

    found = set()
    for tensor in _get_all_tensors(model):
        if tensor.data_location == tensor.EXTERNAL:
            found.add(ExternalDataInfo(tensor).location)
    for name in sorted(found):
        place = path.parent / name
        parts = PurePosixPath(name)
        inside = not parts.is_absolute() and ".." not in parts.parts and not place.is_symlink()
        if not inside or not place.is_file():
            raise EngineError(
                f"{path.name} keeps its weights in {name}",
                expected="a file beside it",
                got="no such file" if inside else "a path that leads elsewhere",
                fix="Put copies of both files, no links, into one folder.",
            )
    return [path.parent / name for name in sorted(found)]


def open_file(path: Path) -> tuple[list[Port], list[Port], Run]:
    """The ports of an ONNX file and a call that runs it, by ONNX Runtime or OpenVINO."""
    try:
        return open_in_ort(path) if find_spec("onnxruntime") else open_in_ov(path)
    except ImportError as error:
        raise EngineError(
            "nothing here can run an ONNX file", fix="pip install onnxruntime"
        ) from error


def open_in_ort(path: Path) -> tuple[list[Port], list[Port], Run]:
    """open_file() by ONNX Runtime on the CPU; ImportError where it is missing."""
    from depth_ros.engines.ort import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions share no base of their own
        raise EngineError(f"ONNX Runtime cannot open the file: {error}") from error

    def port(p: Any) -> Port:
        dims = tuple(d if isinstance(d, int) and d > 0 else None for d in p.shape)
        return Port(p.name, dims, _DTYPES.get(p.type, p.type))

    names = [o.name for o in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        try:
            return dict(zip(names, session.run(names, inputs), strict=True))
        except Exception as error:
            raise EngineError(f"the file does not run: {error}") from error

    return list(map(port, session.get_inputs())), list(map(port, session.get_outputs())), run


def open_in_ov(path: Path) -> tuple[list[Port], list[Port], Run]:
    """open_file() by OpenVINO on the CPU, in fp32; ImportError where it is missing."""
    from depth_ros.engines.ov import _core

    try:
        compiled = _core().compile_model(
            _core().read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
    except RuntimeError as error:
        raise EngineError(f"OpenVINO cannot open the file: {error}") from error

    def port(p: Any) -> Port:
        shape = p.get_partial_shape()
        fixed = () if shape.rank.is_dynamic else shape
        dims = tuple(None if d.is_dynamic else d.get_length() for d in fixed)
        kind = p.get_element_type().get_type_name()
        return Port(p.get_any_name(), dims, _DTYPES.get(kind, kind))

    names = [p.get_any_name() for p in compiled.outputs]

    def run(inputs: Arrays) -> Arrays:
        try:
            found = compiled(inputs)
        except RuntimeError as error:
            raise EngineError(f"the file does not run: {error}") from error
        return {name: found[name].copy() for name in names}

    return list(map(port, compiled.inputs)), list(map(port, compiled.outputs)), run
