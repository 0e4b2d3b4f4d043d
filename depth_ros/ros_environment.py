# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What processes of one run share: ROS itself, the Fast DDS profile, a domain of their own."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from depth_ros.errors import DepthError
from depth_ros.share import share_dir

_PACKAGES = ("rclpy", "sensor_msgs", "nav_msgs", "geometry_msgs", "diagnostic_msgs")


def require_ros() -> None:
    """DepthError with what to install unless ROS 2 for Python can be imported."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise DepthError(
            f"no ROS 2 here: {', '.join(missing)} cannot be imported",
            fix="Source a ROS 2 installation, or pip install ros-kilted-rclpy and the message "
            "packages that make run installs.",
        )


@contextmanager
def ros_environment() -> Iterator[None]:
    """Our Fast DDS profile and a domain of our own, unless the user has set them."""
    ours = {
        "FASTDDS_DEFAULT_PROFILES_FILE": str(share_dir() / "config" / "fastdds.xml"),
        "ROS_DOMAIN_ID": str(_free_domain()),
    }
    added = {name: value for name, value in ours.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _free_domain() -> int:
    """A domain whose first port (DDSI-RTPS 9.6) nobody uses on this machine."""
    domains = random.sample(range(1, 102), 101)
    for domain in domains:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7400 + 250 * domain + 10))
            except OSError:
                continue
            return domain
    return domains[0]
