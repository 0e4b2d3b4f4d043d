# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli: the pipeline on a video, webcam, folder or bag; networks from weights to engines.

The parser imports nothing heavy; what a command needs is imported when it runs.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence

from depth_ros.cli import bench, build, foreign, run, settings, zoo
from depth_ros.cli.ending import exit_code

EXAMPLES = """examples:
  depth_cli run drive.mp4 --out out            depth of a video: mp4, point cloud, trajectory, JSON
  depth_cli run recording.mcap --out out --ros the same through a camera node and the depth node
  depth_cli bench --ros                        latency of the engine, each stage and the node
"""

Add = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], None]


def _nothing(_: argparse.ArgumentParser) -> None:
    """For a command without arguments."""


# name: (what it does, its arguments, the command itself)
_COMMANDS: dict[str, tuple[str, Add, Run]] = {
    "run": (
        "run the pipeline on a source and write a report",
        run.add_run,
        run.run_run,
    ),
    "bench": (
        "time one network, each stage and the node, or every network on every backend",
        bench.add_bench,
        bench.run_bench,
    ),
    "params": (
        "list every setting with its default, range and meaning",
        _nothing,
        settings.run_params,
    ),
    "zoo": ("list the networks that are installed", zoo.add_zoo, zoo.run_zoo),
    "import": (
        "make a zoo entry of a network's official weights",
        zoo.add_import,
        zoo.run_import,
    ),
    "add-onnx": (
        "make a zoo entry of anyone's ONNX file",
        foreign.add_add_onnx,
        foreign.run_add_onnx,
    ),
    "export": (
        "turn an entry's torch weights, or a checkpoint, into ONNX",
        zoo.add_export,
        zoo.run_export,
    ),
    "build": (
        "make an engine for a backend and a precision, and prove its accuracy",
        build.add_build,
        build.run_build,
    ),
    "cache": (
        "list or clear the engines that were built",
        build.add_cache,
        build.run_cache,
    ),
}


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="depth_cli",
        description=f"{EXAMPLES}\nDepth images, point clouds and ego-motion from a camera.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, add, _) in _COMMANDS.items():
        about = text[0].upper() + text[1:] + "."
        add(commands.add_parser(name, help=text, description=about, allow_abbrev=False))
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code, see exit_code."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code("depth_cli", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> None:
    args = parser().parse_args(argv)
    _COMMANDS[args.command][2](args)
