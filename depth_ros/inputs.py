# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node's subscriptions: images with their camera_info, counted, on the way to the worker."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_ros import messages
from depth_ros.config import Config, InputConfig
from depth_ros.connections import (
    Connections,
    SubscriptionEventCallbacks,
    UnsupportedEventTypeError,
    large_message_advice,
    profile,
)
from depth_ros.errors import DepthError
from depth_ros.faults import Fault, Inputs
from depth_ros.frame import Camera, Frame
from depth_ros.health import Health
from depth_ros.losses import Losses
from depth_ros.pairing import Paired, Pairing, check_size

GRAPH_S = 1.0  # how often to look who publishes the topics


@dataclass(frozen=True, slots=True)
class Arrival:
    """An image message, when it came (seconds, monotonic), and its camera_info."""

    msg: Any  # Image or CompressedImage
    stamp_ns: int
    arrived: float
    info: CameraInfo | None = None


def to_frame(arrival: Arrival, config: InputConfig, dropped: int) -> Frame:
    """What the pipeline takes; raises FrameError for a malformed message or an unlike size."""
    read = messages.image_to_rgb if config.transport == "raw" else messages.compressed_to_rgb
    image = read(arrival.msg)
    height, width = image.shape[:2]
    if arrival.info is None:
        camera = Camera.from_fov(width, height, math.radians(config.fov_deg))
    else:
        camera = messages.camera_from_info(arrival.info)
        check_size(width, height, camera)
    known = arrival.info is not None
    frame_id = arrival.msg.header.frame_id
    return Frame(arrival.stamp_ns, frame_id, image, camera, known, dropped)


class InputTopics:
    """Subscribes to image and camera_info. All methods belong to the executor's thread."""

    def __init__(
        self,
        node: LifecycleNode,
        config: Config,
        health: Health,
        connections: Connections,
        put: Callable[[Arrival], int],
    ) -> None:
        self._node, self._config, self._health = node, config.input, health
        self._connections, self._put = connections, put
        self._pairing: Pairing[Arrival, CameraInfo] = Pairing(
            config.input.info, optional=config.input.fov_deg > 0
        )
        self._losses = Losses()
        self._large_advice = large_message_advice()
        self._matched: float | None = None
        self._graph: tuple[float, tuple[Fault, ...]] = (-GRAPH_S, ())
        compressed = config.input.transport == "compressed"
        self._base = node.resolve_topic_name("image")
        # As image_transport does it: a remapped image takes its transport along.
        image_topic = self._base + "/compressed" if compressed else "image"
        image_type = CompressedImage if compressed else Image
        self._image = self._subscribe(image_type, image_topic, self._on_image, 5)
        self._info = self._subscribe(CameraInfo, "camera_info", self._on_info, 10)
        self.topics = {self._image.topic_name, self._info.topic_name}

    def destroy(self) -> None:
        """Takes no more images; those that wait for a camera_info are lost."""
        self._node.destroy_subscription(self._image)
        self._node.destroy_subscription(self._info)
        self._health.dropped("flushed", self._pairing.flush())

    def report(self, now: float) -> Inputs:
        """What find_faults needs to know."""
        sent, came = self._losses.estimate(now)
        return Inputs(
            image_topic=self._image.topic_name,
            info_topic=self._info.topic_name,
            image_publishers=self._node.count_publishers(self._image.topic_name),
            info_publishers=self._node.count_publishers(self._info.topic_name),
            info_needed=self._config.fov_deg == 0,
            info_hint=self._info_hint(),
            matched_age_s=None if self._matched is None else now - self._matched,
            gap_ns=self._pairing.gap_ns(),
            sent=sent,
            came=came,
            image_bytes=self._losses.image_bytes,
            connections=self._unconnected(now),
            large_advice=self._large_advice,
        )

    def _subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], depth: int
    ) -> Subscription:
        resolved = self._node.resolve_topic_name(topic)
        handlers = {"incompatible_qos": self._connections.refused_by(resolved)}
        if callback == self._on_image:
            handlers["message_lost"] = self._on_lost

        def create() -> Subscription:
            return self._node.create_subscription(
                kind,
                topic,
                callback,
                profile(self._config.reliability, depth),
                event_callbacks=SubscriptionEventCallbacks(
                    use_default_callbacks=False, **handlers
                ),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

        try:
            return create()
        except UnsupportedEventTypeError:  # not every middleware counts lost messages
            del handlers["message_lost"]
            return create()

    def _on_image(self, msg: Any) -> None:
        now = time.monotonic()
        stamp = msg.header.stamp
        sent_s = stamp.sec + 1e-9 * stamp.nanosec
        transport_ms = 1e-6 * self._node.get_clock().now().nanoseconds - 1e3 * sent_s
        self._health.received(now, transport_ms)
        try:
            stamp_ns = messages.stamp_ns(stamp)
        except DepthError as error:
            self._health.rejected(now, error)
            return
        self._losses.image(now, stamp_ns, len(msg.data))
        self._hand_over(now, self._pairing.image(stamp_ns, Arrival(msg, stamp_ns, now)))

    def _on_info(self, msg: CameraInfo) -> None:
        now = time.monotonic()
        stamp_ns = msg.header.stamp.sec * 1_000_000_000 + msg.header.stamp.nanosec
        self._health.info(now)
        self._losses.info(now, stamp_ns)
        self._hand_over(now, self._pairing.info(stamp_ns, msg))

    def _on_lost(self, event: Any) -> None:
        self._losses.reported(time.monotonic(), event.total_count_change)

    def _hand_over(self, now: float, paired: Paired[Arrival, CameraInfo]) -> None:
        self._health.dropped("unmatched", paired.unmatched)
        if paired.ready is not None:
            self._matched = now
            image, info = paired.ready
            replaced = self._put(Arrival(image.msg, image.stamp_ns, image.arrived, info))
            self._health.dropped("replaced", replaced)

    def _unconnected(self, now: float) -> tuple[Fault, ...]:
        if now - self._graph[0] >= GRAPH_S:
            self._graph = now, tuple(self._look())
        return self._graph[1]

    def _look(self) -> list[Fault]:
        kind = "CompressedImage" if self._config.transport == "compressed" else "Image"
        checks = ((self._image, kind), (self._info, "CameraInfo"))
        found: list[Fault] = []
        for subscription, name in checks:
            found += self._connections.inputs(
                subscription.topic_name, f"sensor_msgs/msg/{name}", subscription.qos_profile
            )
        return found + list(self._connections.outputs(self.topics))

    def _info_hint(self) -> str:
        sibling = self._base.rpartition("/")[0] + "/camera_info"
        if sibling == self._info.topic_name or not self._node.count_publishers(sibling):
            return ""
        return f"{sibling} is published: remap camera_info to it."
