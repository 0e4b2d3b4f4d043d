# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth.mp4: the camera's image beside its depth, and the truth where it is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_ros.color import colorize
from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult, UInt8
from depth_ros.report.numbers import at_size_of
from depth_ros.sources import Item

_WIDE = 1.9  # images wider than this many times their height are stacked, not placed side by side
_TITLE, _FOOTER = 26, 30  # heights of the text lines in pixels
_SMOOTH = 0.9  # how much of the last range of the colour map is kept at each frame


class SideBySide:
    """Draws every result; one whose successors were dropped stands until the next one comes."""

    def __init__(self, path: Path, rate_hz: float, has_truth: bool) -> None:
        self._path, self._rate_hz = path, min(max(rate_hz, 1.0), 60.0)
        self._has_truth = has_truth
        self._writer: cv2.VideoWriter | None = None
        self._panel = (0, 0)
        self._start_ns = self._written = 0
        self._last: UInt8 = np.empty((0, 0, 3), np.uint8)
        self._range: tuple[float, float] | None = None

    def add(self, item: Item, result: DepthResult, latency_ms: float) -> None:
        """Draws and encodes one frame."""
        near, far = self._range = self._follow(item, result)
        if self._writer is None:
            self._panel, self._start_ns = _panel_size(result.image), result.stamp_ns
        panels = [
            self._titled("camera", result.image),
            self._titled(_name(result.scale_known), colorize(result.depth, near, far)),
        ]
        if self._has_truth:
            panels.append(self._titled("truth", _truth(item, result, near, far)))
        stacked = self._panel[0] > _WIDE * self._panel[1]
        canvas = np.concatenate(panels, axis=0 if stacked else 1)
        seconds = (result.stamp_ns - self._start_ns) * 1e-9
        text = f"{seconds:6.2f} s   {latency_ms:.1f} ms   {result.motion.state}"
        footer = _footer(canvas.shape[1], text, near, far)
        self._write(np.concatenate([canvas, footer]), seconds)

    def close(self) -> None:
        """Completes the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _write(self, canvas: UInt8, seconds: float) -> None:
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            size = (canvas.shape[1], canvas.shape[0])
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate_hz, size)
            if not self._writer.isOpened():
                raise DepthError(f"cannot write {self._path}", fix="Can OpenCV write mp4v here?")
        drawn = np.ascontiguousarray(canvas[..., ::-1])
        gap = round(seconds * self._rate_hz) - self._written
        for _ in range(min(gap, round(self._rate_hz))):  # a second at most: it is a pause then
            self._writer.write(self._last)
        self._writer.write(drawn)
        self._last = drawn
        self._written += max(gap, 0) + 1

    def _follow(self, item: Item, result: DepthResult) -> tuple[float, float]:
        """Near and far end of the colours: those of this frame and its truth, moving slowly."""
        seen = result.depth[::4, ::4].ravel()
        if item.depth is not None and result.scale_known:
            seen = np.concatenate([seen, item.depth[::4, ::4].ravel()])
        valid = seen[np.isfinite(seen)]
        if not valid.size:
            return self._range or (0.3, 8.0)
        near, far = (float(v) for v in np.percentile(valid, [1, 98]))
        now = (max(near, 0.01), max(far, near * 1.2, 0.02))
        if self._range is None:
            return now
        last, keep = self._range, _SMOOTH
        return keep * last[0] + (1 - keep) * now[0], keep * last[1] + (1 - keep) * now[1]

    def _titled(self, title: str, image: UInt8) -> UInt8:
        strip = np.full((_TITLE, self._panel[0], 3), 24, np.uint8)
        _text(strip, title, (8, 18))
        shrinks = image.shape[1] > self._panel[0]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        panel = cv2.resize(np.ascontiguousarray(image), self._panel, interpolation=way)
        return np.concatenate([strip, panel.astype(np.uint8, copy=False)])


def _panel_size(image: UInt8) -> tuple[int, int]:
    """Width and height, even, of about 640x360 pixels."""
    height, width = image.shape[:2]
    factor = min(640 / width, 400 / height)
    return round(width * factor / 2) * 2, round(height * factor / 2) * 2


def _truth(item: Item, result: DepthResult, near: float, far: float) -> UInt8:
    """The truth in the colours of the depth; where metres are unknown, scaled to it."""
    if item.depth is None:
        return np.zeros((*result.depth.shape, 3), np.uint8)
    truth = item.depth
    if not result.scale_known:
        ours = at_size_of(truth, result.depth)
        both = np.isfinite(truth) & np.isfinite(ours)
        if both.any():
            truth = truth * np.float32(np.median(ours[both]) / np.median(truth[both]))
    if np.isfinite(truth).mean() < 0.2:  # lidar: points that one pixel would not show
        grown = cv2.dilate(np.nan_to_num(truth), np.ones((3, 3), np.uint8))
        truth = np.where(grown > 0, grown, np.nan).astype(np.float32)
    return colorize(truth, near, far)


def _name(scale_known: bool) -> str:
    return "depth" if scale_known else "depth, scale unknown"


def _footer(width: int, text: str, near: float, far: float) -> UInt8:
    """What happened in the frame, and the colours' scale."""
    strip = np.full((_FOOTER, width, 3), 24, np.uint8)
    _text(strip, text, (8, 20))
    left, length = width - 300, 160
    ramp = np.asarray([1 / np.linspace(1 / near, 1 / far, length)] * 12, np.float32)
    strip[9:21, left : left + length] = colorize(ramp, near, far)
    _text(strip, f"{near:.2f}", (left - 52, 20))
    _text(strip, f"{far:.2f} m", (left + length + 8, 20))
    return strip


def _text(image: UInt8, text: str, at: tuple[int, int]) -> None:
    white = (235, 235, 235)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, white, 1, cv2.LINE_AA)
