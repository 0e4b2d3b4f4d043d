# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The commands import, export and zoo of depth_cli."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from depth_ros.cli.shared import (
    images_argument,
    prepared,
    read_images,
    say,
    size_argument,
    size_of,
    user_path,
    zoo_argument,
    zoo_for,
)
from depth_ros.errors import DepthError, EngineError


def add_import(command: argparse.ArgumentParser) -> None:
    """The arguments of ``depth_cli import``."""
    command.add_argument("network", help="such as fastdepth or monodepth2")
    command.add_argument(
        "paths", nargs="+", metavar="PATH", help="the authors' file or files, or their folder"
    )
    command.add_argument("--name", default="", help="of the entry (default: the network's)")
    zoo_argument(command)
    size_argument(command, "what the files say, or the paper's")
    command.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a field of the network's configuration, as JSON; may be repeated",
    )
    command.add_argument("--licence", default="", metavar="TEXT", help="of the weights")


def run_import(args: argparse.Namespace) -> None:
    """Official weights to an entry of the zoo."""
    _need("safetensors", "torch")
    from depth_ros.engines.zoo.importer import import_network

    name = args.name or args.network
    folder, _ = import_network(
        args.network,
        [user_path(p) for p in args.paths],
        zoo_for(name, args.zoo),
        name=name,
        size=size_of(args),
        options=dict(_option(text) for text in args.option),
        licence=args.licence,
        say=say,
    )
    say(f"torch runs it as it is; for the other backends: depth_cli export {folder.name}")


def add_export(command: argparse.ArgumentParser) -> None:
    """The arguments of ``depth_cli export``."""
    command.add_argument(
        "network", help="a name of the zoo, an entry's folder, or a checkpoint.pt of training"
    )
    size_argument(command, "the entry's")
    command.add_argument("--dynamic", action="store_true", help="for images of any size")
    command.add_argument("--opset", type=int, metavar="N", help="of ONNX (default 17)")
    command.add_argument("--out", metavar="FOLDER", help="the entry to write (default: the same)")
    images_argument(command, "compare with torch on frames of this")
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="largest difference from torch, in the output's unit (default 1e-4)",
    )
    command.add_argument("--licence", default="", help="of a checkpoint's weights")
    command.add_argument("--description", default="", help="one sentence, for a checkpoint")


def run_export(args: argparse.Namespace) -> None:
    """Torch weights to ONNX."""
    _need("torch", "onnx")
    from depth_ros.engines import export
    from depth_ros.share import engine_folder

    checkpoint = user_path(args.network)
    if checkpoint.is_file():
        if not args.out:
            raise EngineError("where to export the checkpoint to", fix="Name it by --out FOLDER.")
        folder, name = _out(args.out)
        facts = {"licence": args.licence, "description": args.description}
        item = export.from_checkpoint(checkpoint, name, size_of(args), **facts)
    else:
        source = engine_folder(args.network)
        folder, name = _out(args.out) if args.out else (source, "")
        item = export.from_entry(source, size_of(args), name)
    width, height = item.spec.input_size
    say(f"{item.spec.network}: {width}x{height}, {item.spec.architecture}")
    images, images_are = read_images(args.images, item.spec)
    spec, _ = export.export(
        item,
        folder,
        [prepared(item.spec, image) for image in images],
        images_are=images_are,
        dynamic=args.dynamic,
        opset=args.opset or export.OPSET,
        tolerance=export.TOLERANCE if args.tolerance is None else args.tolerance,
        say=say,
    )
    say(f"wrote {folder / spec.weights}, opset {spec.opset}")


def add_zoo(command: argparse.ArgumentParser) -> None:
    """The arguments of ``depth_cli zoo``."""
    command.add_argument("--json", action="store_true", help="print JSON")


def run_zoo(args: argparse.Namespace) -> None:
    """A table of the entries."""
    from depth_ros.share import engine_folders, zoo_dirs

    found = engine_folders()
    rows = [_row(name, folder) for name, folders in found.items() for folder in folders]
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    print(_table(rows) if rows else f"no networks in {' or '.join(map(str, zoo_dirs()))}")
    for name, folders in found.items():
        if len(folders) > 1:
            print(f"{name}: two entries have this name; use the folder, or rename your own")


def _row(name: str, folder: Path) -> dict[str, Any]:
    from depth_ros.engines.spec import EngineSpec

    row: dict[str, Any] = {"name": name, "folder": str(folder)}
    try:
        spec = EngineSpec.load(folder / "spec.json")
    except DepthError as error:
        return {**row, "error": str(error)}
    kinds = {".onnx": "ONNX", ".safetensors": "safetensors"}
    return {
        **row,
        "network": spec.architecture or "foreign",
        "size": "x".join(map(str, spec.input_size)),
        "kind": spec.kind,
        "metric": spec.metric,
        "pose": spec.pose is not None,
        "weights": kinds.get(Path(spec.weights).suffix, spec.weights),
        "licence": spec.licence,
    }


def _table(rows: list[dict[str, Any]]) -> str:
    heads = ("name", "network", "size", "kind", "metric", "pose", "weights", "licence", "folder")
    lines = [heads, *(tuple(_cell(row, head) for head in heads) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(row: dict[str, Any], head: str) -> str:
    if "error" in row and head not in ("name", "folder"):
        return "broken" if head == "network" else ""
    value = row.get(head, "")
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 or head == "folder" else f"{text[:37]}..."


def _out(text: str) -> tuple[Path, str]:
    """A folder to write an entry to, and the name that the entry then has."""
    from depth_ros.engines.zoo.entry import entry_name

    folder = user_path(text)
    return folder, entry_name(folder.resolve().name)


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise EngineError("option", expected="KEY=VALUE", got=text)
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _need(*packages: str) -> None:
    from importlib.util import find_spec

    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise EngineError(
            "this command needs more than the node does",
            expected=", ".join(packages),
            got=f"no {', '.join(missing)}",
            fix=f"pip install {' '.join(missing)}",
        )
