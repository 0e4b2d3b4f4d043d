# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The numbers as text, and errors by distance and by confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from depth_ros.frame import Float64
from depth_ros.metrics import Array
from depth_ros.training.evaluation.depth import Judged

RANGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0, math.inf)
BINS = 10
FIRST = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")


class Bins:
    """Sums of relative error, squared error and delta1 in bins of some quantity.

    Bin i holds edges[i] <= quantity < edges[i + 1]; the last edge belongs to the last bin.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = np.asarray(edges, np.float64)
        self._sums = np.zeros((4, len(edges) - 1))

    def add(self, judged: Judged, quantity: Array) -> None:
        """The compared pixels of one frame; ``quantity`` (H, W) is what they are sorted by."""
        d, g = judged.prediction, judged.truth
        with np.errstate(invalid="ignore"):
            usable = judged.mask & np.isfinite(d) & (d > 0) & np.isfinite(quantity)
        d, g = d[usable], g[usable]
        inner = self._edges[1:-1]
        index = np.searchsorted(inner, quantity[usable], side="right")
        close = np.maximum(d / g, g / d) < 1.25
        for row, weight in enumerate((np.ones_like(g), np.abs(d - g) / g, (d - g) ** 2, close)):
            self._sums[row] += np.bincount(index, weight, minlength=len(inner) + 1)

    def rows(self) -> list[dict[str, float]]:
        """Of every bin that has pixels: from, to, share of all pixels, abs_rel, rmse, delta1."""
        out = []
        counts: Float64 = self._sums[0]
        for i in np.flatnonzero(counts):
            _, relative, squared, close = (float(v) / counts[i] for v in self._sums[:, i])
            out.append(
                {
                    "from": float(self._edges[i]),
                    "to": float(self._edges[i + 1]),
                    "share": float(counts[i] / counts.sum()),
                    "abs_rel": relative,
                    "rmse": math.sqrt(squared),
                    "delta1": close,
                }
            )
        return out


def range_bins() -> Bins:
    """By true distance, metres."""
    return Bins(RANGES_M)


def confidence_bins() -> Bins:
    """By confidence: a reliable one has an error that falls from bin to bin."""
    return Bins(np.linspace(0, 1, BINS + 1).tolist())


def summary_table(
    title: str,
    frames: int,
    measures: Mapping[str, float],
    done: Sequence[str],
    baseline: Mapping[str, float] | None = None,
) -> str:
    """Title and what was done, then each measure on its line, the common ones first.

    ``baseline``, the measures of a constant depth, stands beside them.
    """
    names = [n for n in FIRST if n in measures] + [n for n in measures if n not in FIRST]
    width = max((len(n) for n in names), default=0)
    lines = [f"{title} ({frames} frames)", *(f"  {line}" for line in done), ""]
    beside = dict.fromkeys(names, "")
    if baseline:
        lines.append(f"  {'':{width}}  {'network':>10}  {'constant':>10}")
        beside = {name: f"  {baseline[name]:10.5g}" for name in names if name in baseline}
    lines += [f"  {name:{width}}  {measures[name]:10.5g}{beside.get(name, '')}" for name in names]
    return "\n".join(lines)


def bins_table(title: str, rows: Sequence[Mapping[str, float]]) -> str:
    """Rows of Bins as lines; empty text for none."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"{title:>14}", "".join(f"{name:>11}" for name in names)]
    lines += ["".join(f"{row[name]:11.4g}" for name in names) for row in rows]
    return "\n".join(lines)
