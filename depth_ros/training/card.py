# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The card of trained weights: data and their licences, recipe, validation, what is unknown.

All of it comes from what the run itself has saved. Nothing tells of the machine but its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.zoo.card import new_card, table
from depth_ros.engines.zoo.measured import EMPTY, SECTION
from depth_ros.training.licences import Licence, Use, use_of, worst_of

FORBIDDEN = "non-commercial use only (training data, see CARD.md)"
UNCLEAR = "some training data state no plain licence (see CARD.md)"
PERMITTED = "not stated; all training data permit commercial use (see CARD.md)"
_SAYS: dict[Use, str] = {
    "forbidden": "**These weights are not for commercial use**: forbidden by {names}.",
    "unclear": "**Ask before commercial use**: not plainly permitted by {names}.",
    "permitted": "All of these licences permit commercial use.",
}


@dataclass(frozen=True)
class Part:
    """One source of a run, or a network that it began with or learned from, as the card has it."""

    what: str
    licences: tuple[Licence, ...]
    share: float | None = None  # of the draws, 0 to 1; None for what is not drawn
    frames: int | None = None  # None where they are made as the run goes, or are no frames
    images: int | None = None  # that were drawn
    role: str = ""  # of what is not drawn


@dataclass(frozen=True)
class Story:
    """What the card tells of a run."""

    config: Mapping[str, Any]  # resolved, plain values
    parts: Sequence[Part]
    validated_on: Sequence[str]
    measures: Mapping[str, float]
    run: Mapping[str, str]  # rows about the run: steps, images, time, device ...
    recipe: str  # the name of its file

    @property
    def command(self) -> str:
        """What repeats the run or, where it has ended, its validation and its entry."""
        return f"depth_train {self.recipe} --out FOLDER"


def training_card(
    spec: EngineSpec, story: Story, facts: Mapping[str, str], sources: Sequence[Path]
) -> str:
    """The card of an entry made from the checkpoint ``sources``; Export adds its own section."""
    sections = {
        "Training data": _data(story.parts),
        "Recipe": _recipe(story),
        "Validation": _validation(story),
        SECTION: EMPTY,
    }
    how = "Trained by `depth_train`; this card was written by the run itself."
    return new_card(spec, how, facts, sources, _not_measured(story), sections)


def licence_of(said: str, parts: Sequence[Part]) -> str:
    """The licence of the weights: what the recipe says, and never more than the data allow."""
    use = worst_of(licence for part in parts for licence in part.licences)
    if use == "permitted":
        return said or PERMITTED
    if said and use_of(said) == "forbidden":
        return said
    more = FORBIDDEN if use == "forbidden" else UNCLEAR
    return f"{said}; {more}" if said else more


def plain_values(value: Any) -> Any:
    """Settings as YAML has them, with only the last name of absolute paths."""
    if isinstance(value, Mapping):
        return {str(k): plain_values(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(v) for v in value]
    return plain_path(value) if isinstance(value, str) else value


def plain_path(text: str) -> str:
    """A path as it can be shown: of an absolute one, only the name."""
    return Path(text).name if text.startswith(("/", "~")) else text


def _data(parts: Sequence[Part]) -> str:
    head = ("share of draws", "data", "frames", "images drawn", "licence")
    rows = [
        (
            part.role if part.share is None else f"{100 * part.share:.3g} %",
            part.what,
            "" if part.frames is None else f"{part.frames:,}",
            "" if part.images is None else f"about {part.images:,}",
            _licences(part.licences),
        )
        for part in parts
    ]
    use = worst_of(licence for part in parts for licence in part.licences)
    names = [part.what for part in parts if use in {licence.use for licence in part.licences}]
    return f"{table(head, rows)}\n\n{_SAYS[use].format(names=', '.join(names))}"


def _licences(licences: Sequence[Licence]) -> str:
    """Each text once, with the names of what it is of."""
    names: dict[str, list[str]] = {}
    for licence in licences:
        names.setdefault(licence.text, []).append(licence.of)
    return "; ".join(
        f"{', '.join(filter(None, of))}: {text}" if any(of) else text for text, of in names.items()
    )


def _recipe(story: Story) -> str:
    text = yaml.safe_dump(plain_values(story.config), sort_keys=False, width=96)
    rows = table(("", ""), story.run.items())
    return (
        f"    {story.command}\n\n{rows}\n\nAll settings of {story.recipe}:\n\n```yaml\n{text}```"
    )


def _validation(story: Story) -> str:
    if not story.measures:
        return "None: the recipe names no validation data."
    rows = [(name, f"{value:.4g}") for name, value in story.measures.items()]
    return (
        f"Of the exported weights in torch (float32), on {' and '.join(story.validated_on)}:\n\n"
        f"{table(('measure', 'value'), rows)}\n\n"
        "`score` chose among the run's weights, so these numbers are a little too good. Called "
        f"on the finished run, the command measures them anew:\n\n    {story.command}"
    )


def _not_measured(story: Story) -> list[str]:
    known = "beyond the run's own validation" if story.measures else "anywhere"
    return [
        f"Accuracy {known}, unless the section {SECTION} has it: `depth_eval` measures it.",
        "What precisions other than float32 cost: `depth_cli build --source` measures it.",
        "Latency: `depth_cli bench` measures it.",
        "Behaviour in scenes, light and cameras other than those of its training.",
        "Whether another seed gives the same numbers: this is one run.",
    ]
