# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One row of the bench's table, in a process of its own: nothing of one row reaches the next.

``python -m depth_ros.bench.row`` reads a Job as JSON from stdin and ends its output with the row,
or with the reason why there is none.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from depth_ros.accuracy import Sample
from depth_ros.bench.clip import inputs, samples
from depth_ros.bench.machine import device_free_mb, rss_mb
from depth_ros.bench.timing import interleaved
from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.engines.build import ready
from depth_ros.engines.nvidia.cuda import cuda_devices
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import DepthError, EngineError
from depth_ros.network import Network
from depth_ros.recurrence import make_recurrence
from depth_ros.report.numbers import percentiles

Run = Callable[[Arrays], Arrays]
END = "depth_ros row: "  # of what the process says besides


@dataclass(frozen=True, slots=True)
class Job:
    """What a row is about. ``folder`` is an entry; ``size`` is for its dynamic file."""

    folder: str
    part: str
    backend: str
    device: str
    precision: str
    threads: int
    frames: int
    limit_s: float
    size: tuple[int, int] | None = None
    source: str | None = None
    direct: bool = False


class _Eager(Protocol):
    def run(self, inputs: Arrays) -> Arrays: ...


def measure(job: Job) -> dict[str, Any]:
    """The row. Raises DepthError where there is none."""
    folder, images = Path(job.folder), samples(job.source)
    before = _memory()
    engine = open_engine(
        folder,
        job.backend,
        job.device,
        job.precision,
        job.threads,
        part=job.part,
        size=job.size,
    )
    if engine.precision != job.precision:
        raise EngineError(
            f"precision of {engine.backend}", expected=job.precision, got=engine.precision
        )
    given = inputs(engine.spec, images)
    found = _outputs(engine.infer, engine.spec, given)
    after = _memory()  # before PyTorch comes in as the yardstick
    eager = _eager(job, folder, engine)
    row = _facts(job, engine, before, after)
    row |= _errors(engine.spec, eager, given, found, images)
    row |= _times(job, engine, eager, given[0])
    row["frame_p50_ms"] = _frame_ms(engine, images, job) if job.part == "depth" else None
    return row


def _facts(
    job: Job, engine: Engine, before: Sequence[float | None], after: Sequence[float | None]
) -> dict[str, Any]:
    width, height = engine.spec.input_size
    more = [
        None if b is None or a is None else round(a - b, 1)
        for b, a in zip(before, after, strict=True)
    ]
    return {
        "backend": engine.backend,
        "device": engine.device,
        "precision": engine.precision,
        "precision_asked": job.precision,
        "width": width,
        "height": height,
        "threads": job.threads,
        "rss_mb": more[0],
        "device_mb": more[1],
    }


def _memory() -> tuple[float | None, float | None]:
    """Resident memory, and how far the GPU's free memory is below zero, so that both only grow."""
    free = device_free_mb()
    return rss_mb(), None if free is None else -free


def _eager(job: Job, folder: Path, engine: Engine) -> _Eager | None:
    """The yardstick; None for a foreign ONNX file, and where there is no PyTorch."""
    try:
        from depth_ros.bench.eager import Eager, eager_device
    except ImportError:
        return None
    if not EngineSpec.load(folder / "spec.json").architecture:
        return None
    device = eager_device(engine.backend, engine.device)
    return Eager(folder, engine.spec, job.part, job.threads, device)


def _outputs(run: Run, spec: EngineSpec, given: Sequence[Arrays]) -> list[Arrays]:
    """The outputs over a video, with the state that each frame leaves to the next."""
    recurrence = make_recurrence(spec)
    found = []
    for arrays in given:
        outputs = run(recurrence.add(arrays))
        recurrence.keep(outputs)
        found.append({name: a.copy() for name, a in outputs.items()})
    return found


