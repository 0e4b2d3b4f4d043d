# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CARD.md: where the weights of an entry came from, what is known of them and what is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from depth_ros.engines.spec import EngineSpec, sha256

UNKNOWN_LICENCE = "unknown: ask the authors"
NOT_MEASURED = (
    "Accuracy: `python -m depth_ros.training.evaluate FOLDER DATASET` measures it.",
    "Latency: `depth_cli bench` measures it.",
    "Behaviour in scenes, light and cameras other than those of its training.",
)


def new_card(
    spec: EngineSpec,
    how: str,
    facts: Mapping[str, str],
    sources: Sequence[Path],
    not_measured: Sequence[str] = NOT_MEASURED,
) -> str:
    """The card of an entry that was just made from the files ``sources``.

    ``how`` is one sentence on what was done; ``facts`` are further rows of the table.
    """
    width, height = spec.input_size
    rows = {
        **facts,
        "Image": f"{width}x{height}, {spec.color}, mean {_numbers(spec.mean)}, "
        f"std {_numbers(spec.std)}",
        "Output": f"{spec.kind}, {'metric' if spec.metric else 'right up to a factor'}",
        "Pose network": "yes" if spec.pose else "no",
        "Licence": spec.licence or UNKNOWN_LICENCE,
        "Date": date.today().isoformat(),
    }
    lines = [f"# {spec.network}", "", *([spec.description, ""] if spec.description else [])]
    lines += [how, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    lines += ["", "## Source files", "", "| file | SHA-256 |", "|---|---|"]
    lines += [f"| `{_cell(path.name)}` | `{sha256(path)}` |" for path in sources]
    lines += ["", "## Not measured", "", *(f"- {text}" for text in not_measured)]
    return "\n".join(lines) + "\n"


def with_section(card: str, title: str, text: str) -> str:
    """The card with its section ``## title`` replaced, or added at the end."""
    section = f"## {title}\n\n{text.rstrip()}\n"
    found = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if found.search(card):
        return found.sub(lambda _: f"{section}\n", card, count=1).rstrip() + "\n"
    return f"{card.rstrip()}\n\n{section}"


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{v:g}" for v in values)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
