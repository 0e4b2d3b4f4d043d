# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_eval: predictions against truth, by the protocols of the papers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from depth_ros.cli.ending import exit_code
from depth_ros.errors import ConfigError
from depth_ros.training.evaluation.protocols import PROTOCOLS, find_protocol

EXAMPLES = """examples:
  depth_eval --protocol fastdepth --pred pred.npy --truth depth.npy --json out.json
  depth_eval --protocol kitti_eigen --engine engines/monodepth2_driving --truth DATA:0:51
  depth_eval --protocol ate_snippets --pred ours.txt --truth poses.txt
  depth_eval --protocol ate --engine engines/fastdepth_indoor --truth DATA
"""
PLOTTED = 6  # error maps, evenly spread over the frames


def parser() -> argparse.ArgumentParser:
    """The command's parser."""
    listed = "\n".join(f"  {p.name:22}{p.summary}" for p in PROTOCOLS.values())
    top = argparse.ArgumentParser(
        prog="depth_eval",
        description=f"{EXAMPLES}\nprotocols:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = top.add_argument
    add("--protocol", required=True, metavar="NAME", help="one of the above")
    source = top.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--pred", type=Path, metavar="PATH", help=".npy, .npz, 16-bit .png or a folder of them;"
        " poses for protocols of motion",
    )  # fmt: skip
    source.add_argument("--engine", type=Path, metavar="ENTRY", help="a folder with a spec.json")
    add("--truth", required=True, metavar="PATH", help="files like these, or a recording's folder"
        " or a part of it, FOLDER:first:stop")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all numbers here")
    add("--plots", type=Path, metavar="DIR", help="draw error maps and errors by distance here")
    add("--scale", help="instead of the protocol's: none, median, sequence or a factor")
    add("--crop", help="instead of the protocol's: none, garg, eigen, ...")
    add("--kind", choices=("depth", "inverse"), default="depth",
        help="whether --pred holds depth or 1/depth (disparity up to a factor)")  # fmt: skip
    add("--unit", help="of --pred: m, cm, mm, 1/256, or a number of metres; PNGs need it")
    add("--truth-unit", help="the same of --truth")
    add("--uncertainty", type=Path, metavar="PATH", help="variances, for AUSE of completion")
    add("--backend", default="auto", help="that runs the engine")
    add("--precision", default="auto", help="of the engine: auto, fp32, ...")
    return top


def run_command(args: argparse.Namespace) -> None:
    """Evaluates, prints the tables, and writes the files that were asked for."""
    from depth_ros.training.evaluation import plots, tables
    from depth_ros.training.evaluation.tasks import Request, evaluate

    protocol = find_protocol(args.protocol, scale=args.scale, crop=args.crop)
    watch = None
    if args.plots is not None:
        plots.check_matplotlib()
        args.plots.mkdir(parents=True, exist_ok=True)
        watch = plots.ErrorMaps(args.plots, PLOTTED)
    if args.engine is not None and (args.kind != "depth" or args.unit is not None):
        raise ConfigError("--kind and --unit", expected="files (--pred)", got="an engine")
    if args.uncertainty is not None and protocol.task != "completion":
        raise ConfigError("--uncertainty", expected="--protocol completion", got=protocol.name)
    for name in ("pred", "engine", "uncertainty"):
        path = getattr(args, name)
        if path is not None and not path.exists():
            raise ConfigError(f"--{name}", expected="a file or folder", got=f"no {path}")
    outcome = evaluate(
        Request(
            protocol,
            args.truth,
            args.pred,
            args.engine,
            args.kind,
            args.unit,
            args.truth_unit,
            args.uncertainty,
            args.backend,
            args.precision,
            watch,
        )
    )
    print(tables.summary_table(protocol.name, outcome.frames, outcome.measures, outcome.done))
    for title, rows in (("by distance", outcome.ranges), ("by confidence", outcome.reliability)):
        if rows:
            print(f"\n{tables.bins_table(title, rows)}")
    if args.json is not None:
        write_json(args.json, outcome.summary())
    if args.plots is not None:
        plots.plot_outcome(args.plots, outcome.ranges, outcome.reliability)


def write_json(path: Path, summary: dict[str, object]) -> None:
    """Atomically, so that a reader never sees half a file."""
    partial = path.with_name(path.name + ".partial")
    try:
        text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code, see exit_code."""
    args = parser().parse_args(argv)
    return exit_code("depth_eval", lambda: run_command(args))


if __name__ == "__main__":
    sys.exit(main())