def _errors(
    spec: EngineSpec,
    eager: _Eager | None,
    given: Sequence[Arrays],
    found: Sequence[Arrays],
    images: Sequence[Sample],
) -> dict[str, float | None]:
    """Largest difference of the raw output, and mean relative one of depth, from fp32 PyTorch."""
    if eager is None:
        return {"max_abs_err": None, "abs_rel": None}
    expected, name = _outputs(eager.run, spec, given), spec.outputs[0].name
    pairs = list(zip(expected, found, strict=True))
    worst = max(float(np.abs(e[name] - f[name]).max()) for e, f in pairs)
    return {"max_abs_err": worst, "abs_rel": _abs_rel(spec, pairs, images)}


def _abs_rel(
    spec: EngineSpec, pairs: Sequence[tuple[Arrays, Arrays]], images: Sequence[Sample]
) -> float | None:
    if spec.kind == "motion":
        return None
    decode, shares = Decode(spec, "network"), []
    for sample, (expected, found) in zip(images, pairs, strict=True):
        (truth, *_), (depth, *_) = (decode(o, sample.camera) for o in (expected, found))
        valid = np.isfinite(truth) & np.isfinite(depth) & (truth > 0)
        shares.append(float(np.mean(np.abs(depth[valid] - truth[valid]) / truth[valid])))
    return float(np.mean(shares))


def _times(job: Job, engine: Engine, eager: _Eager | None, image: Arrays) -> dict[str, Any]:
    """Engine, eager PyTorch and, where asked for, the library itself, side by side."""
    arrays = {**make_recurrence(engine.spec).add(image)}
    calls: dict[str, Callable[[], object]] = {"engine": lambda: engine.infer(arrays)}
    if eager is not None:
        calls["eager"] = lambda: eager.run(arrays)
    if job.direct and (call := _direct(job, engine, arrays)) is not None:
        calls["direct"] = call
    times = interleaved(calls, job.frames, job.limit_s)
    p = {name: percentiles(values) for name, values in times.items()}
    row: dict[str, Any] = {f"{name}_ms": ms for name, ms in p["engine"].items()}
    row |= {"frames": len(times["engine"]), "eager_p50_ms": None, "ratio": None}
    if "eager" in p:
        row["eager_p50_ms"] = p["eager"]["p50"]
        row["ratio"] = round(p["eager"]["p50"] / p["engine"]["p50"], 3)
    if "direct" in p:
        row["direct_p50_ms"] = p["direct"]["p50"]
        row["overhead"] = round(p["engine"]["p50"] / p["direct"]["p50"] - 1, 4)
    return row


def _direct(job: Job, engine: Engine, arrays: Arrays) -> Callable[[], object] | None:
    """The library alone; None on a GPU, for which this is not written."""
    if engine.device in cuda_devices() or "cuda" in engine.device.lower():
        return None
    folder, spec = Path(job.folder), engine.spec
    if engine.backend == "torch":
        from depth_ros.bench.eager import module_call

        return module_call(folder, spec, job.part, engine.precision, arrays)
    from depth_ros.bench.direct import direct

    model = ready(folder, spec, engine.backend, job.device, job.precision)
    if model is None:
        return None
    return direct(engine.backend, model, spec, engine.precision, job.threads, arrays)


def _frame_ms(engine: Engine, images: Sequence[Sample], job: Job) -> float:
    """Median of a whole frame: from the camera's image to depth of its size."""
    network = Network(engine)

    def frame() -> None:
        sample = images[next(turn) % len(images)]
        network.decode(network.infer(network.preprocess(sample.image)), sample.camera)

    turn = iter(range(1 << 30))
    times = interleaved({"frame": frame}, min(job.frames, 50), job.limit_s / 4)
    return percentiles(times["frame"])["p50"]


def main() -> int:
    """Reads the job, says the row."""
    values = json.load(sys.stdin)
    values["size"] = tuple(values["size"]) if values["size"] else None
    try:
        row = measure(Job(**values))
    except DepthError as error:
        row = {"reason": str(error)}
    with suppress(BrokenPipeError):
        print(f"\n{END}{json.dumps(row)}", flush=True)
    return 0


def to_json(job: Job) -> str:
    """What main() reads."""
    return json.dumps(dataclasses.asdict(job))


if __name__ == "__main__":
    sys.exit(main())
