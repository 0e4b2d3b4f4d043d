# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Making an engine: convert, quantise, compile, prove it on real images, keep it in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_ros import engines
from depth_ros.engines import Engine
from depth_ros.engines.build import (
    Progress,
    check_deployable,
    form_to_make,
    key_of,
    needs_build,
    recipe,
    shared_cache,
)
from depth_ros.engines.cache import Cache, Entry
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

# Compares the candidate (second) with fp32 (first); what it returns is kept with the entry, and
# an EngineError refuses the candidate.
Check = Callable[[Engine, Engine], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Built:
    """What build() did. ``path`` is the file that the backend opens.

    ``entry`` is None where the weights are opened as they are; ``fresh`` is False for what was in
    the cache already. ``facts`` are those of the check, now or when the entry was made.
    """

    path: Path
    entry: Entry | None
    fresh: bool
    facts: dict[str, Any]


def build(
    folder: Path,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    *,
    part: str = "depth",
    size: tuple[int, int] | None = None,
    calibration: Iterable[Arrays] | None = None,
    check: Check | None = None,
    force: bool = False,
    progress: Progress = lambda *_: None,
    cache: Cache | None = None,
) -> Built:
    """Makes sure that the cache holds what open_engine() with the same words needs.

    ``calibration`` gives the inputs that int8 needs. ``check`` is asked before the engine is kept,
    also where nothing has to be made. ``progress`` hears a fraction and a phase, and cancels by
    raising. Raises EngineError; then the cache is as it was before.
    """
    spec = engines.load_spec(folder, part, size)
    weights = folder / spec.weights
    backend = engines.choose(backend, weights)
    check_deployable(weights, backend)
    words = (spec, backend, device, precision)
    if not needs_build(spec, backend, precision):
        return Built(weights, None, False, _proved(weights, weights, *words, check, progress))
    progress(0.0, "looking into the cache")
    cache = shared_cache() if cache is None else cache
    with cache.building(
        key_of(*words), force=force, waiting=lambda: progress(0.0, "waiting for another build")
    ) as draft:
        if draft.found is not None:
            return Built(draft.found.path, draft.found, False, draft.found.facts)
        file, facts = make(draft.folder, weights, *words, calibration, progress)
        facts |= _proved(file, weights, *words, check, progress)
        progress(1.0, "writing")
        entry = draft.commit(file, facts)
    return Built(entry.path, entry, True, facts)


def make(
    folder: Path,
    weights: Path,
    spec: EngineSpec,
    backend: str,
    device: str,
    precision: str,
    calibration: Iterable[Arrays] | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Path, dict[str, Any]]:
    """Makes the artefact in ``folder``; returns it and the facts about it."""
    form = form_to_make(spec, backend, precision)
    facts: dict[str, Any] = {"network": spec.network, "weights": weights.name}
    onnx = weights
    if form is not None:
        progress(0.0, f"converting to {form}")
        onnx = folder / f"{form}.onnx"
        facts |= _convert(weights, onnx, spec, form, backend, calibration, progress)
    if recipe(backend, precision).plan:
        from depth_ros.engines.nvidia.plan import compile

        plan = folder / "engine.plan"
        facts |= compile(onnx, plan, spec, device=device, progress=progress)
        return plan, facts
    return onnx, facts


def _convert(
    weights: Path,
    target: Path,
    spec: EngineSpec,
    form: str,
    backend: str,
    calibration: Iterable[Arrays] | None,
    progress: Progress,
) -> dict[str, Any]:
    from depth_ros.engines.precision import to_fp16, to_int8

    if form == "fp16":
        to_fp16(weights, target)
        return {}
    if calibration is None:
        raise EngineError(
            f"int8 engine of {spec.network}",
            expected="images to calibrate on",
            got="none",
            fix="Add --source YOUR_CLIP, a video, folder or bag of your own camera.",
        )
    counted = _Counted(calibration, progress)
    to_int8(weights, target, spec, counted, symmetric=backend == "tensorrt")
    return {"calibration_frames": counted.most}


class _Counted:
    """An iterable that says how far it is; it may be read several times."""

    def __init__(self, inputs: Iterable[Arrays], progress: Progress) -> None:
        self._inputs, self._progress = inputs, progress
        self.most = 0

    def __iter__(self) -> Iterator[Arrays]:
        count = 0
        for count, arrays in enumerate(self._inputs, 1):
            self._progress(0.0, f"calibrating, frame {count}")
            yield arrays
        self.most = max(self.most, count)


def _proved(
    file: Path,
    weights: Path,
    spec: EngineSpec,
    backend: str,
    device: str,
    precision: str,
    check: Check | None,
    progress: Progress,
) -> dict[str, Any]:
    """The facts that ``check`` finds about the file, against the weights in fp32."""
    if check is None:
        return {}
    progress(0.0, "comparing with fp32")
    with (
        _opened(weights, spec, _reference(), "CPU", "fp32") as reference,
        _opened(file, spec, backend, device, precision) as candidate,
    ):
        facts = check(reference, candidate)
        return {**facts, "precision": candidate.precision, "device": candidate.device}


def _reference() -> str:
    for backend in ("openvino", "onnxruntime", "torch"):
        if backend in engines.backends():
            return backend
    raise EngineError(
        "nothing to compare with", expected="OpenVINO or ONNX Runtime", fix="pip install openvino"
    )


@contextmanager
def _opened(
    model: Path, spec: EngineSpec, backend: str, device: str, precision: str
) -> Iterator[Engine]:
    with closing(engines.open_model(backend, model, spec, device, precision)) as it:
        yield it
