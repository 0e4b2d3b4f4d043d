# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A listener that keeps what a depth node publishes, and when."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from depth_ros.config import Reliability
from depth_ros.frame import Float64, Motion
from depth_ros.messages import image_to_depth, image_to_rgb, stamp_ns
from depth_ros.spool import Spool

_UNKNOWN = 1e6  # messages/motion.py's variance of what is not known
_IMAGES = 30  # camera images to keep until their depth comes


class Recorder(Node):  # type: ignore[misc]  # rclpy has no types
    """Spools depth/image_rect; keeps odometry and the numbers of the diagnostics.

    ``latency_ms`` is stamp to publish: the middleware notes when the publisher wrote a message, so
    what the recorder itself costs is not in it.
    """

    def __init__(
        self,
        spool: Spool | None,
        *,
        keep_images: bool = False,
        motion: bool = True,
        reliability: Reliability = "reliable",
    ) -> None:
        super().__init__("recorder")
        self._spool = spool
        self.latency_ms: list[float] = []
        self.published_ns: list[int] = []
        self.motion_of: dict[int, Motion] = {}
        self.diagnostics: dict[str, str] = {}  # the newest
        self.error = ""  # the sentence of the newest, if they say that the node does not work
        self.diagnosed_at = 0.0  # on the monotonic clock
        self._images: dict[int, Any] = {}
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self._reset = True
        qos = _qos(ReliabilityPolicy[reliability.upper()])
        self.create_subscription(Image, "depth/image_rect", self._on_depth, qos)
        if motion:  # the node computes only what somebody wants
            self.create_subscription(Odometry, "odometry", self._on_odometry, qos)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        if keep_images:
            best_effort = _qos(ReliabilityPolicy.BEST_EFFORT)
            self.create_subscription(Image, "image", self._on_image, best_effort)

    @property
    def received(self) -> int:
        """Depth images so far."""
        return len(self.latency_ms)

    @property
    def matched(self) -> bool:
        """Whether somebody publishes the depth."""
        return bool(self.count_publishers("depth/image_rect"))

    @property
    def fps(self) -> float:
        """Depth images a second, from the first to the last."""
        span_ns = self.published_ns[-1] - self.published_ns[0] if self.published_ns else 0
        return 1e9 * (self.received - 1) / span_ns if span_ns > 0 else 0.0

    def stages_ms(self) -> dict[str, float]:
        """Median over the run of each stage's p50, as the node's diagnostics say."""
        return {stage: round(median(values), 3) for stage, values in self._stages.items()}

    def number(self, name: str) -> int:
        """A count of the newest diagnostics."""
        return int(self.diagnostics.get(name, 0))

    def _on_depth(self, message: Image, info: Mapping[str, int]) -> None:
        stamp = stamp_ns(message.header.stamp)
        written_ns = info.get("source_timestamp") or time.time_ns()
        self.published_ns.append(written_ns)
        self.latency_ms.append((written_ns - stamp) * 1e-6)
        if self._spool is not None:
            image = self._images.pop(stamp, None)
            pixels = None if image is None else image_to_rgb(image)
            depth = image_to_depth(message)
            self._spool.add(stamp, depth, self.latency_ms[-1], image=pixels)

    def _on_image(self, message: Image) -> None:
        self._images[stamp_ns(message.header.stamp)] = message
        while len(self._images) > _IMAGES:
            del self._images[min(self._images)]

    def _on_odometry(self, message: Odometry) -> None:
        known = message.pose.covariance[35] < _UNKNOWN  # of the heading
        state = "tracking" if known else "reset" if self._reset else "lost"
        self._reset = False
        unknown = np.eye(6) * _UNKNOWN
        pose = _matrix(message.pose.pose)
        motion = Motion(state, pose, np.eye(4), unknown, unknown)  # type: ignore[arg-type]
        self.motion_of[stamp_ns(message.header.stamp)] = motion

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            if "received" in values:
                self.diagnostics = values
                self.error = status.message if status.level == DiagnosticStatus.ERROR else ""
                self.diagnosed_at = time.monotonic()
                for key, value in values.items():
                    if key.endswith(".p50_ms"):
                        self._stages[key.removesuffix(".p50_ms")].append(float(value))


def _qos(reliability: ReliabilityPolicy) -> QoSProfile:
    return QoSProfile(depth=20, history=HistoryPolicy.KEEP_LAST, reliability=reliability)


def _matrix(pose: Any) -> Float64:
    """A geometry_msgs/Pose as 4x4."""
    q = np.array([pose.orientation.x, pose.orientation.y, pose.orientation.z])
    w, p = pose.orientation.w, pose.position
    x = np.array([[0, -q[2], q[1]], [q[2], 0, -q[0]], [-q[1], q[0], 0]])
    matrix: Float64 = np.eye(4)
    matrix[:3, :3] += 2 * (w * x + x @ x)
    matrix[:3, 3] = p.x, p.y, p.z
    return matrix
