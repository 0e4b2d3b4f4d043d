# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a backend needs before it can run a network in a precision, and where it lies.

OpenVINO and torch choose the precision while they open the weights; ONNX Runtime computes what the
file says; TensorRT compiles a plan. Whatever has to be made is made once, into the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from depth_ros.engines.build.identity import identity, shapes
from depth_ros.engines.cache import Cache, Key, default_folder
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError

Progress = Callable[[float, str], None]
Form = Literal["fp32", "fp16", "int8"]

_FORMS: dict[str, dict[str, Form]] = {
    "tensorrt": {"auto": "fp16", "fp32": "fp32", "fp16": "fp16", "int8": "int8"},
    "openvino": {"auto": "fp32", "fp32": "fp32", "bf16": "fp32", "fp16": "fp32", "int8": "int8"},
    "onnxruntime": {"auto": "fp32", "fp32": "fp32", "fp16": "fp16", "int8": "int8"},
    "torch": {"auto": "fp32", "fp32": "fp32", "bf16": "fp32", "fp16": "fp32"},
}
_WHY_NOT = {
    ("torch", "int8"): "Quantised networks run on OpenVINO, ONNX Runtime and TensorRT.",
    ("onnxruntime", "bf16"): "ONNX Runtime has no bf16 convolutions; OpenVINO and torch have.",
    ("tensorrt", "bf16"): "fp16 is as fast on TensorRT, and finer.",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which ``form`` of the weights a backend eats, and whether a plan is compiled from it."""

    form: Form
    plan: bool


def recipe(backend: str, precision: str) -> Recipe:
    """What the backend needs; EngineError where it cannot compute in that precision."""
    forms = _FORMS.get(backend)
    if forms is None:
        raise EngineError("backend", expected=" or ".join(_FORMS), got=backend)
    if precision not in forms:
        raise EngineError(
            f"precision of {backend}",
            expected=" or ".join(forms),
            got=precision,
            fix=_WHY_NOT.get((backend, precision)),
        )
    return Recipe(forms[precision], plan=backend == "tensorrt")


def form_to_make(spec: EngineSpec, backend: str, precision: str) -> Form | None:
    """The form that has to be made of the weights; None where their own will do."""
    form = recipe(backend, precision).form
    kept = precision == "auto" and spec.precision != "fp32"
    return None if kept or form in ("fp32", spec.precision) else form


def needs_build(spec: EngineSpec, backend: str, precision: str) -> bool:
    """Whether anything has to be made; if not, the backend opens the weights as they are."""
    plan = recipe(backend, precision).plan
    return plan or form_to_make(spec, backend, precision) is not None


def key_of(spec: EngineSpec, backend: str, device: str, precision: str) -> Key:
    """The cache's key of what has to be made. ``auto`` is named by what it means."""
    version, name = identity(backend, device)
    form = form_to_make(spec, backend, precision) or spec.precision
    return Key(spec.sha256, backend, version, name, form, shapes(spec))


def ready(
    folder: Path,
    spec: EngineSpec,
    backend: str,
    device: str,
    precision: str,
    cache: Cache | None = None,
    *,
    wait: bool = True,
) -> Path | None:
    """The file that the backend opens: the weights, or what the cache has for them.

    fp16 is converted here and now, as it takes a moment. A plan takes minutes: where it is missing
    and ``wait`` is False, None is returned, and otherwise it is compiled. EngineError where the
    precision needs the user's own images.
    """
    weights = folder / spec.weights
    check_deployable(weights, backend)
    if not needs_build(spec, backend, precision):
        return weights
    cache = shared_cache() if cache is None else cache
    key = key_of(spec, backend, device, precision)
    found = cache.find(key)
    if found is not None:
        return found.path
    if form_to_make(spec, backend, precision) == "int8":
        refused = key.digest[:12] in cache.last_refusal
        raise _not_calibrated(folder, backend, cache.last_refusal if refused else "")
    if recipe(backend, precision).plan and not wait:
        return None
    from depth_ros.engines.build.making import make

    with cache.building(key) as draft:
        if draft.found is not None:
            return draft.found.path
        file, facts = make(draft.folder, weights, spec, backend, device, precision)
        return draft.commit(file, facts).path


def check_deployable(weights: Path, backend: str) -> None:
    """EngineError for weights that only torch can open."""
    if weights.suffix != ".onnx" and backend != "torch":
        name = weights.parent.name
        raise EngineError(
            f"{backend} cannot open {weights.name}",
            expected="an ONNX file",
            got=weights.suffix,
            fix=f"depth_cli export {name} first.",
        )


_shared: dict[Path, Cache] = {}


def shared_cache() -> Cache:
    """The process's own cache. It keeps what runs here from being removed by others."""
    folder = default_folder()
    if folder not in _shared:
        _shared[folder] = Cache(folder)
    return _shared[folder]


def _not_calibrated(folder: Path, backend: str, refusal: str) -> EngineError:
    return EngineError(
        f"int8 engine of {folder.name} for {backend}",
        expected="one that was calibrated on images of your camera",
        got=refusal or "none in the cache",
        fix=f"depth_cli build {folder.name} --engine.backend {backend} --engine.precision int8 "
        "--source YOUR_CLIP",
    )
