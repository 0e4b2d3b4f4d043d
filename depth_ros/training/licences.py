# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the licences of a run's data and first weights are, and whether they forbid commerce.

A meta.json beside the files is believed first; then what is known of the published data set in
whose layout they are. This reads words, it is no legal advice: what is not plainly permissive
counts as unclear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from depth_ros.errors import SourceError
from depth_ros.training.data.source_config import SourceConfig

Use = Literal["permitted", "forbidden", "unclear"]  # commercial use
NOT_STATED = "not stated"
OURS = "Apache-2.0"
LAYOUTS = {
    "rendered": f"{OURS} (the renderer of depth_ros)",
    "pool": f"{OURS} (the renderer of depth_ros)",
    "kitti_odometry": "KITTI CC BY-NC-SA 3.0",
    "kitti_raw": "KITTI CC BY-NC-SA 3.0",
    "kitti_depth": "KITTI CC BY-NC-SA 3.0",
    "kitti_stereo": "KITTI CC BY-NC-SA 3.0",
    "vkitti": "Virtual KITTI 2 CC BY-NC-SA 3.0",
    "cityscapes": "Cityscapes, non-commercial",
    "scannet": "ScanNet Terms of Use, non-commercial research",
    "tum": "TUM RGB-D CC BY 4.0",
    "diode": "DIODE, MIT",
}
_FORBIDS = re.compile(
    r"non[- ]?commercial|\bNC\b|research (use )?only|research (terms|purposes)|"
    r"academic|do not redistribute",
    re.IGNORECASE,
)
_PERMITS = re.compile(
    r"\bApache\b|\bMIT\b|\bBSD\b|\bISC\b|\bCC0\b|\bCC[- ]BY\b|public domain", re.IGNORECASE
)


@dataclass(frozen=True)
class Licence:
    """The licence of one set of files, in its owners' words."""

    of: str
    text: str
    known: Use | None = None  # where it is not to be told from the words

    @property
    def use(self) -> Use:
        """Whether commercial use is permitted, as far as is known."""
        return self.known or use_of(self.text)


def use_of(text: str) -> Use:
    """What a licence's words say of commercial use; every clause has to permit it."""
    if _FORBIDS.search(text):
        return "forbidden"
    clauses = [clause for clause in text.split(";") if clause.strip()]
    return "permitted" if clauses and all(map(_permits, clauses)) else "unclear"


def worst_of(licences: Iterable[Licence]) -> Use:
    """Forbidden if one forbids it, else unclear if one is; of no licences at all, permitted."""
    uses = {licence.use for licence in licences}
    order: tuple[Use, ...] = ("forbidden", "unclear", "permitted")
    return next((use for use in order if use in uses), "permitted")


def licences_of(source: SourceConfig, path: Path) -> list[Licence]:
    """The licences of a source whose files are at ``path``; of a collection, those that are drawn.

    SourceError for a meta.json that cannot be read.
    """
    if own := _stated(path):
        return [Licence("", own)]
    if source.kind == "collection":
        found = [
            Licence(folder.name, _stated(folder) or NOT_STATED)
            for folder in sorted(p.parent for p in path.glob("*/meta.json"))
            if _is_drawn(source, _meta(folder).get("scenes", []))
        ]
        return found or [Licence("", NOT_STATED)]
    return [Licence("", LAYOUTS.get(source.kind, NOT_STATED))]


def licence_of_file(path: Path) -> str:
    """The licence of a file of weights: a meta.json or LICENSE in its folder."""
    if said := _stated(path.parent):
        return said
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md"):
        text = path.parent / name
        if text.is_file():
            head = text.read_text(encoding="utf-8", errors="replace")[:2000]
            known = (("Apache License", OURS), ("MIT License", "MIT"))
            return next((short for long, short in known if long in head), f"see its {name}")
    return NOT_STATED


def _permits(clause: str) -> bool:
    return bool(_PERMITS.search(clause)) and not re.search(r"\bno licen[cs]e\b", clause, re.I)


def _is_drawn(source: SourceConfig, scenes: list[str]) -> bool:
    """Whether any of these scenes takes part; a folder that names none does."""
    if not scenes:
        return True
    return any(
        (not source.scenes or scene in source.scenes)
        and scene not in source.skip_scenes
        and source.scene_weights.get(scene, 1.0) > 0
        for scene in scenes
    )


def _stated(folder: Path) -> str:
    said = _meta(folder).get("licence", "")
    return said.strip() if isinstance(said, str) else ""


def _meta(folder: Path) -> Mapping[str, Any]:
    path = folder / "meta.json"
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    return values if isinstance(values, dict) else {}
