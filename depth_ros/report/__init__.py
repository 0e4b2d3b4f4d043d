# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: summary.json, depth.mp4, points.ply and trajectory.png."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult
from depth_ros.report.fused import FusedMap
from depth_ros.report.numbers import Numbers
from depth_ros.report.table import table
from depth_ros.report.trajectory import Trajectory
from depth_ros.report.video import SideBySide
from depth_ros.sources import Item, Source

__all__ = ["Report", "table"]


class Report:
    """Add every frame with its result, in order, then write. Use as a context manager.

    Each file appears whole, under its name, when it is complete.
    """

    def __init__(self, out: Path, source: Source) -> None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DepthError(f"cannot write to {out}: {error}") from error
        self.out = out
        self.numbers = Numbers(source)
        self._trajectory = Trajectory()
        self._map = FusedMap()
        self._video = SideBySide(out / ".depth.partial.mp4", source.rate_hz, source.has_depth)

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        self._video.close()
        for partial in self.out.glob(".*.partial.*"):
            with suppress(OSError):
                partial.unlink()

    def add(self, item: Item, result: DepthResult, latency_ms: float) -> None:
        """Takes what it needs of the result's arrays; the frame's truth is in the item."""
        self.numbers.add(item, result, latency_ms)
        self._trajectory.add(item, result)
        self._map.add(result)
        self._video.add(item, result, latency_ms)

    def write(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Writes the files and returns what is in summary.json.

        ``facts`` adds to the numbers or replaces them: what only the caller can know.
        """
        summary = {**self.numbers.summary(), **self._trajectory.errors(), **facts}
        self._video.close()
        self._finish("depth.mp4")
        if self._map.write(self._partial("points.ply")):
            self._finish("points.ply")
        if self._trajectory.plot(self._partial("trajectory.png")):
            self._finish("trajectory.png")
        text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
        self._partial("summary.json").write_text(text, encoding="utf-8")
        self._finish("summary.json")
        return summary

    @property
    def files(self) -> list[Path]:
        """The files that this folder now has, the numbers first."""
        names = ("summary.json", "depth.mp4", "points.ply", "trajectory.png")
        return [self.out / n for n in names if (self.out / n).is_file()]

    def _partial(self, name: str) -> Path:
        stem, _, suffix = name.partition(".")
        return self.out / f".{stem}.partial.{suffix}"

    def _finish(self, name: str) -> None:
        if self._partial(name).is_file():
            os.replace(self._partial(name), self.out / name)
