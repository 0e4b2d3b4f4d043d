# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Notices that the files of a zoo entry were replaced, by looking at them now and then."""

from __future__ import annotations

import os
from pathlib import Path

from depth_ros.engines import EngineSpec
from depth_ros.errors import DepthError

Stat = tuple[int, int, int] | None


class Watch:
    """Looks at spec.json, which is written last, and at the weights that it names.

    A change counts when two looks in a row have seen it alike, so that a file is not read while
    somebody is still writing it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: tuple[Stat, ...] | None = None
        self._last: tuple[Stat, ...] | None = None

    def changed(self) -> bool:
        """Whether the entry has changed since the last time that this said so, and has settled.

        It says so once at first, too: who opened the entry before may have met an older one.
        """
        now = self._look()
        settled, self._last = now == self._last, now
        if not settled or now == self._taken:
            return False
        self._taken = now
        return True

    def _look(self) -> tuple[Stat, ...]:
        path = self._folder / "spec.json"
        seen = _stat(path)
        try:
            spec = EngineSpec.load(path)
        except DepthError:
            return (seen,)
        parts = [spec] if spec.pose is None else [spec, spec.pose]
        return (seen, *(_stat(self._folder / part.weights) for part in parts))


def _stat(path: Path) -> Stat:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
