# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_eval: predictions against truth, by the protocols of the papers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from depth_ros.cli.ending import exit_code
from depth_ros.engines.zoo import measured
from depth_ros.errors import ConfigError
from depth_ros.share import engine_folder
from depth_ros.training.evaluation.disturb import Disturbance
from depth_ros.training.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from depth_ros.training.evaluation.request import Request
from depth_ros.training.evaluation.run import Outcome

EXAMPLES = """examples:
  depth_eval --protocol fastdepth --pred pred.npy --truth depth.npy --json out.json
  depth_eval --protocol scaled --engine fastdepth_indoor --truth DATA/room DATA/kitchen:800:1000
  depth_eval --protocol metric --engine fastdepth_indoor --truth POOL --baseline constant
  depth_eval --protocol kitti_eigen --engine monodepth2_driving --truth DATA/lidar:0:51
  depth_eval --protocol kitti_eigen --engine ENTRY --truth kitti_raw:KITTI:eigen_test.txt
  depth_eval --protocol nyu --engine ENTRY --truth nyu:nyu_depth_v2_labeled.mat:test
  depth_eval --protocol stereo_scale --engine ENTRY --truth DATA/kitti_odom_stereo/01
  depth_eval --protocol ate_snippets --engine ENTRY --truth DATA/kitti_odom00_mono:900:1018
"""
TRUTH = (
    "files like these; or a recording, a collection or a pool of rendered views, or a part of one,"
    " FOLDER:first:stop; or KIND:PATH[:SPLIT][:first:stop] with a KIND of source of depth_train"
)
UNRECORDED = ("pixels", "coverage", "compared", "pairs", "log_bias")  # of no use in a card
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
    source.add_argument("--engine", metavar="ENTRY",
        help="the name of a network of the zoo, or a folder with a spec.json")  # fmt: skip
    add("--truth", required=True, nargs="+", metavar="PATH", help=TRUTH)
    add("--json", type=Path, metavar="FILE", help="write all numbers here")
    add("--plots", type=Path, metavar="DIR", help="draw error maps and errors by distance here")
    add("--card", metavar="ENTRY", help="add the numbers to this network's CARD.md")
    add("--scale", help="instead of the protocol's: none, median, sequence or a factor")
    add("--crop", help="instead of the protocol's: none, garg, eigen, ...")
    add("--kind", choices=("depth", "inverse"), default="depth",
        help="whether --pred holds depth or 1/depth (disparity up to a factor)")  # fmt: skip
    add("--unit", help="of --pred: m, cm, mm, 1/256, or a number of metres; PNGs need it")
    add("--truth-unit", help="the same of --truth")
    add("--truth-depth", default="", metavar="NAME", help="which depth of a data set that has"
        " several: lidar, lidar_monodepth2, improved; filled, raw")  # fmt: skip
    add("--uncertainty", type=Path, metavar="PATH", help="variances, for AUSE of completion")
    add("--baseline", choices=("constant",), help="judge a constant depth as well")
    add("--frame-by-frame", action="store_true",
        help="a network with memory forgets at every frame")  # fmt: skip
    add("--gain", type=float, default=1.0, help="of the images' light: 0.25 is dark")
    add("--blur", type=float, default=0.0, help="of the images: standard deviation in pixels")
    add("--crop-image", type=float, default=1.0, metavar="SHARE",
        help="of width and height that is kept, as a narrower camera has it")  # fmt: skip
    add("--backend", default="auto", help="that runs the engine")
    add("--precision", default="auto", help="of the engine: auto, fp32, ...")
    return top


def run_command(args: argparse.Namespace, argv: Sequence[str]) -> None:
    """Evaluates on every truth, prints the tables, and writes the files that were asked for."""
    from depth_ros.training.evaluation import plots

    protocol = find_protocol(args.protocol, scale=args.scale, crop=args.crop)
    check_options(args, protocol)
    engine = None if args.engine is None else engine_folder(args.engine)
    card = None if args.card is None else engine_folder(args.card)
    if args.plots is not None:
        plots.check_matplotlib()
    outcomes = {}
    for number, truth in enumerate(args.truth):
        folder = args.plots
        if folder is not None and len(args.truth) > 1:
            folder = folder / str(number)
        outcomes[truth] = _evaluate(args, protocol, engine, truth, folder)
    if args.json is not None:
        write_json(args.json, _for_json(protocol, outcomes))
    if card is not None:
        _record(card, argv, args.truth, outcomes)


