# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames from a video file or a webcam, through OpenCV. Neither knows its intrinsics."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from depth_ros.errors import SourceError
from depth_ros.frame import UInt8
from depth_ros.sources.source import DEFAULT_RATE_HZ, Item, Options, Source, make_frame

log = logging.getLogger(__name__)


class VideoSource(Source):
    """A video file."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path = path
        capture = self._open()
        rate = options.rate_hz or _rate(capture)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        readable, _ = capture.read()
        capture.release()
        if not readable:
            raise SourceError(f"no frame in {path}", fix="Is the video complete?")
        super().__init__(path.name, rate, count if count > 0 else None, options.fov_deg)

    def __iter__(self) -> Iterator[Item]:
        capture = self._open()
        self.skipped = index = 0
        try:
            while (image := _read(capture)) is not None:
                stamp_ns = round(index * 1e9 / self.rate_hz)
                yield Item(make_frame(stamp_ns, image, None, self.fov_deg))
                index += 1
        finally:
            capture.release()
        if self.frames and index < self.frames:
            self.skipped = self.frames - index
            log.warning("%s ends after %d of its %d frames", self.name, index, self.frames)

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise SourceError(
                f"cannot read {self._path}", expected="a video, image or bag", got="neither"
            )
        return capture


class WebcamSource(Source):
    """A camera of this machine. It runs until the consumer stops; it cannot be opened twice."""

    def __init__(self, index: int, options: Options) -> None:
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise SourceError(
                f"no webcam {index}", fix="ls /dev/video* lists the cameras of this machine."
            )
        rate = options.rate_hz or _rate(self._capture)
        super().__init__(f"webcam {index}", rate, None, options.fov_deg, live=True)

    def __iter__(self) -> Iterator[Item]:
        while (image := _read(self._capture)) is not None:
            yield Item(make_frame(time.time_ns(), image, None, self.fov_deg))
        raise SourceError(f"{self.name} stopped sending images", fix="Is it still plugged in?")


def _rate(capture: cv2.VideoCapture) -> float:
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    return rate if math.isfinite(rate) and 0 < rate <= 1000 else DEFAULT_RATE_HZ


def _read(capture: cv2.VideoCapture) -> UInt8 | None:
    good, image = capture.read()
    return image[..., ::-1] if good else None  # BGR in memory, seen as RGB
