# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames from a video, a webcam, a folder of images or a bag: open_source(), Source and Item."""

from __future__ import annotations

from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.sources.source import DEFAULT_FOV_DEG, Item, Later, Options, Source

__all__ = ["DEFAULT_FOV_DEG", "Item", "Source", "open_source"]

_BAGS = (".mcap", ".db3", ".bag")


def open_source(
    text: str,
    *,
    rate_hz: float | None = None,
    fov_deg: float = DEFAULT_FOV_DEG,
    topic: str | None = None,
    start: int = 0,
) -> Source:
    """Opens what the user named: the number of a webcam, or the path of

    - a video file that OpenCV can read,
    - a folder of images, or one image,
    - a folder with rgb/, and where known depth/, poses.txt and meta.json (see sources/folder.py),
    - a KITTI odometry sequence or a EuRoC camera (left camera only),
    - an MCAP file, a rosbag2 folder or .db3 file, or a ROS 1 .bag.

    Without intrinsics the camera is guessed from ``fov_deg``, and depth is up to scale. ``start``
    leaves so many images out at the beginning. Raises SourceError.
    """
    source = _open(text, Options(rate_hz, fov_deg, topic))
    return Later(source, start) if start else source


def _open(text: str, options: Options) -> Source:
    from depth_ros.sources.bag import BagSource
    from depth_ros.sources.folder import FolderSource
    from depth_ros.sources.video import VideoSource, WebcamSource

    path = Path(text).expanduser()
    if text.isdecimal() and not path.exists():
        return WebcamSource(int(text), options)
    if not path.exists():
        raise SourceError(
            f"no source {text}",
            fix="Name a video, a folder of images, a bag, or the number of a webcam.",
        )
    if path.suffix in _BAGS or (path / "metadata.yaml").is_file():
        return BagSource(path, options)
    if path.is_dir() or FolderSource.reads(path):
        return FolderSource(path, options)
    return VideoSource(path, options)
