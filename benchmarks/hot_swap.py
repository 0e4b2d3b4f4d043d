# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Holds hot swap against its promises: 1000 swaps under a 60 Hz stream, no frame lost.

    python benchmarks/hot_swap.py [--network ENTRY] [--swaps N] [--rate HZ] [--json FILE]
                                  [settings, such as --engine.backend onnxruntime]

Two networks, the second one the first with other weights, take turns as fast as they can be
opened and checked, while 60 images a second come in. Promises: no image dropped or refused, every
depth image bit by bit that of the network in use, every swap done, and resident memory not 1 %
above what it was after the first fifth. Exit 1 if one is broken. Without ``--network`` the
network is a single convolution, which takes 1 minute; run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from depth_ros.allocator import keep_large_blocks
from depth_ros.bench.swaps import IMAGES, Swaps, run_swaps
from depth_ros.config import settings
from depth_ros.engines import EngineSpec
from depth_ros.engines.spec import TensorSpec, sha256
from depth_ros.errors import DepthError
from depth_ros.share import engine_folder

WIDTH, HEIGHT = 640, 480
MOST_GROWTH = 0.01
CHANGE = 0.02  # of the last bias of the second network


def main() -> int:
    """Measures, prints each promise, and returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--network", help="an entry of the zoo, or its folder")
    arguments.add_argument("--swaps", type=int, default=1000)
    arguments.add_argument("--rate", type=float, default=60.0)
    arguments.add_argument("--json", type=Path)
    for s in settings():
        kind = (lambda text: text == "true") if s.kind is bool else s.kind
        arguments.add_argument(f"--{s.name}", type=kind, choices=s.choices or None)
    args = arguments.parse_args()
    given = {s.name: getattr(args, s.name) for s in settings()}
    keep_large_blocks()
    with tempfile.TemporaryDirectory() as folder:
        entries = _entries(Path(folder), args.network)
        try:
            run = run_swaps(
                entries,
                Path(folder) / "entry",
                _images(),
                swaps=args.swaps,
                rate_hz=args.rate,
                settings={name: value for name, value in given.items() if value is not None},
                still_s=5.0,
                rss_every=max(1, args.swaps // 10),
                say=print,
            )
        except DepthError as error:
            print(error, file=sys.stderr)
            return 2
    if args.json:
        args.json.write_text(json.dumps(dataclasses.asdict(run), indent=1) + "\n")
    _say(run)
    kept = [_told(*promise) for promise in _promises(run, args.swaps)]
    return 0 if all(kept) else 1


def _entries(folder: Path, name: str | None) -> tuple[Path, Path]:
    """The network, and the same one with its last bias a little higher."""
    first = engine_folder(name) if name else _one_convolution(folder / "first")
    spec = EngineSpec.load(first / "spec.json")
    model = onnx.load(first / spec.weights)
    biases = [i for i in model.graph.initializer if len(i.dims) == 1 and i.data_type == 1]
    last = biases[-1]
    value = onnx.numpy_helper.to_array(last) + np.float32(CHANGE)
    last.CopyFrom(onnx.numpy_helper.from_array(value, last.name))
    second = folder / "second"
    second.mkdir()
    onnx.save(model, second / "second.onnx")
    weights = {"weights": "second.onnx", "sha256": sha256(second / "second.onnx")}
    dataclasses.replace(spec, **weights).save(second / "spec.json")
    return first, second


def _one_convolution(folder: Path) -> Path:
    """Depth is 1 + 4 times the mean of red, green and blue."""
    shape, size = (1, 3, 48, 64), (1, 1, 48, 64)
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    weights = {"w": np.full((1, 3, 1, 1), 4 / 3, np.float32), "b": np.ones(1, np.float32)}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["image", "w", "b"], ["depth"])],
        "one_convolution",
        [make("image", kind, shape)],
        [make("depth", kind, size)],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    folder.mkdir()
    path = folder / "one_convolution.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    EngineSpec(
        network="one_convolution",
        weights=path.name,
        sha256=sha256(path),
        inputs=(TensorSpec("image", shape),),
        outputs=(TensorSpec("depth", size),),
        kind="metres",
        metric=True,
        opset=17,
    ).save(folder / "spec.json")
    return folder


def _images() -> list[Any]:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (IMAGES, 12, 16, 3), np.uint8)
    return [np.kron(s, np.ones((HEIGHT // 12, WIDTH // 16, 1), np.uint8)) for s in small]


def _say(run: Swaps) -> None:
    print(f"\n  {'ms':<22}{'p50':>9}{'p99':>9}{'most':>9}")
    rows = {
        "arrival to published": run.latency_ms,
        "worker held up": run.swap_ms,
        "request to answer": run.reload_ms,
    }
    for name, values in rows.items():
        p50, p99, most = np.percentile(values, (50, 99, 100)) if values else (0, 0, 0)
        print(f"  {name:<22}{p50:>9.2f}{p99:>9.2f}{most:>9.2f}")
    print(f"  resident memory, MB: {', '.join(f'{mb:.1f}' for mb in run.rss_mb)}\n")


def _promises(run: Swaps, swaps: int) -> list[tuple[str, float, float]]:
    start = run.rss_mb[max(0, len(run.rss_mb) // 5 - 1)]
    growth = run.rss_mb[-1] / start - 1
    unaccounted = run.received - run.published - run.dropped - run.rejected
    return [
        (f"images lost of {run.received}", float(run.dropped + run.rejected), 0.0),
        ("images unaccounted for", float(unaccounted), 0.0),
        ("images with another depth", float(run.wrong), 0.0),
        (f"swaps missing of {swaps}", float(swaps - run.swapped + len(run.refused)), 0.0),
        ("growth of memory, %", 100 * growth, 100 * MOST_GROWTH),
    ]


def _told(name: str, value: float, most: float) -> bool:
    kept = value <= most
    print(f"{'kept  ' if kept else 'BROKEN'}  {name}: {value:.2f} (at most {most:g})")
    return kept


if __name__ == "__main__":
    sys.exit(main())
