# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Holds the engines against their promises, on an otherwise idle machine.

    python benchmarks/engines.py [--json FILE] [--frames N] [--threads N]

On a CPU with AMX, OpenVINO in bf16 against eager fp32 PyTorch of the same run: FastDepth at
224x224 at least 8 times as fast, Monodepth2 with ResNet-18 at 640x192 at least 4 times. On any
CPU, every adapter within 5 % of calling its library directly. Exit 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from depth_ros.bench.engines import Options, bench_engines
from depth_ros.errors import DepthError

LEAST_RATIO = {"fastdepth": 8.0, "monodepth2": 4.0}
MOST_OVERHEAD = 0.05
NETWORKS = (*LEAST_RATIO, "stclstm")


def main() -> int:
    """Measures, prints each promise, and returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--frames", type=int, default=300)
    arguments.add_argument("--threads", type=int, default=0)
    args = arguments.parse_args()
    options = Options(
        networks=NETWORKS,
        backends=("openvino", "onnxruntime", "torch"),
        precisions=("fp32", "bf16"),
        frames=args.frames,
        threads=args.threads,
        direct=True,
        limit_s=30.0,
    )
    try:
        numbers = bench_engines(options, print, args.json)
    except DepthError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all([*_speed(numbers), *_overhead(numbers["rows"])]) else 1


def _speed(numbers: dict[str, Any]) -> list[bool]:
    if "amx_bf16" not in numbers["machine"]["flags"]:
        print("\nno AMX here: the promises of speed are not for this machine")
        return []
    print()
    kept = []
    for name, least in LEAST_RATIO.items():
        wanted = (name, "depth", "openvino", "bf16")
        keys = ("network", "part", "backend", "precision")
        ratios = [r["ratio"] for r in numbers["rows"] if tuple(r[k] for k in keys) == wanted]
        ratio = ratios[0] if ratios and ratios[0] else 0.0
        kept.append(_told(f"{name}, ratio to eager", ratio, f"at least {least:g}", ratio >= least))
    return kept


def _overhead(rows: list[dict[str, Any]]) -> list[bool]:
    kept = []
    for row in rows:
        name = f"{row['network']} {row['part']} {row['backend']} {row['precision']}, overhead"
        over = row.get("overhead")
        if over is not None:
            most = f"at most {MOST_OVERHEAD:g}"
            kept.append(_told(name, over, most, over <= MOST_OVERHEAD))
    return kept


def _told(name: str, value: float, limit: str, kept: bool) -> bool:
    print(f"{'kept  ' if kept else 'BROKEN'}  {name}: {value:.3f} ({limit})")
    return kept


if __name__ == "__main__":
    sys.exit(main())
