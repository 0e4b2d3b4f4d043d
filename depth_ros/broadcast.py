# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""TF from the odom frame to the camera, if nobody else says where the camera is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from depth_ros import messages
from depth_ros.config import OdometryConfig
from depth_ros.faults import Fault
from depth_ros.frame import DepthResult

LISTEN_S = 1.0  # before the first transform: static ones, and others' at 2 Hz, are heard by then


class ParentGuard:
    """Tells other nodes' transforms from our own, because a frame may have one parent only."""

    def __init__(self, odom_frame: str) -> None:
        self._odom_frame = odom_frame
        self._own: deque[int] = deque(maxlen=512)  # stamps
        self._parents: dict[str, str] = {}  # by other nodes, of each child

    def sent(self, stamp_ns: int) -> None:
        """We are about to send a transform of this stamp."""
        self._own.append(stamp_ns)

    def heard(self, parent: str, child: str, stamp_ns: int) -> None:
        """A transform has come, perhaps our own."""
        if parent != self._odom_frame or stamp_ns not in self._own:
            self._parents[child] = parent

    def other_parent(self, child: str) -> str | None:
        """The parent that another node gives the frame."""
        return self._parents.get(child)


class Broadcast:
    """Listens to all transforms, and sends odom -> camera unless the camera has a parent."""

    def __init__(self, node: Node, odom_frame: str, message: Any) -> None:
        self._node, self._message, self._odom_frame = node, message, odom_frame
        self._guard = ParentGuard(odom_frame)
        self._child: str | None = None
        self._since = time.monotonic()
        static = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._publisher = node.create_publisher(message, "/tf", 100)
        self._subscriptions = [
            node.create_subscription(message, "/tf", self._heard, 100),
            node.create_subscription(message, "/tf_static", self._heard, static),
        ]

    def wanted(self) -> bool:
        """Whether somebody beside ourselves listens to /tf."""
        return bool(self._publisher.get_subscription_count() > 1)

    def publish(self, result: DepthResult) -> None:
        """Sends the transform, unless it would be the camera's second parent."""
        self._child = result.frame_id
        listened = time.monotonic() - self._since >= LISTEN_S
        if listened and self._guard.other_parent(self._child) is None:
            self._guard.sent(result.stamp_ns)
            transform = messages.transform(result, self._odom_frame)
            self._publisher.publish(self._message(transforms=[transform]))

    def faults(self) -> Iterator[Fault]:
        """Why nothing is sent, if so."""
        parent = self._guard.other_parent(self._child) if self._child is not None else None
        if parent is not None:
            yield Fault(
                "TF parent",
                f"no TF from {self._odom_frame} to {self._child}: another node gives it the "
                f"parent {parent}, and a frame has one. Set odometry.publish_tf to false, or stop "
                "that node.",
                stops=False,
            )

    def destroy(self) -> None:
        """Stops listening and sending."""
        self._node.destroy_publisher(self._publisher)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _heard(self, message: Any) -> None:
        for t in message.transforms:
            stamp = t.header.stamp
            ns = stamp.sec * 1_000_000_000 + stamp.nanosec
            self._guard.heard(t.header.frame_id, t.child_frame_id, ns)


class NoBroadcast:
    """Sends nothing, because nobody asked for it or, as ``why`` says, because it cannot."""

    def __init__(self, why: Iterable[Fault] = ()) -> None:
        self._why = tuple(why)

    def wanted(self) -> bool:
        """Never."""
        return False

    def publish(self, result: DepthResult) -> None:
        """Sends nothing."""

    def faults(self) -> Iterator[Fault]:
        """Why it cannot."""
        yield from self._why

    def destroy(self) -> None:
        """Nothing to stop."""


def make_broadcast(node: Node, config: OdometryConfig) -> Broadcast | NoBroadcast:
    """The one that the config asks for, if tf2_msgs is installed."""
    if not (config.enabled and config.publish_tf):
        return NoBroadcast()
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        text = "no TF: odometry.publish_tf needs the package tf2_msgs, which is not installed."
        return NoBroadcast([Fault("TF", text, stops=False)])
    return Broadcast(node, config.odom_frame, TFMessage)
