# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Video files: images alone, whose camera nobody knows."""

from __future__ import annotations

from pathlib import Path

from depth_ros.sources.source import Options
from depth_ros.sources.video import VideoSource
from depth_ros.training.data.readers.recorded import Recorded


class Video(Recorded):
    """A file that OpenCV can read. Opening it raises SourceError where it has no frame."""

    def __init__(self, path: Path, *, rate_hz: float | None = None) -> None:
        super().__init__(VideoSource(path, Options(rate_hz)))
