# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Holds the node against its promises on real topics, 640x480 bgr8, on an otherwise idle machine.

    python benchmarks/node_latency.py [--json FILE] [settings, such as --engine.path NAME]

At 30 Hz: stamp to publish p50 at most 1.5 times (engine p50 + bare rclpy p50, both of this run),
resident memory under 400 MB, first depth within 3 s of the start of the process. At 120 Hz for a
minute: latency of the last quarter not above the first's, and every image accounted for. Exit 1
if a promise is broken. A run takes about four minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from depth_ros.bench import run_bench
from depth_ros.config import from_dict, settings
from depth_ros.errors import DepthError

MOST_RATIO, MOST_RSS_MB, MOST_START_S = 1.5, 400.0, 3.0
MOST_GROWTH = 1.2  # of the p50 from the first to the last quarter: what chance does at most


def main() -> int:
    """Measures, prints each promise, and returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--frames", type=int, default=300)
    for s in settings():
        kind = (lambda text: text == "true") if s.kind is bool else s.kind
        arguments.add_argument(f"--{s.name}", type=kind, choices=s.choices or None)
    args = arguments.parse_args()
    given = {s.name: getattr(args, s.name) for s in settings()}
    config = from_dict({name: value for name, value in given.items() if value is not None})
    try:
        steady = run_bench(config, print, frames=args.frames, ros=True, rate_hz=30, seconds=30)
        flooded = run_bench(config, print, frames=50, ros=True, rate_hz=120, seconds=60)
    except DepthError as error:
        print(error, file=sys.stderr)
        return 2
    if args.json:
        args.json.write_text(json.dumps({"30": steady, "120": flooded}, indent=1) + "\n")
    kept = [_told(*promise) for promise in _promises(steady, flooded)]
    return 0 if all(kept) else 1


def _promises(steady: dict[str, Any], flooded: dict[str, Any]) -> list[tuple[str, float, float]]:
    node, full = steady["topics"]["node"], flooded["topics"]["node"]
    growth = full["last_quarter_ms"]["p50"] / full["first_quarter_ms"]["p50"]
    unaccounted = float(not (node["count"]["exact"] and full["count"]["exact"]))
    return [
        ("30 Hz: p50 over (engine + bare)", steady["ratio"], MOST_RATIO),
        ("30 Hz: resident memory, MB", node["rss_mb"], MOST_RSS_MB),
        ("30 Hz: first depth, s", node["first_depth_s"], MOST_START_S),
        ("120 Hz: growth of the latency", growth, MOST_GROWTH),
        ("120 Hz: resident memory, MB", full["rss_mb"], MOST_RSS_MB),
        ("runs with unaccounted images", unaccounted, 0.0),
    ]


def _told(name: str, value: float, most: float) -> bool:
    kept = value <= most
    print(f"{'kept  ' if kept else 'BROKEN'}  {name}: {value:.2f} (at most {most:g})")
    return kept


if __name__ == "__main__":
    sys.exit(main())
