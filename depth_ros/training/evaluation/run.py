# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A protocol over all frames: what comes out, and who does which task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Float32, Float64
from depth_ros.metrics import known
from depth_ros.training.evaluation import relative
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.depth import Judged, Row, judge, measure, summarise
from depth_ros.training.evaluation.predict import Prediction
from depth_ros.training.evaluation.protocols import Protocol
from depth_ros.training.evaluation.tables import confidence_bins, range_bins
from depth_ros.training.evaluation.truth import Truth

PAIRS = 20000  # random pairs of an image for ORD

Extra = Callable[[int, Judged], Row]  # further measures of frame ``index``
Watch = Callable[[int, str, Judged], None]


@dataclass
class Outcome:
    """``measures`` over ``frames`` frames; ``skipped`` those without known truth; ``done`` in
    words; ``ranges`` and ``reliability`` rows of tables.Bins; ``rows`` of each frame;
    ``baseline`` the measures of a constant depth, if asked for; ``precision`` the engine's."""

    protocol: Protocol
    measures: Row
    frames: int
    done: list[str]
    skipped: int = 0
    ranges: list[dict[str, float]] = field(default_factory=list)
    reliability: list[dict[str, float]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    baseline: Row = field(default_factory=dict)
    precision: str = ""

    def summary(self) -> dict[str, Any]:
        """For JSON: the measures at the top level; what is not a number is None."""
        whole = {
            "protocol": self.protocol.name,
            "frames": self.frames,
            "skipped": self.skipped,
            "done": self.done,
            **self.measures,
            **({"baseline": self.baseline} if self.baseline else {}),
            "ranges": self.ranges,
            "reliability": self.reliability,
            "per_frame": self.rows,
        }
        return {key: _finite(value) for key, value in whole.items()}


def evaluate_depth(
    protocol: Protocol,
    predictions: Iterable[Prediction],
    truth: Truth,
    *,
    extra: Extra | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Depth protocols. ``extra`` adds measures to a frame's row, ``watch`` sees every frame.

    Frames without known truth are predicted (a network with memory needs them), skipped and
    counted; FrameError where no frame is left.
    """
    ranges, reliability = range_bins(), confidence_bins()
    rows, names, skipped = [], [], 0
    for index, prediction, judged in judged_frames(protocol, predictions, truth):
        if judged is None:
            skipped += 1
            continue
        with _naming(prediction.name):
            row = measure(protocol, judged)
        if extra is not None:
            row |= extra(index, judged)
        rows.append(row)
        names.append(prediction.name)
        ranges.add(judged, judged.truth)
        if prediction.confidence is not None:
            reliability.add(judged, _placed(protocol, prediction.confidence, judged))
        if watch is not None:
            watch(index, prediction.name, judged)
    if not rows:
        raise FrameError("frames to judge", expected="known truth", got=f"none in {skipped}")
    return Outcome(
        protocol,
        mean_of(protocol, rows),
        len(rows),
        protocol.words(),
        skipped,
        ranges.rows(),
        reliability.rows() if len(reliability.rows()) > 1 else [],
        [{"name": name, **row} for name, row in zip(names, rows, strict=True)],
    )


def judged_frames(
    protocol: Protocol, predictions: Iterable[Prediction], truth: Truth
) -> Iterator[tuple[int, Prediction, Judged | None]]:
    """Every frame, resized, scaled, clamped; None where its truth is unknown."""
    factor = None
    if protocol.scale == "sequence":
        predictions = list(predictions)
        factor = sequence_factor(protocol, predictions, truth)
    for index, prediction in enumerate(predictions):
        depth = truth.maps.read(index)
        judged = None
        if known(depth, protocol.low_m, protocol.high_m).any():
            with _naming(prediction.name):
                judged = judge(
                    protocol,
                    prediction.values,
                    depth,
                    scale=factor,
                    in_window=prediction.in_window,
                )
        yield index, prediction, judged


def sequence_factor(protocol: Protocol, predictions: Iterable[Prediction], truth: Truth) -> float:
    """One factor for all frames: the median of each frame's median(truth) / median(prediction)."""
    found = []
    for index, prediction in enumerate(predictions):
        depth = truth.maps.read(index)
        if known(depth, protocol.low_m, protocol.high_m).any():
            with _naming(prediction.name):
                one = judge(protocol, prediction.values, depth, in_window=prediction.in_window)
            found.append(one.scale)
    if not found:
        raise FrameError("frames to scale by", expected="known truth", got="none")
    return float(np.median(found))


def ordinal_measures(index: int, judged: Judged) -> Row:
    """ord and d3r of one frame; d3r is NaN where no neighbouring cells are at an edge."""
    with np.errstate(invalid="ignore"):
        usable = judged.mask & np.isfinite(judged.prediction) & (judged.prediction > 0)
    pairs = relative.random_pairs(usable, PAIRS, seed=index)
    row = {"ord": relative.ordinal_error(judged.prediction, judged.truth, pairs)}
    try:
        cells = relative.grid_pairs(usable)
        row["d3r"] = relative.d3r(judged.prediction, judged.truth, cells)
    except FrameError:
        row["d3r"] = float("nan")
    return row


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Says which frame it was that could not be judged."""
    try:
        yield
    except FrameError as error:
        raise FrameError(f"frame {name}: {error}") from error


def mean_of(protocol: Protocol, rows: list[Row]) -> Row:
    """As the protocol pools; measures that some frames lack are averaged over the others."""
    if "pixels" in rows[0] and protocol.pool == "pixels":
        return summarise(protocol, rows)
    out = {}
    for key in rows[0]:
        values = np.array([row[key] for row in rows])
        present = values[~np.isnan(values)]
        out[key] = float(present.mean()) if len(present) else float("nan")
    return out


def _placed(protocol: Protocol, confidence: Float32, judged: Judged) -> Float64:
    """Confidence at the truth's size, NaN outside the window that was seen."""
    rows, columns = crop_window(protocol.window, judged.truth.shape)
    out = np.full(judged.truth.shape, np.nan)
    size = columns.stop - columns.start, rows.stop - rows.start
    out[rows, columns] = cv2.resize(confidence, size)
    return out


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
