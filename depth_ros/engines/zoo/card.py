# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""CARD.md: where the weights of an entry came from, what is known of them and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from depth_ros.engines.spec import EngineSpec, sha256

UNKNOWN_LICENCE = "unknown: ask the authors"
NOT_MEASURED = (
    "Accuracy: `depth_eval` measures it.",
    "Latency: `depth_cli bench` measures it.",
    "Behaviour in scenes, light and cameras other than those of its training.",
)
MEANINGS = {
    "metres": "depth in metres",
    "log_depth": "natural logarithm of depth in metres",
    "inverse_depth": "one over depth, 1/m",
    "disparity": "disparity in pixels",
    "motion": "rotation in radians and translation",
}


def new_card(
    spec: EngineSpec,
    how: str,
    facts: Mapping[str, str],
    sources: Sequence[Path],
    not_measured: Sequence[str] = NOT_MEASURED,
    sections: Mapping[str, str] | None = None,
) -> str:
    """The card of an entry that was just made from the files ``sources``.

    ``how`` is one sentence on what was done; ``facts`` are further rows of the table; ``sections``
    are the texts of further sections, by their titles.
    """
    rows = {
        **facts,
        "Image": image_of(spec),
        "Output": output_of(spec),
        "Pose network": "yes" if spec.pose else "no",
        "Licence": spec.licence or UNKNOWN_LICENCE,
        "Date": date.today().isoformat(),
    }
    files = [(f"`{path.name}`", f"`{sha256(path)}`") for path in sources]
    texts = {
        **(sections or {}),
        "Source files": table(("file", "SHA-256"), files),
        "Not measured": "\n".join(f"- {text}" for text in not_measured),
    }
    head = [f"# {spec.network}", *([spec.description] if spec.description else []), how]
    blocks = [*head, table(("", ""), rows.items())]
    blocks += [f"## {title}\n\n{text.rstrip()}" for title, text in texts.items()]
    return "\n\n".join(blocks) + "\n"


def with_section(card: str, title: str, text: str) -> str:
    """The card with its section ``## title`` replaced, or added at the end."""
    section = f"## {title}\n\n{text.rstrip()}\n"
    found = _section(title)
    if found.search(card):
        return found.sub(lambda _: f"{section}\n", card, count=1).rstrip() + "\n"
    return f"{card.rstrip()}\n\n{section}"


def section_of(card: str, title: str) -> str:
    """The text of the section ``## title``, without the title; empty if there is none."""
    found = _section(title).search(card)
    return found.group().partition("\n")[2].strip() if found else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markdown, each row on a line."""
    lines = [head, ["---"] * len(head), *([cell(c) for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(text: str) -> str:
    """The text as it can stand in a table."""
    return " ".join(text.replace("|", "/").split())


def image_of(spec: EngineSpec) -> str:
    """What the network eats: size, order of colours and normalisation."""
    width, height = spec.input_size
    return (
        f"{width}x{height}, {spec.color}, (pixel / 255 - mean) / std with mean "
        f"{_numbers(spec.mean)}, std {_numbers(spec.std)}"
    )


def output_of(spec: EngineSpec) -> str:
    """What the network gives: tensor, kind, unit and scale."""
    shape = "x".join(map(str, spec.outputs[0].shape))
    said = f"{spec.kind} {shape}: {MEANINGS[spec.kind]}, "
    said += "metric" if spec.metric else "right up to a factor"
    if spec.canonical_focal_px:
        said += f", as a camera of focal length {spec.canonical_focal_px:g} px would see it"
    return said


def _section(title: str) -> re.Pattern[str]:
    return re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{v:g}" for v in values)
