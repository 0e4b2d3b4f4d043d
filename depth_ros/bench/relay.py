# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The least that any depth node does: receives an image, publishes one of that size as 32FC1.

The bench measures this as the bare cost of rclpy and its middleware.
"""

from __future__ import annotations

import sys
from array import array

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image


class Relay(Node):  # type: ignore[misc]  # rclpy has no types
    """Same topics and QoS as the depth node has by default."""

    def __init__(self) -> None:
        super().__init__("relay")
        last = HistoryPolicy.KEEP_LAST
        best_effort = QoSProfile(depth=1, history=last, reliability=ReliabilityPolicy.BEST_EFFORT)
        reliable = QoSProfile(depth=1, history=last, reliability=ReliabilityPolicy.RELIABLE)
        self._depth = self.create_publisher(Image, "depth/image_rect", reliable)
        self.create_subscription(Image, "image", self._on_image, best_effort)

    def _on_image(self, image: Image) -> None:
        depth = Image(header=image.header, height=image.height, width=image.width)
        depth.encoding, depth.step = "32FC1", 4 * image.width
        data = array("B")
        data.frombytes(bytes(depth.step * image.height))
        depth.data = data
        self._depth.publish(depth)


def main() -> int:
    """Runs until the process is told to stop."""
    rclpy.init()
    node = Relay()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
