# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Materials: which pattern in which colours. One palette per scene, so that things match a bit."""

from __future__ import annotations

import colorsys
from typing import Final

import numpy as np

from depth_ros.frame import Float64
from depth_ros.training.render.atlas import atlas
from depth_ros.training.render.scene import Materials

# surface: patterns to choose from, metres per pattern, gloss
_SURFACES: Final[dict[str, tuple[tuple[str, ...], tuple[float, float], tuple[float, float]]]] = {
    "wall": (
        ("plain", "plain", "plain", "blotches", "wallpaper", "stripes", "wood", "brick", "tiles"),
        (0.8, 2.5),
        (0.0, 0.1),
    ),
    "paint": (("plain",), (0.8, 2.5), (0.0, 0.1)),
    "floor": (
        ("wood", "wood", "wood", "tiles", "tiles", "carpet", "carpet", "marble", "checks"),
        (0.8, 2.0),
        (0.0, 0.5),
    ),
    "wood": (("wood", "wood", "wood", "plain"), (0.6, 2.0), (0.0, 0.4)),
    "front": (("panels", "panels", "wood", "plain"), (-1.0, -1.0), (0.0, 0.4)),
    "fabric": (
        ("weave", "weave", "carpet", "stripes", "checks", "wallpaper", "plain", "blotches"),
        (0.15, 0.8),
        (0.0, 0.05),
    ),
    "curtain": (("folds",), (0.8, 1.5), (0.0, 0.05)),
    "rug": (
        ("wallpaper", "checks", "stripes", "shapes", "carpet", "blotches"),
        (0.4, 2.0),
        (0.0, 0.02),
    ),
    "metal": (("plain", "blotches"), (0.5, 1.5), (0.3, 1.0)),
    "stone": (("marble", "blotches", "tiles"), (0.5, 1.5), (0.1, 0.7)),
    "brick": (("brick", "brick", "tiles"), (0.6, 1.6), (0.0, 0.1)),
    "ceramic": (("plain", "stripes", "checks", "wallpaper"), (0.1, 0.4), (0.3, 1.0)),
    "picture": (("shapes", "shapes", "landscape", "blobs", "text"), (-1.0, -1.0), (0.0, 0.3)),
    "view": (("landscape", "landscape", "blobs"), (-1.0, -1.0), (0.0, 0.0)),
    "books": (("books",), (0.5, 1.0), (0.0, 0.2)),
    "paper": (("text",), (-1.0, -1.0), (0.0, 0.0)),
    "screen": (("screen", "plain", "landscape"), (-1.0, -1.0), (0.2, 0.8)),
    "leaf": (("leaves",), (0.15, 0.5), (0.0, 0.2)),
    "foliage": (("leaves",), (1.0, 3.0), (0.0, 0.1)),
    "thing": (
        ("shapes", "text", "stripes", "plain", "blotches", "checks", "blobs", "marble"),
        (-1.0, 0.6),
        (0.0, 0.7),
    ),
    "ground": (("asphalt", "asphalt", "tiles", "brick"), (1.5, 4.0), (0.0, 0.1)),
    "facade": (
        ("brick", "brick", "plain", "blotches", "tiles", "stripes"),
        (1.5, 4.0),
        (0.0, 0.1),
    ),
}
# hue, saturation and value of the first colour: (low, high) each
_COLOURS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "wall": ((0.0, 1.0), (0.0, 0.3), (0.55, 0.97)),
    "paint": ((0.0, 1.0), (0.0, 0.15), (0.75, 0.98)),
    "floor": ((0.02, 0.14), (0.05, 0.6), (0.2, 0.85)),
    "wood": ((0.03, 0.12), (0.1, 0.7), (0.15, 0.85)),
    "front": ((0.0, 1.0), (0.0, 0.45), (0.2, 0.97)),
    "metal": ((0.5, 0.7), (0.0, 0.12), (0.15, 0.9)),
    "stone": ((0.0, 0.2), (0.0, 0.2), (0.2, 0.9)),
    "brick": ((0.0, 0.1), (0.2, 0.7), (0.3, 0.75)),
    "ceramic": ((0.0, 1.0), (0.0, 0.6), (0.4, 0.98)),
    "paper": ((0.08, 0.16), (0.0, 0.2), (0.8, 0.98)),
    "leaf": ((0.18, 0.42), (0.3, 0.9), (0.1, 0.5)),
    "foliage": ((0.15, 0.4), (0.3, 0.8), (0.1, 0.4)),
    "ground": ((0.0, 0.2), (0.0, 0.15), (0.2, 0.55)),
    "facade": ((0.0, 0.15), (0.0, 0.5), (0.3, 0.9)),
}
_ANY: Final = ((0.0, 1.0), (0.0, 0.8), (0.08, 0.95))
_TRUE_COLOURS = ("picture", "view", "books", "screen")


