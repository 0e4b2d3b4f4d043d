# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The networks that depth_ros can train and export, by name."""

from __future__ import annotations

from depth_ros.engines.networks.fastdepth import PRUNED, FastDepth, FastDepthConfig

NETWORKS = {
    "fastdepth": (FastDepth, FastDepthConfig()),
    "fastdepth_pruned": (FastDepth, PRUNED),
}
