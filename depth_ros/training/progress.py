# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How far a run is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any

from tqdm import tqdm

WINDOW = 50  # steps over which speed is measured
EVERY_S = 60.0  # between lines, where there is no terminal
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} steps{postfix}"


class Progress:
    """Counts steps from ``first`` to ``total``, and says how fast; a do-nothing one if quiet.

    Only time within begin() and step() counts, so that validation is not taken for slowness.
    """

    def __init__(self, total: int, first: int, quiet: bool = False) -> None:
        self._total, self._done = total, first
        self._window: deque[tuple[float, int]] = deque(maxlen=WINDOW)
        self._began = time.monotonic()
        self._said = self._began
        terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._lines = not quiet and not terminal
        if not quiet and terminal:
            self._bar = tqdm(
                total=total, initial=first, bar_format=_BAR, dynamic_ncols=True, file=sys.stderr
            )

    def begin(self) -> None:
        """The next step begins now."""
        self._began = time.monotonic()

    def step(self, images: int, loss: float, notes: str) -> float:
        """A step over ``images`` has ended; returns its seconds. ``notes`` are shown as well."""
        now = time.monotonic()
        seconds, self._began = now - self._began, now
        self._window.append((seconds, images))
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(self._text(loss, notes), refresh=False)
            self._bar.update()
        elif self._lines and (now - self._said > EVERY_S or self._done == self._total):
            self._said = now
            self.say(f"step {self._done}/{self._total}: {self._text(loss, notes)}")
        return seconds

    @property
    def images_per_s(self) -> float:
        """Over the last steps, in this process."""
        seconds = sum(s for s, _ in self._window)
        return sum(n for _, n in self._window) / seconds if seconds else 0.0

    def say(self, text: str) -> None:
        """A line of text, above the bar where there is one."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._lines:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _text(self, loss: float, notes: str) -> str:
        seconds = sum(s for s, _ in self._window) / len(self._window)
        left = tqdm.format_interval(round(seconds * (self._total - self._done)))
        more = f", {notes}" if notes else ""
        return f"loss {loss:.4f}, {self.images_per_s:.1f} images/s, {left} left{more}"
