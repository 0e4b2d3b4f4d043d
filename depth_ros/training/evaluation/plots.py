# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures of where and how predictions are wrong; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.errors import ConfigError
from depth_ros.frame import Float64
from depth_ros.training.evaluation.depth import Judged

Rows = Sequence[Mapping[str, float]]
MOST_ERROR = 0.5  # relative, at the end of the colours


def error_map(judged: Judged) -> Float64:
    """(d - g) / g where both count, else NaN: positive is too far."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (judged.prediction - judged.truth) / judged.truth
    out: Float64 = np.where(judged.mask & np.isfinite(relative), relative, np.nan)
    return out


def plot_errors(path: Path, name: str, judged: Judged) -> None:
    """Truth, prediction on the same colours, and the signed relative error, as a PNG."""
    figure = _figure(13, 4)
    axes = figure.subplots(1, 3)
    shown = np.where(judged.mask, judged.truth, np.nan)
    low, high = np.nanpercentile(shown, (2, 98))
    for ax, title, values in (
        (axes[0], "truth (m)", shown),
        (axes[1], "prediction (m)", judged.prediction),
    ):
        drawn = ax.imshow(values, cmap="turbo", vmin=low, vmax=max(high, low + 1e-6))
        ax.set_title(title)
        figure.colorbar(drawn, ax=ax, shrink=0.7)
    drawn = axes[2].imshow(error_map(judged), cmap="coolwarm", vmin=-MOST_ERROR, vmax=MOST_ERROR)
    axes[2].set_title("relative error (red: too far)")
    figure.colorbar(drawn, ax=axes[2], shrink=0.7)
    for ax in axes:
        ax.set_axis_off()
    figure.suptitle(name)
    figure.savefig(path, dpi=110)


class ErrorMaps:
    """Draws the first frames that it is shown, then every second, every fourth ... of them.

    ``most`` pictures are kept at any time, evenly spread over the frames so far.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._every, self._seen = 1, 0
        self._drawn: list[Path] = []

    def __call__(self, index: int, name: str, judged: Judged) -> None:
        """Shows it one frame."""
        place, self._seen = self._seen, self._seen + 1
        if place % self._every:
            return
        if len(self._drawn) == self._most:
            for path in self._drawn[1::2]:
                path.unlink()
            self._drawn = self._drawn[::2]
            self._every *= 2
            if place % self._every:
                return
        path = self._folder / f"error_{index:06d}.png"
        plot_errors(path, name, judged)
        self._drawn.append(path)


def plot_outcome(folder: Path, ranges: Rows, reliability: Rows) -> None:
    """ranges.png and reliability.png, those of them that there are numbers for."""
    if ranges:
        plot_ranges(folder / "ranges.png", ranges)
    if reliability:
        plot_reliability(folder / "reliability.png", reliability)


def plot_ranges(path: Path, rows: Rows) -> None:
    """Relative error and delta1 against true distance, with the share of pixels."""
    labels = [f"{row['from']:g}-{row['to']:g}" for row in rows]
    _bars(path, rows, labels, "true depth (m)", "Error by distance")


def plot_reliability(path: Path, rows: Rows) -> None:
    """Relative error and delta1 against confidence: the error should fall."""
    labels = [f"{row['from']:.1f}-{row['to']:.1f}" for row in rows]
    _bars(path, rows, labels, "confidence", "Reliability of the confidence")


def check_matplotlib() -> None:
    """ConfigError where matplotlib is missing, before any work is done."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "plots", expected="matplotlib", got="none", fix="pip install matplotlib"
        ) from error


def _bars(path: Path, rows: Rows, labels: list[str], what: str, title: str) -> None:
    figure = _figure(9, 5)
    ax = figure.subplots()
    places = np.arange(len(rows))
    ax.bar(places, [row["share"] for row in rows], color="0.85", label="share of pixels")
    ax.plot(places, [row["abs_rel"] for row in rows], "o-", color="tab:red", label="abs_rel")
    ax.plot(places, [row["delta1"] for row in rows], "s-", color="tab:green", label="delta1")
    ax.set_xticks(places, labels)
    ax.set(xlabel=what, title=title, ylim=(0, 1.02))
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(path, dpi=110)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
