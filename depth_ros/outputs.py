# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node's publishers. Only what somebody subscribes to is written and sent."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_ros import messages
from depth_ros.broadcast import make_broadcast
from depth_ros.config import Config
from depth_ros.connections import Connections, PublisherEventCallbacks, profile
from depth_ros.frame import DepthResult

Write = Callable[[DepthResult, Config], Any]
# In the order of publishing: what planners wait for first. camera_info is that of the depth image.
OUTPUTS: dict[str, tuple[type, Write]] = {
    "depth/image_rect": (Image, lambda r, c: messages.depth_image(r, c.depth.encoding)),
    "depth/camera_info": (CameraInfo, lambda r, c: messages.camera_info(r)),
    "odometry": (Odometry, lambda r, c: messages.odometry(r, c.odometry.odom_frame)),
    "pose": (
        PoseWithCovarianceStamped,
        lambda r, c: messages.pose(r, c.odometry.odom_frame),
    ),
    "points": (PointCloud2, lambda r, c: messages.point_cloud(r, c.points.stride)),
    "depth/confidence": (Image, lambda r, c: messages.confidence_image(r)),
    "depth/color": (Image, lambda r, c: messages.color_image(r, c.color.near_m, c.color.far_m)),
}
MOTION = {"odometry", "pose", "tf"}


class Outputs:
    """All publishers; ``publish`` and ``wanted`` belong to the worker's thread."""

    def __init__(self, node: LifecycleNode, config: Config, connections: Connections) -> None:
        self._node = node
        names = [n for n in OUTPUTS if config.odometry.enabled or n not in MOTION]
        self._publishers = {
            name: node.create_lifecycle_publisher(
                OUTPUTS[name][0],
                name,
                profile(config.output.reliability, 5),
                event_callbacks=PublisherEventCallbacks(
                    incompatible_qos=connections.refused_by(node.resolve_topic_name(name)),
                    use_default_callbacks=False,
                ),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for name in names
        }
        self.broadcast = make_broadcast(node, config.odometry)

    def wanted(self) -> set[str]:
        """The topics that have a subscriber now, and ``tf``."""
        wanted = {n for n, p in self._publishers.items() if p.get_subscription_count()}
        return wanted | {"tf"} if self.broadcast.wanted() else wanted

    def publish(self, result: DepthResult, config: Config, wanted: Set[str]) -> None:
        """Writes and sends the wanted ones; no motion where there is none to tell."""
        moving = result.motion.state != "off"
        for name, publisher in self._publishers.items():
            if name in wanted and (moving or name not in MOTION):
                publisher.publish(OUTPUTS[name][1](result, config))
        if "tf" in wanted and moving and result.motion.state != "lost":
            self.broadcast.publish(result)

    def destroy(self) -> None:
        """Takes the topics away."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self.broadcast.destroy()
