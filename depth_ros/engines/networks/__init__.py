# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The networks that depth_ros can train, import and export, by name.

A new network is one file here that ends in an Architecture, and one line in NETWORKS.
"""

from __future__ import annotations

from depth_ros.engines.networks import fastdepth, monodepth2, stclstm
from depth_ros.engines.networks.architecture import Architecture, Part, default_spec, read_options

__all__ = ["NETWORKS", "Architecture", "Part", "default_spec", "read_options"]

NETWORKS: dict[str, Architecture] = {
    **fastdepth.ARCHITECTURES,
    **monodepth2.ARCHITECTURES,
    **stclstm.ARCHITECTURES,
}
