# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI: raw, odometry, depth, stereo 2015 and the lists of frames, behind one name."""

from __future__ import annotations

from depth_ros.training.data.readers.kitti_depth import KittiDepthSelection, improved_frames
from depth_ros.training.data.readers.kitti_odometry import KittiOdometry, sequence_frames
from depth_ros.training.data.readers.kitti_raw import KittiRaw, drive_frames
from depth_ros.training.data.readers.kitti_stereo2015 import (
    KittiStereo2015,
    depth_from_disparity,
)
from depth_ros.training.data.readers.splits import Listed, read_split

__all__ = [
    "KittiDepthSelection",
    "KittiOdometry",
    "KittiRaw",
    "KittiStereo2015",
    "Listed",
    "depth_from_disparity",
    "drive_frames",
    "improved_frames",
    "read_split",
    "sequence_frames",
]
