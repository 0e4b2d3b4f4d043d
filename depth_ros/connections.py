# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""QoS of the node's topics, and who cannot connect to them because of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_policy_name_from_kind,
)
from rclpy.utilities import get_rmw_implementation_identifier

from depth_ros.errors import DepthError
from depth_ros.faults import Fault
from depth_ros.share import share_dir

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

__all__ = [
    "Connections",
    "PublisherEventCallbacks",
    "SubscriptionEventCallbacks",
    "UnsupportedEventTypeError",
    "large_message_advice",
    "profile",
]
PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"


def profile(reliability: str, depth: int) -> QoSProfile:
    """Keep last, volatile, and reliable or best effort."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy[reliability.upper()],
        durability=DurabilityPolicy.VOLATILE,
    )


class Connections:
    """Remembers which topics the middleware could not connect, and looks whether that still holds.

    All methods belong to the executor's thread.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._policy: dict[str, str] = {}  # of the topics that were refused

    def refused_by(self, topic: str) -> Callable[[Any], None]:
        """The callback for a topic's incompatible-QoS events."""

        def refused(event: Any) -> None:
            self._policy[topic] = qos_policy_name_from_kind(event.last_policy_kind)

        return refused

    def inputs(self, topic: str, kind: str, qos: QoSProfile) -> Iterator[Fault]:
        """Publishers of the topic from which nothing can come: their QoS or type does not fit."""
        publishers = self._node.get_publishers_info_by_topic(topic)
        others = [p for p in publishers if p.topic_type != kind]
        refused = [p for p in publishers if p.topic_type == kind and not _fits(p.qos_profile, qos)]
        alone = len(others) + len(refused) == len(publishers)
        for p in others:
            text = f"{topic} carries {p.topic_type} from {_name(p)}, not {kind}. {_type_fix(p)}"
            yield Fault(f"type of {topic}", text, stops=alone)
        for p in refused:
            policy = self._policy.get(topic, "a QoS policy").lower()
            _, reason = qos_check_compatible(p.qos_profile, qos)
            text = (
                f"nothing can come on {topic} from {_name(p)}: {policy} is incompatible "
                f"({_plain(reason)}). Set input.reliability to best_effort, or change the "
                "camera's QoS."
            )
            yield Fault(f"QoS of {topic}", text, stops=alone)
        if publishers and not refused:
            self._policy.pop(topic, None)

    def outputs(self, inputs: set[str]) -> Iterator[Fault]:
        """Subscribers that cannot hear the node, on topics where the middleware said so."""
        for topic in sorted(self._policy.keys() - inputs):
            offered = [p.qos_profile for p in self._own(topic)]
            wanted = self._node.get_subscriptions_info_by_topic(topic)
            refused = [s for s in wanted if offered and not _fits(offered[0], s.qos_profile)]
            if not refused:
                del self._policy[topic]
            for s in refused:
                _, reason = qos_check_compatible(offered[0], s.qos_profile)
                text = (
                    f"{_name(s)} cannot hear {topic}: {self._policy[topic].lower()} is "
                    f"incompatible ({_plain(reason)}). Set output.reliability to reliable, or "
                    "change the subscriber's QoS."
                )
                yield Fault(f"QoS of {topic}", text, stops=False)

    def _own(self, topic: str) -> list[Any]:
        me = (self._node.get_name(), self._node.get_namespace())
        publishers = self._node.get_publishers_info_by_topic(topic)
        return [p for p in publishers if (p.node_name, p.node_namespace) == me]


def large_message_advice() -> str:
    """How to get images through the middleware in use; empty where there is nothing special."""
    if not get_rmw_implementation_identifier().startswith("rmw_fastrtps"):
        return ""
    loses = "Fast DDS loses messages that do not fit its shared-memory segment (512 KB by default)"
    if os.environ.get(PROFILES):
        return f"{loses}: start the camera, too, with {PROFILES}={os.environ[PROFILES]}."
    try:
        path = str(share_dir() / "config" / "fastdds.xml")
    except DepthError:  # an incomplete installation
        path = "depth_ros' config/fastdds.xml"
    return f"{loses}: start both the camera and this node with {PROFILES}={path}."


def _fits(offered: QoSProfile, requested: QoSProfile) -> bool:
    compatibility, _ = qos_check_compatible(offered, requested)
    return bool(compatibility != QoSCompatibility.ERROR)


def _plain(reason: str) -> str:
    return reason.replace("ERROR: ", "").strip("; ").lower()


def _name(endpoint: Any) -> str:
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"


def _type_fix(endpoint: Any) -> str:
    if endpoint.topic_type == "sensor_msgs/msg/CompressedImage":
        return "Set input.transport to compressed, and remap image to the topic's base name."
    return "Remap image or camera_info to the right topic."