def linear(colour: tuple[float, float, float] | Float64) -> Float64:
    """sRGB to linear light."""
    return np.asarray(colour, np.float64) ** 2.2


class Palette:
    """Makes materials on demand and remembers a few, so that chairs of one room look alike."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rows: list[tuple[int, float, Float64, Float64, float, float]] = []
        self._kept: dict[str, list[int]] = {}

    def fresh(self, surface: str, glow: float = 0.0) -> int:
        """A new material; returns its number."""
        rng = self._rng
        names, span, gloss = _SURFACES[surface]
        name = names[int(rng.integers(len(names)))]
        pattern = int(rng.choice(atlas().names[name]))
        period = float(rng.uniform(*span))
        period = -1.0 if period < 0.05 else period
        base, mix = self._colours(surface, name)
        shine = float(rng.uniform(*gloss)) if rng.random() < 0.6 else 0.0
        self._rows.append((pattern, period, base, mix, shine, glow))
        return len(self._rows) - 1

    def some(self, surface: str, variety: int = 2) -> int:
        """One of at most ``variety`` materials of that surface in this scene."""
        kept = self._kept.setdefault(surface, [])
        if len(kept) < variety:
            kept.append(self.fresh(surface))
            return kept[-1]
        return kept[int(self._rng.integers(len(kept)))]

    def _colours(self, surface: str, pattern: str) -> tuple[Float64, Float64]:
        rng = self._rng
        if surface in _TRUE_COLOURS or (pattern in ("blobs",) and rng.random() < 0.7):
            return _picture_colours(rng)
        ranges = _COLOURS.get(surface, _ANY) if rng.random() < 0.9 else _ANY
        first = _colour(rng, ranges)
        contrast = float(rng.uniform(0.15, 1.0)) ** 1.5
        others = []
        for _ in range(2):
            if rng.random() < 0.65:  # a darker or brighter kind of the same
                other = first * float(rng.uniform(0.35, 1.5)) + rng.normal(0, 0.04, 3)
            else:
                other = first + (_colour(rng, _ANY) - first) * contrast
            others.append(linear(np.minimum(np.maximum(other, 0.02), 1.0)))
        base = linear(first)
        shade = float(rng.uniform(0.5, 1.4)) * base
        return base - shade / 2, np.array([others[0] - base, others[1] - base, shade])

    def materials(self) -> Materials:
        """All of them, as arrays."""
        rows = self._rows
        return Materials(
            np.array([r[0] for r in rows], np.int64),
            np.array([r[1] for r in rows]),
            np.array([r[2] for r in rows]).reshape(-1, 3),
            np.array([r[3] for r in rows]).reshape(-1, 3, 3),
            np.array([r[4] for r in rows]),
            np.array([r[5] for r in rows]),
        )


def _colour(rng: np.random.Generator, ranges: tuple[tuple[float, float], ...]) -> Float64:
    """An sRGB colour with hue, saturation and value within the ranges; strong ones are rarer."""
    h, s, v, weak, warm = rng.random(5).tolist()
    hue, saturation, value = (
        low + (high - low) * x for x, (low, high) in zip((h, s, v), ranges, strict=True)
    )
    if warm < 0.5 and ranges[0] == (0.0, 1.0):  # rooms are beige more often than violet
        hue = 0.03 + 0.13 * h
    saturation *= 1 if saturation < 0.4 else weak
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def _picture_colours(rng: np.random.Generator) -> tuple[Float64, Float64]:
    """The pattern's own colours, their channels blended and dimmed at random."""
    mix = np.eye(3) * rng.uniform(0.75, 1.0, 3) + rng.uniform(0, 0.12, (3, 3))
    return rng.uniform(0, 0.06, 3), mix * float(rng.uniform(0.4, 0.9))
