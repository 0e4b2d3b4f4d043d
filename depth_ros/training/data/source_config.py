# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a recipe says about one set of images; data/open.py opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from depth_ros.errors import ConfigError
from depth_ros.schema import Checked, setting

SourceKind = Literal[
    "folder",
    "collection",
    "pool",
    "rendered",
    "stereo",
    "kitti_odometry",
    "kitti_raw",
    "kitti_depth",
    "kitti_stereo",
    "nyu",
    "tum",
    "scannet",
    "vkitti",
    "cityscapes",
    "diode",
    "middlebury",
    "make3d",
    "ibims",
    "video",
    "bag",
]


@dataclass(frozen=True, slots=True)
class SourceConfig(Checked):
    """One set of images to learn from, or to validate on."""

    kind: SourceKind = setting(
        "folder", "The layout of the files; rendered makes scenes as it goes, without files."
    )
    path: str = setting(
        "",
        "Folder or file below the folder data; where it begins with ./ or ../, from the working "
        "directory; or absolute.",
    )
    first: int = setting(0, "The first frame that is used.", low=0, high=2**31)
    stop: int = setting(0, "The frame after the last one; 0 takes all.", low=0, high=2**31)
    every: int = setting(1, "Only every n-th of these frames.", low=1, high=10**6)
    share: float = setting(1.0, "How often it is drawn, relative to others.", low=0.0, high=1e6)
    split: str = setting(
        "",
        "Which part of the layout: train or test; a list of frames (a text file beside the data); "
        "a drive or sequence of KITTI; a variation of vKITTI; room, corridor or street of the "
        "renderer; the topics of a bag.",
    )
    depth: str = setting(
        "",
        "Which depth, where a layout has several: lidar, lidar_monodepth2, improved or none of "
        "KITTI raw; lidar or none of KITTI odometry; filled or raw of NYU.",
    )
    rate_hz: float = setting(
        0.0, "Frames a second where the files do not say; 0 if they do.", low=0.0, high=1000.0
    )
    scenes: tuple[str, ...] = setting((), "Only these scenes of a collection; none takes all.")
    skip_scenes: tuple[str, ...] = setting((), "All scenes of a collection but these.")
    scene_weights: dict[str, float] = setting(
        {}, "How often scenes of a collection are drawn; 1 if not named.", low=0.0, high=1e6
    )
    seed: int = setting(0, "The first scene that the renderer makes.", low=0, high=2**40)

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if self.stop and self.stop <= self.first:
            raise ConfigError("stop", expected=f"0 or more than first {self.first}", got=self.stop)
        if not self.path and self.kind != "rendered":
            raise ConfigError("path", expected=f"where the {self.kind} is", got="nothing")

    def where(self, data: Path) -> Path:
        """The path, with ``data`` the folder of all data."""
        here = self.path.startswith(("./", "../"))
        return Path(self.path) if here else data / Path(self.path).expanduser()
