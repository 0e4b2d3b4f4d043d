# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of numbers in an entry's card, each with the command that repeats it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.zoo.card import cell, section_of, table, with_section
from depth_ros.engines.zoo.entry import change_card

SECTION = "Measured"
EMPTY = "Nothing yet: `depth_eval ... --card ENTRY` adds its numbers here."
HEAD = ("protocol", "data", "precision", "weights", "numbers", "command")
_KEY = (0, 1, 2, 5)  # the columns that say what was measured: a new row replaces such an old one
_DROPPED = ("--json", "--plots", "--card")  # they change no number


def record(
    folder: Path,
    command: str,
    protocol: str,
    data: str,
    measures: Mapping[str, float],
    precision: str = "fp32",
) -> None:
    """Adds a row to the table "Measured" of the card in ``folder``, or replaces it.

    ``command`` repeats the numbers, see command_of; ``data`` names what they are of, such as
    "icl_livingroom1, 211 frames"; ``measures`` has their names and values, in the units of the
    protocol. A row is replaced by one of the same protocol, data, precision and command. The
    first digits of the weights' SHA-256 stand in the row, because weights change. EngineError if
    the folder is no entry or cannot be written.
    """
    weights = EngineSpec.load(folder / "spec.json").sha256[:8]
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in measures.items())
    row = (protocol, data, precision, f"`{weights}`", numbers, f"`{command}`")
    change_card(folder, lambda card: with_row(card, row))


def with_row(card: str, row: Sequence[str]) -> str:
    """The card with this row in its table, whose other rows and surrounding text stay."""
    plain = tuple(map(cell, row))
    text = section_of(card, SECTION).replace(EMPTY, "")
    lines = text.splitlines()
    old = [tuple(_cells(line)) for line in lines if line.startswith("|")]
    rows = [r for r in old[2:] if _key(r) != _key(plain)]
    around = [line for line in lines if not line.startswith("|")]
    before = "\n".join(around).strip()
    whole = table(HEAD, [*rows, plain])
    return with_section(card, SECTION, f"{before}\n\n{whole}" if before else whole)


def command_of(program: str, arguments: Sequence[str], folder: Path) -> str:
    """A command line as it can stand in a card: without the paths of this machine.

    The entry ``folder`` becomes engines/NAME, another absolute path or one that climbs out of the
    working directory DATA/NAME, and what only says where to write results is left out.
    """
    said, skip = [program], False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if skip or name in _DROPPED:
            skip = not skip and not equals
        elif equals and name.startswith("--"):
            said.append(f"{name}={_plain(value, folder)}")
        else:
            said.append(_plain(argument, folder))
    return shlex.join(said)


def _plain(argument: str, folder: Path) -> str:
    path = Path(os.path.expanduser(argument))
    if path.exists() and path.resolve() == folder.resolve():
        return f"engines/{folder.resolve().name}"
    return ":".join(map(_short, argument.split(":")))  # as in KIND:PATH:first:stop


def _short(part: str) -> str:
    path = Path(os.path.expanduser(part))
    return f"DATA/{path.name}" if path.is_absolute() or ".." in path.parts else part


def _key(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(row[column] for column in _KEY if column < len(row))


def _cells(line: str) -> list[str]:
    return [part.strip() for part in line.strip().strip("|").split("|")]
