# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A source through the pipeline without ROS: every frame as fast as it goes, or in real time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult, Motion
from depth_ros.live import Progress
from depth_ros.pipeline import DepthPipeline
from depth_ros.report import Report
from depth_ros.sources import Item, Source
from depth_ros.spool import Spool

log = logging.getLogger(__name__)

Paced = tuple[Item, float | None]  # when it is due on the performance counter, in seconds


class Player:
    """Feeds a report with every frame of a source, up to ``limit``, the end or Ctrl-C.

    Latency is the time in the pipeline. In real time it counts from when the frame was due, and a
    frame whose successor is due already is dropped, as on a robot; the report is then made at the
    end, as it is for a live source.
    """

    def __init__(
        self,
        source: Source,
        pipeline: DepthPipeline,
        *,
        limit: int | None = None,
        realtime: bool = False,
        rectified: bool = False,
    ) -> None:
        self._source, self._pipeline, self._limit = source, pipeline, limit
        self._paces = realtime and not source.live
        self._defers = realtime or source.live
        self._rectified = rectified
        self._read = self._dropped = self._rejected = self._out = 0
        self._busy_s = self._latency_s = 0.0

    def play(self, report: Report, show: Callable[[Progress], None]) -> dict[str, Any]:
        """Plays; returns the facts for Report.write. DepthError if no frame could be used."""
        start_s = time.perf_counter()
        interrupted = True
        with Deferred(report, self._source, self._rectified) as deferred:
            add = deferred.add if self._defers else report.add
            with suppress(KeyboardInterrupt):
                for item, due_s in self._items():
                    self._one(item, due_s, add)
                    show(self._progress())
                interrupted = False
            elapsed_s = time.perf_counter() - start_s
            if not self._out:
                raise DepthError(f"no frame of {self._source.name} could be used")
            deferred.feed()
        fps = self._out / max(elapsed_s if self._defers else self._busy_s, 1e-9)
        return {**self._facts(), "fps": round(fps, 2), "interrupted": interrupted}

    def _one(
        self, item: Item, due_s: float | None, add: Callable[[Item, DepthResult, float], None]
    ) -> None:
        start_s = time.perf_counter()
        try:
            result = self._pipeline.process(item.frame)
        except DepthError as error:
            self._rejected += 1
            log.warning("frame %d: %s", self._read - 1, error)
            return
        end_s = time.perf_counter()
        self._busy_s += end_s - start_s
        self._latency_s = end_s - (start_s if due_s is None else due_s)
        self._out += 1
        add(item, result, 1e3 * self._latency_s)

    def _items(self) -> Iterator[Paced]:
        items = self._counted()
        return self._paced(items) if self._paces else ((item, None) for item in items)

    def _counted(self) -> Iterator[Item]:
        for item in islice(self._source, self._limit):
            self._read += 1
            yield item

    def _paced(self, items: Iterator[Item]) -> Iterator[Paced]:
        period_s, start_s, skipped = 1 / self._source.rate_hz, time.perf_counter(), 0
        first_ns: int | None = None
        for item in items:
            first_ns = item.frame.stamp_ns if first_ns is None else first_ns
            due_s = start_s + 1e-9 * (item.frame.stamp_ns - first_ns)
            if time.perf_counter() > due_s + period_s:
                skipped += 1
                self._dropped += 1
                continue
            time.sleep(max(0.0, due_s - time.perf_counter()))
            yield replace(item, frame=replace(item.frame, dropped=skipped)), due_s
            skipped = 0

    def _progress(self) -> Progress:
        fps, total = self._out / max(self._busy_s, 1e-9), self._source.frames
        if self._limit is not None:
            total = min(self._limit, total or self._limit)
        latency_ms = 1e3 * self._latency_s
        return Progress(self._read, total, fps, latency_ms, self._dropped, self._rejected)

    def _facts(self) -> dict[str, Any]:
        engine = self._pipeline.engine
        return {
            "frames_in": self._read,
            "frames_dropped": self._dropped,
            "frames_rejected": self._rejected,
            "latency_of": "due to result" if self._paces else "processing",
            "engine": {
                "network": engine.spec.network,
                "backend": engine.backend,
                "precision": engine.precision,
            },
        }


class Deferred:
    """Takes results as a report does, and hands them over when the run is over."""

    def __init__(self, report: Report, source: Source, rectified: bool) -> None:
        self._report, self._source, self._rectified = report, source, rectified
        self._spool = Spool(Path(report.out))
        self._motion_of: dict[int, Motion] = {}
        self._scale_known = True

    def __enter__(self) -> Deferred:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, item: Item, result: DepthResult, latency_ms: float) -> None:
        """Keeps what cannot be had again."""
        image = item.frame.image if self._source.live else None
        stages = result.stages_ms
        self._spool.add(result.stamp_ns, result.depth, latency_ms, image=image, stages_ms=stages)
        self._motion_of[result.stamp_ns] = result.motion
        self._scale_known &= result.scale_known

    def feed(self) -> None:
        """Makes the report, if there is something to make it of."""
        if not len(self._spool):
            return
        self._spool.feed(
            self._report,
            self._source,
            lambda _, item: item.frame.stamp_ns,
            self._motion_of.__getitem__,
            scale_known=self._scale_known,
            rectified=self._rectified,
        )
