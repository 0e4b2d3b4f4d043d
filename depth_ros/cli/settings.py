# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every setting of config.py as a flag of the same dotted name, and other kinds of argument."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from depth_ros.config import Config, Setting, from_dict, settings


def add_settings(command: argparse.ArgumentParser) -> None:
    """A flag for every setting, and --params. A flag that is not given is None."""
    command.add_argument("--params", metavar="FILE", help="a ROS parameter file (YAML)")
    add_flags(command, settings())


def add_flags(
    command: argparse.ArgumentParser, chosen: Iterable[Setting], *, defaults: bool = False
) -> None:
    """A flag for each of these settings; with ``defaults`` one that is not given has its own."""
    group = command.add_argument_group("settings (see depth_cli params)")
    for s in chosen:
        kind = _flag if s.kind is bool else s.kind
        choices = s.choices or None
        text = s.text.replace("%", "%%") + f" Default: {s.default}."
        metavar = None if choices else s.kind.__name__.upper()
        group.add_argument(
            f"--{s.name}",
            type=kind,
            choices=choices,
            default=s.default if defaults else None,
            metavar=metavar,
            help=text,
        )


def config_of(args: argparse.Namespace) -> Config:
    """Defaults, then the --params file, then the flags."""
    from depth_ros.parameter_file import read_params

    values: dict[str, Any] = read_params(Path(args.params)) if args.params else {}
    flags = {s.name: getattr(args, s.name) for s in settings()}
    return from_dict({**values, **{k: v for k, v in flags.items() if v is not None}})


def run_params(_: argparse.Namespace) -> None:
    """Lists the settings."""
    for s in settings():
        print(f"{s.name}  (default {s.default!r}{_range(s)}{', live' if s.live else ''})")
        print(f"    {s.text}")


def index(text: str) -> int:
    """A whole number from 0."""
    return 0 if text == "0" else count(text)


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Words with commas between them."""
    found = tuple(word for word in text.split(",") if word)
    if not found:
        raise argparse.ArgumentTypeError("expected names with commas between them, got none")
    return found


def _flag(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"expected true or false, got {text}")
    return words[text.lower()]


def _range(s: Setting) -> str:
    if s.choices:
        return ", one of " + ", ".join(s.choices)
    return "" if s.low is None else f", {s.low} to {s.high}"
