# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The bench's numbers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# (heading, key, width, format); text is left-aligned
_COLUMNS = (
    ("p50", "p50_ms", 8, ".2f"),
    ("p95", "p95_ms", 8, ".2f"),
    ("p99", "p99_ms", 8, ".2f"),
    ("RSS MB", "rss_mb", 8, ".0f"),
    ("max err", "max_abs_err", 9, ".1e"),
    ("AbsRel", "abs_rel", 9, ".1e"),
    ("eager", "eager_p50_ms", 8, ".2f"),
    ("ratio", "ratio", 7, ".2f"),
    ("frame", "frame_p50_ms", 8, ".2f"),
)
_DIRECT = (("direct", "direct_p50_ms", 8, ".2f"), ("over", "overhead", 8, "+.1%"))
LEGEND = (
    "Milliseconds; each row in a process of its own, engine and eager fp32 PyTorch in turns.\n"
    "RSS: memory that opening and running the engine adds, its library included. max err and\n"
    "AbsRel (of depth): against fp32 PyTorch on the same images. ratio: eager p50 / p50.\n"
    "frame: p50 from a 640x480 image to depth of its size."
)


def machine_lines(numbers: Mapping[str, Any]) -> list[str]:
    """What stands above the table."""
    where = numbers["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    gpus = "; " + ", ".join(where["gpus"]) if where["gpus"] else ""
    random = [name for name, weights in numbers["weights"].items() if weights == "random"]
    lines = [
        f"{where['cpu']}, {where['cores']} cores ({' '.join(where['flags'])}){gpus}",
        f"{where['date']}, {where['system']}, Python {where['python']}, {versions}",
        f"{numbers['threads']} threads for each library, {numbers['images']} images; the load of "
        f"the machine before: {where['load_before']}",
    ]
    if random:
        lines.append(f"random weights: {', '.join(random)}")
    if "torch" not in where["versions"]:
        lines.append("PyTorch is not installed: zoo entries alone, without error and ratio")
    return [*lines, LEGEND]


def header(direct: bool) -> str:
    """The names of the columns."""
    columns = (*_COLUMNS, *(_DIRECT if direct else ()))
    names = "".join(f"{name:>{width}}" for name, _, width, _ in columns)
    return f"\n{'network':<24}{'size':<9}{'backend':<12}{'':<5}{names}"


def line(row: Mapping[str, Any], direct: bool) -> str:
    """One row."""
    columns = (*_COLUMNS, *(_DIRECT if direct else ()))
    numbers = "".join(_cell(row.get(key), width, how) for _, key, width, how in columns)
    name = row["network"] if row["part"] == "depth" else f"{row['network']} {row['part']}"
    size = f"{row['width']}x{row['height']}"
    return f"{name:<24}{size:<9}{row['backend']:<12}{row['precision']:<5}{numbers}"


def skipped_lines(skipped: Sequence[Mapping[str, str]]) -> list[str]:
    """Each reason once, with all that it keeps out."""
    by_reason: dict[str, list[str]] = {}
    for row in skipped:
        words = (row[k] for k in ("network", "backend", "precision") if row[k] != "all")
        by_reason.setdefault(row["reason"], []).append(" ".join(words))
    lines = [f"  {', '.join(what)}: {reason}" for reason, what in by_reason.items()]
    return ["\nnot measured:", *lines] if lines else []


def _cell(value: float | None, width: int, how: str) -> str:
    return f"{'-':>{width}}" if value is None else f"{format(value, how):>{width}}"
