# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Results on disk until the run is over: drawing and encoding would slow down what is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult, Float32, Motion, UInt8
from depth_ros.preprocess import make_rectify, resized
from depth_ros.report import Report
from depth_ros.sources import Item, Source
from depth_ros.sources.source import make_frame


@dataclass(frozen=True, slots=True)
class Row:
    """One result: its arrays are at ``offset`` of the file, the depth first."""

    stamp_ns: int
    latency_ms: float
    offset: int
    shape: tuple[int, int]  # of the depth
    image_shape: tuple[int, int] | None  # of the camera's image, where it was kept
    stages_ms: Mapping[str, float]


class Spool:
    """An unnamed file in a folder, gone when the process ends however it ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (lives as long as self)
        self._rows: list[Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def close(self) -> None:
        """Frees the disk."""
        self._file.close()

    def add(
        self,
        stamp_ns: int,
        depth: Float32,
        latency_ms: float,
        *,
        image: UInt8 | None = None,
        stages_ms: Mapping[str, float] | None = None,
    ) -> None:
        """Keeps a result; the camera's ``image`` only where the source cannot give it again."""
        offset = self._file.tell()
        try:
            self._file.write(np.ascontiguousarray(depth, np.float32).data)
            if image is not None:
                self._file.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise DepthError(
                f"cannot keep the results: {error}", fix="Free some space."
            ) from error
        size = None if image is None else (image.shape[0], image.shape[1])
        shape = (depth.shape[0], depth.shape[1])
        self._rows.append(Row(stamp_ns, latency_ms, offset, shape, size, stages_ms or {}))

    def feed(
        self,
        report: Report,
        source: Source,
        stamp_of: Callable[[int, Item], int],
        motion_of: Callable[[int], Motion],
        *,
        scale_known: bool,
        rectified: bool,
    ) -> None:
        """Adds every result to the report, with its frame of the source.

        ``stamp_of`` says under which stamp the n-th item was played, ``motion_of`` how the camera
        had moved by then.
        """
        rectify = make_rectify(rectified)
        for item, row in self._matched(source, stamp_of):
            frame = rectify(item.frame)
            camera = frame.camera.scaled(row.shape[1], row.shape[0])
            depth = self._read(row.offset, row.shape, np.float32)
            result = DepthResult(
                row.stamp_ns,
                frame.frame_id,
                camera,
                depth,
                np.isfinite(depth).astype(np.float32),
                resized(frame.image, camera),
                motion_of(row.stamp_ns),
                scale_known,
                stages_ms=dict(row.stages_ms),
            )
            report.add(item, result, row.latency_ms)

    def _matched(
        self, source: Source, stamp_of: Callable[[int, Item], int]
    ) -> Iterator[tuple[Item, Row]]:
        if source.live:
            yield from ((self._kept(source, row), row) for row in self._rows)
            return
        rows = {row.stamp_ns: row for row in self._rows}
        for index, item in enumerate(source):
            row = rows.pop(stamp_of(index, item), None)
            if row is not None:
                yield item, row
            if not rows:
                return

    def _kept(self, source: Source, row: Row) -> Item:
        size = row.image_shape or row.shape
        offset = row.offset + 4 * row.shape[0] * row.shape[1]
        image = self._read(offset, (*size, 3), np.uint8)
        return Item(make_frame(row.stamp_ns, image, None, source.fov_deg))

    def _read(self, offset: int, shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
        self._file.seek(offset)
        data = self._file.read(int(np.prod(shape)) * np.dtype(kind).itemsize)
        return np.frombuffer(data, kind).reshape(shape)
