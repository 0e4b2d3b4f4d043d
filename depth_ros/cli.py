# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli: the pipeline on a video, webcam, folder or bag, with or without ROS, and its timing.

The parser imports nothing heavy; what a command needs is imported when it runs.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_ros.config import Config, Setting, from_dict, settings
from depth_ros.errors import DepthError

EXAMPLES = """examples:
  depth_cli run drive.mp4 --out out            depth of a video: mp4, point cloud, trajectory, JSON
  depth_cli run recording.mcap --out out --ros the same through a camera node and the depth node
  depth_cli bench --ros                        latency of the engine, each stage and the node
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands. Every setting of config.py is a flag of the same dotted name."""
    top = argparse.ArgumentParser(
        prog="depth_cli",
        description=f"{EXAMPLES}\nDepth images, point clouds and ego-motion from a camera.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(_add(commands, "run", "run the pipeline on a source and write a report"))
    _add_bench(_add(commands, "bench", "time the engine, each stage and, with --ros, the node"))
    _add(commands, "params", "list every setting with its default, range and meaning")
    _add(commands, "zoo", "list the networks that are installed")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command. 0 is success, 2 a mistake that one sentence explains, 130 Ctrl-C."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    args = parser().parse_args(argv)
    try:
        _COMMANDS[args.command](args)
    except DepthError as error:
        print(f"depth_cli: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _run(args: argparse.Namespace) -> None:
    from depth_ros.live import LiveLine
    from depth_ros.report import Report, table
    from depth_ros.sources import open_source

    config, live, out = _config(args), LiveLine(sys.stderr), Path(args.out)
    source = open_source(
        args.source,
        rate_hz=args.rate,
        fov_deg=args.fov,
        topic=args.topic,
        start=args.start,
    )
    count = f"{source.frames} frames" if source.frames else "live"
    live.note(f"{source.name}: {count}, {source.rate_hz:g} Hz")
    with Report(out, source) as report:
        try:
            if args.ros:
                from depth_ros.ros_job import Clip
                from depth_ros.ros_run import run_ros

                clip = Clip(args.source, source.rate_hz, args.limit, args.topic, start=args.start)
                facts = run_ros(clip, source, config, report, live)
            else:
                facts = _play(args, source, config, report, live)
        finally:
            live.end()
        summary = report.write(facts)
        print(table(summary))
        print("\n".join(f"  {file}" for file in report.files))


def _play(args: argparse.Namespace, source: Any, config: Config, report: Any, live: Any) -> Any:
    from depth_ros.pipeline import make_pipeline
    from depth_ros.play import Player

    pipeline = make_pipeline(config)
    try:
        player = Player(
            source,
            pipeline,
            limit=args.limit,
            realtime=args.realtime,
            rectified=config.input.rectified,
        )
        return player.play(report, live.update)
    finally:
        pipeline.close()


def _bench(args: argparse.Namespace) -> None:
    from depth_ros.bench import run_bench

    run_bench(
        _config(args),
        print,
        frames=args.frames,
        ros=args.ros,
        rate_hz=args.rate,
        seconds=args.seconds,
        json_file=Path(args.json) if args.json else None,
    )


def _params(_: argparse.Namespace) -> None:
    for s in settings():
        print(f"{s.name}  (default {s.default!r}{_range(s)}{', live' if s.live else ''})")
        print(f"    {s.text}")


def _zoo(_: argparse.Namespace) -> None:
    from depth_ros.share import engine_names

    for name in engine_names():
        print(name)


_COMMANDS = {"run": _run, "bench": _bench, "params": _params, "zoo": _zoo}


def _config(args: argparse.Namespace) -> Config:
    """Defaults, then the --params file, then the flags."""
    from depth_ros.parameter_file import read_params

    values: dict[str, Any] = read_params(Path(args.params)) if args.params else {}
    flags = {s.name: getattr(args, s.name) for s in settings()}
    return from_dict({**values, **{k: v for k, v in flags.items() if v is not None}})


def _add(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
    )
    return command


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "source",
        metavar="SOURCE",
        help="a video file, a webcam's number, a folder of images (with depth/ and poses.txt "
        "where known), an MCAP file, a rosbag2 folder or a ROS 1 .bag",
    )
    run.add_argument("--out", required=True, metavar="DIR", help="folder for the report")
    run.add_argument("--ros", action="store_true", help="run a camera node and the depth node")
    run.add_argument(
        "--start", type=_index, default=0, metavar="N", help="leave N frames out first"
    )
    run.add_argument("--limit", type=_count, metavar="N", help="stop after N frames")
    run.add_argument(
        "--realtime",
        action="store_true",
        help="play at the source's rate and drop late frames (always so with --ros)",
    )
    run.add_argument("--rate", type=float, metavar="HZ", help="play at this rate")
    run.add_argument("--topic", help="the image topic of a bag (default: the best one)")
    run.add_argument(
        "--fov",
        type=float,
        default=60.0,
        metavar="DEG",
        help="horizontal field of view of a camera without intrinsics (default 60); depth is then "
        "up to scale",
    )
    _add_settings(run)


def _add_bench(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("--frames", type=_count, default=200, metavar="N", help="frames to time")
    bench.add_argument("--ros", action="store_true", help="also time the node on real topics")
    bench.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="of the camera node")
    bench.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="of each run with --ros"
    )
    bench.add_argument("--json", metavar="FILE", help="write the numbers here too")
    _add_settings(bench)


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--params", metavar="FILE", help="a ROS parameter file (YAML)")
    group = command.add_argument_group("settings (see depth_cli params)")
    for s in settings():
        kind = _flag if s.kind is bool else s.kind
        choices = s.choices or None
        text = s.text.replace("%", "%%") + f" Default: {s.default}."
        metavar = None if choices else s.kind.__name__.upper()
        group.add_argument(f"--{s.name}", type=kind, choices=choices, metavar=metavar, help=text)


def _flag(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"expected true or false, got {text}")
    return words[text.lower()]


def _index(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return int(text)


def _range(s: Setting) -> str:
    if s.choices:
        return ", one of " + ", ".join(s.choices)
    return "" if s.low is None else f", {s.low} to {s.high}"


if __name__ == "__main__":
    sys.exit(main())
