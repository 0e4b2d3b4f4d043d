# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The command add-onnx of depth_cli."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from depth_ros.cli.shared import (
    images_argument,
    read_images,
    say,
    size_argument,
    size_of,
    user_path,
    zoo_argument,
    zoo_for,
)
from depth_ros.errors import EngineError

_IMAGENET = {"mean": "0.485 0.456 0.406", "std": "0.229 0.224 0.225"}
_SAID = ("kind", "metric", "mean", "std", "size_multiple", "gain", "offset", "color", "licence")


def add_add_onnx(command: argparse.ArgumentParser) -> None:
    """The arguments of ``depth_cli add-onnx``."""
    add = command.add_argument
    add("path", metavar="PATH", help="an ONNX file that maps an image to depth")
    add("--name", default="", help="of the entry (default: the file's)")
    zoo_argument(command)
    add("--spec", metavar="FILE", help="JSON with fields of spec.json; the flags override it")
    add(
        "--kind",
        choices=("metres", "log_depth", "inverse_depth", "disparity"),
        help="what the output means",
    )
    add(
        "--metric",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="depth is in metres, not just right up to a factor",
    )
    for name in ("mean", "std"):
        text = f"{name} of r, g, b from 0 to 1 (ImageNet: {_IMAGENET[name]})"
        add(f"--{name}", nargs=3, type=float, metavar=("R", "G", "B"), help=text)
    size_argument(command, "the file's, where that is fixed")
    add("--size-multiple", type=int, metavar="N", help="of width and height, for a dynamic file")
    add("--gain", type=float, help="depth is made of gain * output + offset")
    add("--offset", type=float, help="see --gain")
    add("--baseline", type=float, metavar="M", help="metres between the views, for disparity")
    add("--color", choices=("rgb", "bgr"), help="order of the channels (default rgb)")
    add("--output", default="", metavar="NAME", help="which output is the depth")
    add("--licence", metavar="TEXT", help="of the weights")
    add("--description", metavar="TEXT", help="one sentence")
    images_argument(command, "try the file on frames of this")


def run_add_onnx(args: argparse.Namespace) -> None:
    """Anyone's ONNX file to an entry of the zoo."""
    from depth_ros.engines.zoo.foreign import add_onnx
    from depth_ros.preprocess import ToInput

    path = user_path(args.path)
    said = _said(args, path)
    size = size_of(args)
    images, images_are = read_images(args.images, None)
    folder, _ = add_onnx(
        path,
        zoo_for(said["network"], args.zoo),
        said,
        images,
        ToInput,
        images_are=images_are,
        size=size,
        output=args.output,
        say=say,
    )
    say(f"depth_cli run SOURCE --out OUT --engine.path {folder.name} runs it")


def _said(args: argparse.Namespace, path: Path) -> dict[str, Any]:
    """What the user says of the file, from --spec and the flags."""
    said: dict[str, Any] = _spec_file(user_path(args.spec)) if args.spec else {}
    flags = {name: getattr(args, name) for name in (*_SAID, "description")}
    flags["baseline_m"], flags["network"] = args.baseline, args.name or None
    said |= {name: value for name, value in flags.items() if value is not None}
    for name in ("mean", "std"):
        if name in said:
            said[name] = _triple(name, said[name])
    from depth_ros.engines.zoo.entry import entry_name

    said["network"] = entry_name(str(said.get("network") or path.stem))
    missing = [name for name in ("kind", "mean", "std") if name not in said]
    if missing:
        raise EngineError(
            "what no file tells",
            expected=", ".join(f"--{name}" for name in missing),
            got="nothing",
            fix="Look into the network's own code; most take ImageNet's mean "
            f"{_IMAGENET['mean']} and std {_IMAGENET['std']}.",
        )
    said.setdefault("metric", False)
    said.setdefault("size_multiple", 1)
    return said


def _triple(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or [type(v) in (int, float) for v in values] != [True] * 3:
        raise EngineError(name, expected="three numbers", got=values)
    return tuple(map(float, values))


def _spec_file(path: Path) -> dict[str, Any]:
    from depth_ros.engines.spec import EngineSpec

    # What is read from the file or made here, and what only our own networks have.
    ours = {"weights", "sha256", "inputs", "outputs", "states", "pose", "architecture", "options"}
    known = {f.name for f in dataclasses.fields(EngineSpec)} - ours - {"format"}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict) or not values.keys() <= known:
        unknown = sorted(values.keys() - known) if isinstance(values, dict) else type(values)
        raise EngineError(f"keys of {path}", expected=", ".join(sorted(known)), got=unknown)
    return values
