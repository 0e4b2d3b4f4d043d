# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli bench: what a frame costs here, of one network or of all on every backend."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_ros.cli.settings import add_settings, config_of, count, names
from depth_ros.errors import DepthError

# What only --all understands: the flag and what it is stored as.
_OF_ALL = ("networks", "backends", "precisions", "size", "threads", "zoo", "source", "direct")


def add_bench(bench: argparse.ArgumentParser) -> None:
    """The words of depth_cli bench."""
    bench.add_argument("--frames", type=count, default=200, metavar="N", help="frames to time")
    bench.add_argument("--json", metavar="FILE", help="write the numbers here too")
    bench.add_argument("--ros", action="store_true", help="also time the node on real topics")
    bench.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="of the camera node")
    bench.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="of each run with --ros"
    )
    bench.add_argument(
        "--all",
        action="store_true",
        help="every network on every backend in every precision: latency, memory, and error and "
        "speed against eager PyTorch (docs/engines.md)",
    )
    every = bench.add_argument_group("with --all (of the settings, engine.device counts)")
    lists = {
        "networks": "these only: names, or folders with a spec.json",
        "backends": "these only",
        "precisions": "these only: fp32, bf16, fp16, int8",
    }
    for name, text in lists.items():
        every.add_argument(f"--{name}", type=names, metavar="A,B", help=text)
    every.add_argument("--zoo", action="store_true", help="zoo entries only, no random weights")
    every.add_argument(
        "--size",
        nargs=2,
        type=count,
        metavar=("W", "H"),
        help="of the networks' image (default: the paper's, or the entry's own)",
    )
    every.add_argument(
        "--threads", type=count, metavar="N", help="of each library (default: all cores)"
    )
    every.add_argument(
        "--source",
        metavar="CLIP",
        help="run on its first images, and calibrate int8 on them (default: synthetic ones)",
    )
    every.add_argument(
        "--direct",
        action="store_true",
        help="also time the library alone, side by side: what the adapter costs",
    )
    add_settings(bench)


def run_bench(args: argparse.Namespace) -> None:
    """Runs it. Raises DepthError."""
    json_file = Path(args.json) if args.json else None
    config = config_of(args)
    if args.all:
        from depth_ros.bench.engines import Options, bench_engines

        options = Options(
            networks=args.networks or (),
            backends=args.backends or (),
            precisions=args.precisions or (),
            size=tuple(args.size) if args.size else None,
            frames=args.frames,
            threads=args.threads or config.engine.threads,
            device=config.engine.device,
            zoo_only=args.zoo,
            source=args.source,
            direct=args.direct,
        )
        bench_engines(options, _say, json_file)
        return
    if given := [f"--{name}" for name in _OF_ALL if getattr(args, name)]:
        raise DepthError(f"{', '.join(given)} without --all", fix="Add --all.")
    from depth_ros.bench import run_bench

    run_bench(
        config,
        print,
        frames=args.frames,
        ros=args.ros,
        rate_hz=args.rate,
        seconds=args.seconds,
        json_file=json_file,
    )


def _say(text: str) -> None:
    print(text, flush=True)  # rows come minutes apart
