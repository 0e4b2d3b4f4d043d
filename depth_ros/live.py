# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The live line of a run: on a terminal it rewrites itself, elsewhere it is a line every 2 s."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``total`` None is unknown."""

    done: int
    total: int | None
    fps: float
    latency_ms: float
    dropped: int
    rejected: int = 0


class LiveLine:
    """Shows Progress on a stream, never more often than people can read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._every_s = 0.1 if self._rewrites else 2.0
        self._last_s = time.monotonic()
        self._width = 0

    def update(self, progress: Progress) -> None:
        """Shows it, if it is time to."""
        now = time.monotonic()
        if now - self._last_s >= self._every_s:
            self._last_s = now
            self._show(_text(progress))

    def note(self, text: str) -> None:
        """A line that stays."""
        self.end()
        self._stream.write(text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Leaves the line, so that other text starts on a fresh one."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
            self._width = 0

    def _show(self, text: str) -> None:
        if self._rewrites:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def _text(p: Progress) -> str:
    share = f"{p.done}/{p.total} ({100 * p.done // p.total} %)" if p.total else str(p.done)
    text = f"{share}  {p.fps:.1f} fps  {p.latency_ms:.1f} ms  {p.dropped} dropped"
    return text + (f"  {p.rejected} rejected" if p.rejected else "")