def check_options(args: argparse.Namespace, protocol: Protocol) -> None:
    """ConfigError for options that mean nothing together, and for files that do not exist."""
    engine = args.engine is not None
    disturbed = (args.gain, args.blur, args.crop_image) != (1.0, 0.0, 1.0)
    refused = (
        (engine and (args.kind, args.unit) != ("depth", None), "--kind and --unit", "--pred"),
        (not engine and args.frame_by_frame, "--frame-by-frame", "--engine"),
        (not engine and disturbed, "--gain, --blur and --crop-image", "--engine"),
        (not engine and args.card is not None, "--card", "--engine"),
        (not engine and len(args.truth) > 1, "several --truth", "--engine"),
        (args.uncertainty is not None and protocol.task != "completion", "--uncertainty",
            "--protocol completion"),
        (args.baseline is not None and not protocol.has_baseline, "--baseline",
            "a protocol of depth"),
        (disturbed and (protocol.is_motion or not protocol.has_baseline), "--gain, --blur and "
            "--crop-image", "a protocol of depth"),
    )  # fmt: skip
    for wrong, option, needed in refused:
        if wrong:
            raise ConfigError(option, expected=f"only with {needed}", got="without")
    for name in ("pred", "uncertainty"):
        path = getattr(args, name)
        if path is not None and not path.exists():
            raise ConfigError(f"--{name}", expected="a file or folder", got=f"no {path}")


def _evaluate(
    args: argparse.Namespace,
    protocol: Protocol,
    engine: Path | None,
    truth: str,
    plot: Path | None,
) -> Outcome:
    """One truth: its numbers, printed and drawn."""
    from depth_ros.training.evaluation import plots, tables
    from depth_ros.training.evaluation.tasks import evaluate

    watch = None
    if plot is not None:
        plot.mkdir(parents=True, exist_ok=True)
        watch = plots.ErrorMaps(plot, PLOTTED)
    request = Request(
        protocol,
        truth,
        args.pred,
        engine,
        args.kind,
        args.unit,
        args.truth_unit,
        args.truth_depth,
        args.uncertainty,
        args.backend,
        args.precision,
        watch,
        Disturbance(args.gain, args.blur, args.crop_image),
        args.frame_by_frame,
        args.baseline is not None,
    )
    outcome = evaluate(request)
    title = protocol.name if len(args.truth) == 1 else f"{protocol.name} of {truth}"
    measures, done = outcome.measures, outcome.done
    print(tables.summary_table(title, outcome.frames, measures, done, outcome.baseline))
    for name, rows in (("by distance", outcome.ranges), ("by confidence", outcome.reliability)):
        if rows:
            print(f"\n{tables.bins_table(name, rows)}")
    if plot is not None:
        plots.plot_outcome(plot, outcome.ranges, outcome.reliability)
    return outcome


def _for_json(protocol: Protocol, outcomes: Mapping[str, Outcome]) -> dict[str, object]:
    """The numbers of one truth, or of several by name."""
    summaries: dict[str, object] = {name: found.summary() for name, found in outcomes.items()}
    if len(summaries) > 1:
        return {"protocol": protocol.name, "truths": summaries}
    return next(iter(outcomes.values())).summary()


def _record(
    card: Path, argv: Sequence[str], truths: Sequence[str], outcomes: Mapping[str, Outcome]
) -> None:
    """A row in the card for each truth, with the command for that one alone."""
    for truth, found in outcomes.items():
        of_one = [text for text in argv if text == truth or text not in truths]
        command = measured.command_of("depth_eval", of_one, card)
        data = f"{Path(truth).name}, {found.frames} frame{'s' * (found.frames != 1)}"
        measures = {k: v for k, v in found.measures.items() if k not in UNRECORDED}
        name = found.protocol.name
        measured.record(card, command, name, data, measures, found.precision or "unknown")


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
    given = sys.argv[1:] if argv is None else argv
    return exit_code("depth_eval", lambda: run_command(parser().parse_args(given), given))


if __name__ == "__main__":
    sys.exit(main())
