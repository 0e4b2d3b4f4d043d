# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The numbers of a run. The keys of the summary are stable: other tools read them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from depth_ros import metrics
from depth_ros.errors import FrameError
from depth_ros.frame import DepthResult, Float32
from depth_ros.sources import Item, Source


class Numbers:
    """Latency, stages, and errors where the source has truth, frame by frame.

    ``abs_rel`` and ``delta1`` are median-scaled per frame, ``*_metric`` are not; all four are
    means over the frames. ``stages_ms`` are medians. ``fps`` is frames out per second of
    processing, unless the caller has measured it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._latency_ms: list[float] = []
        self._stages_ms: defaultdict[str, list[float]] = defaultdict(list)
        self._states: Counter[str] = Counter()
        self._scaled: list[dict[str, float]] = []
        self._metric: list[dict[str, float]] = []
        self._scale_known = True
        self._size: list[int] = []

    def add(self, item: Item, result: DepthResult, latency_ms: float) -> None:
        """One frame."""
        self._latency_ms.append(latency_ms)
        for stage, ms in result.stages_ms.items():
            self._stages_ms[stage].append(ms)
        self._states[result.motion.state] += 1
        self._scale_known &= result.scale_known
        self._size = [result.camera.width, result.camera.height]
        if item.depth is not None:
            self._compare(result.depth, item.depth)

    def summary(self) -> dict[str, Any]:
        """Everything that the frames themselves tell."""
        total_s = sum(self._latency_ms) * 1e-3
        frames = len(self._latency_ms)
        return {
            "source": self._source.name,
            "frames_in": frames,
            "frames_out": frames,
            "frames_dropped": 0,
            "frames_rejected": 0,
            "frames_unreadable": self._source.skipped,
            "fps": round(frames / total_s, 2) if total_s > 0 else 0.0,
            "latency_ms": percentiles(self._latency_ms),
            "stages_ms": {k: round(float(np.median(v)), 3) for k, v in self._stages_ms.items()},
            "depth_size": self._size,
            "scale_known": bool(self._scale_known and frames),
            "motion_states": dict(self._states),
            **self._errors(),
        }

    def _errors(self) -> dict[str, float]:
        if not self._scaled:
            return {}
        scaled, metric = metrics.average(self._scaled), metrics.average(self._metric)
        return {
            "abs_rel": round(scaled["abs_rel"], 5),
            "delta1": round(scaled["delta1"], 5),
            "abs_rel_metric": round(metric["abs_rel"], 5),
            "delta1_metric": round(metric["delta1"], 5),
            "coverage": round(metric["coverage"], 5),
        }

    def _compare(self, depth: Float32, truth: Float32) -> None:
        predicted = at_size_of(truth, depth)
        try:
            scaled = metrics.depth_metrics(predicted, truth, scale=True)
            metric = metrics.depth_metrics(predicted, truth)
        except FrameError:  # nothing in this frame is both known and predicted
            return
        self._scaled.append(scaled)
        self._metric.append(metric)


def at_size_of(truth: Float32, depth: Float32) -> Float32:
    """The depth, resized bilinearly to the size of the truth."""
    if depth.shape == truth.shape:
        return depth
    resized = cv2.resize(depth, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, of whatever unit; empty of nothing."""
    if not values:
        return {}
    at = np.percentile(values, [50, 95, 99])
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), at, strict=True)}
