# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Times of KITTI's frames."""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache
from pathlib import Path

from depth_ros.errors import SourceError


def read_stamp(file: Path, line: int) -> int | None:
    """Line ``line`` (from 0) of a timestamps.txt or times.txt, in ns; None without the file.

    A line is a date and time (taken as UTC) with up to nine decimals, or seconds since the start.
    Raises SourceError where the line is missing or neither.
    """
    if not file.is_file():
        return None
    lines = _lines(file, file.stat().st_mtime_ns)
    if line >= len(lines):
        raise SourceError(f"{file}", expected=f"line {line + 1}", got=f"{len(lines)} lines")
    try:
        return _nanoseconds(lines[line])
    except ValueError:
        raise SourceError(
            f"line {line + 1} of {file}", expected="a time", got=repr(lines[line])
        ) from None


@lru_cache(maxsize=64)
def _lines(file: Path, modified_ns: int) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {file}: {error}") from error


def _nanoseconds(text: str) -> int:
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{1,9})", text.strip())
    if found is None:
        return round(float(text) * 1e9)
    seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
    return seconds * 10**9 + int(found[2].ljust(9, "0"))
