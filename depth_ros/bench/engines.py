# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every network on every backend in every precision: latency, memory, error, against PyTorch.

Each row is measured in a fresh process (row.py). Zoo entries are measured with their weights, the
other networks with random ones (random_network.py). Engines that must be built go to a cache of
the bench's own; int8 is calibrated on the images that the bench runs on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from depth_ros.bench.machine import cores, machine
from depth_ros.bench.row import END, Job, to_json
from depth_ros.bench.table import header, line, machine_lines, skipped_lines
from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import DepthError

BACKENDS = ("tensorrt", "openvino", "onnxruntime", "torch")
PRECISIONS = ("fp32", "bf16", "fp16", "int8")
LIMIT_S = 5.0  # of timing in a row, after which few calls have to do
PATIENCE_S = 1200.0  # for a whole row
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to bench; empty means everything. ``threads`` 0 means all cores."""

    networks: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    frames: int = 200
    threads: int = 0
    device: str = "auto"
    zoo_only: bool = False
    source: str | None = None
    direct: bool = False
    limit_s: float = LIMIT_S

    def __post_init__(self) -> None:
        _check("backends", self.backends, BACKENDS)
        _check("precisions", self.precisions, PRECISIONS)


def bench_engines(options: Options, say: Say, json_file: Path | None = None) -> dict[str, Any]:
    """Says the table as it grows; returns, and writes to ``json_file``, all of it."""
    where = machine()
    threads = options.threads or cores()
    names = _networks(options)
    numbers: dict[str, Any] = {
        "machine": where,
        "threads": threads,
        "images": options.source or "synthetic",
        "weights": {name: "zoo" if folder else "random" for name, folder in names.items()},
        "rows": [],
        "skipped": [],
    }
    for text in machine_lines(numbers):
        say(text)
    say(header(options.direct))
    with tempfile.TemporaryDirectory(prefix="depth_ros-bench-") as folder:
        bench = _Bench(options, threads, Path(folder), numbers, say)
        for name, entry in names.items():
            bench.network(name, entry)
    for text in skipped_lines(numbers["skipped"]):
        say(text)
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise DepthError(f"cannot write {json_file}: {error}") from error
    return numbers


class _Bench:
    """One run: the rows so far, and the folders that go with it."""

    def __init__(
        self, options: Options, threads: int, folder: Path, numbers: dict[str, Any], say: Say
    ) -> None:
        self._options = options
        self._threads = threads
        self._folder = folder
        self._numbers = numbers
        self._say = say

    def network(self, name: str, entry: Path | None) -> None:
        """All rows of one network: of its depth part, and of its pose part where there is one."""
        try:
            folder = entry or self._random(name)
            spec = EngineSpec.load(folder / "spec.json")
        except DepthError as error:
            self._skip(name, "all", "all", str(error))
            return
        for part in ("depth", *(("pose",) if spec.pose else ())):
            for backend in self._options.backends or BACKENDS:
                self._backend(name, folder, part, backend)

    def _random(self, name: str) -> Path:
        from depth_ros.bench.clip import samples
        from depth_ros.bench.random_network import random_entry

        images = samples(self._options.source)
        return random_entry(self._folder / "zoo", name, images, self._options.size)

    def _backend(self, name: str, folder: Path, part: str, backend: str) -> None:
        shown = name if part == "depth" else f"{name} {part}"
        if reason := unusable(backend):
            self._skip(shown, backend, "all", reason)
            return
        for precision in self._options.precisions or PRECISIONS:
            try:
                self._build(folder, part, backend, precision)
                row = run_row(self._job(folder, part, backend, precision), self._cache)
            except DepthError as error:
                self._skip(shown, backend, precision, str(error))
                continue
            row = {"network": name, "part": part, **row}
            self._numbers["rows"].append(row)
            self._say(line(row, self._options.direct))

    def _build(self, folder: Path, part: str, backend: str, precision: str) -> None:
        """Makes what the row opens, so that the row measures no conversion."""
        from depth_ros.bench.clip import inputs, samples
        from depth_ros.engines import load_spec
        from depth_ros.engines.build import form_to_make
        from depth_ros.engines.build.making import build
        from depth_ros.engines.cache import Cache

        size = self._options.size
        spec = load_spec(folder, part, size)
        calibration = None
        if form_to_make(spec, backend, precision) == "int8":
            calibration = inputs(spec, samples(self._options.source))
        build(
            folder,
            backend,
            self._options.device,
            precision,
            part=part,
            size=size,
            calibration=calibration,
            cache=Cache(self._cache / "engines"),
        )

    def _job(self, folder: Path, part: str, backend: str, precision: str) -> Job:
        o = self._options
        return Job(
            folder=str(folder),
            part=part,
            backend=backend,
            device=o.device,
            precision=precision,
            threads=self._threads,
            frames=o.frames,
            limit_s=o.limit_s,
            size=o.size,
            source=o.source,
            direct=o.direct,
        )

    @property
    def _cache(self) -> Path:
        return self._folder / "cache"  # where DEPTH_ROS_CACHE points

    def _skip(self, network: str, backend: str, precision: str, reason: str) -> None:
        self._numbers["skipped"].append(
            {"network": network, "backend": backend, "precision": precision, "reason": reason}
        )


def run_row(job: Job, cache: Path) -> dict[str, Any]:
    """Measures a row in a fresh process. DepthError with the reason where there is none."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "depth_ros.bench.row"],
            input=to_json(job),
            env={**os.environ, "DEPTH_ROS_CACHE": str(cache)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DepthError(f"not done after {PATIENCE_S:g} s") from error
    last = done.stdout.rpartition(END)[2] if END in done.stdout else ""
    if done.returncode or not last:
        said = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise DepthError(f"the row's process ended with {done.returncode}: {said or 'no word'}")
    row: dict[str, Any] = json.loads(last)
    if "reason" in row:
        raise DepthError(row["reason"])
    return row


def unusable(backend: str) -> str:
    """Why a backend cannot be used here, empty if it can."""
    from depth_ros.engines import backends
    from depth_ros.engines.nvidia.cuda import cuda_devices

    if backend in backends():
        return ""
    if backend == "tensorrt" and not cuda_devices():
        return "no NVIDIA GPU here"
    return f"{backend} is not installed"


def _networks(options: Options) -> dict[str, Path | None]:
    """The networks by name: the folder of a zoo entry, None for one that gets random weights."""
    from depth_ros.share import engine_folder, engine_names

    names: dict[str, Path | None] = {name: engine_folder(name) for name in engine_names()}
    if not options.zoo_only and find_spec("torch") is not None:
        from depth_ros.engines.networks import NETWORKS

        names |= {name: None for name in NETWORKS if name not in names}
    if not options.networks:
        return names
    return dict(_chosen(options.networks, names))


def _chosen(
    wanted: Sequence[str], names: dict[str, Path | None]
) -> Iterator[tuple[str, Path | None]]:
    from depth_ros.share import engine_folder

    for name in wanted:
        if name in names:
            yield name, names[name]
        else:  # any folder with a spec.json
            yield name, engine_folder(name)


def _check(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    if strange := [name for name in given if name not in known]:
        raise DepthError(what, expected=f"among {', '.join(known)}", got=", ".join(strange))
