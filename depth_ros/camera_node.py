# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A camera for a robot that has none: publishes a source as ``image`` and ``camera_info``.

It starts when somebody subscribes to ``image``, and keeps the source's rate. A stamp is the time
at which its image is handed to ROS, as with a real camera.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from depth_ros.allocator import keep_large_blocks
from depth_ros.errors import ConfigError, DepthError
from depth_ros.messages import camera_to_info, rgb_to_image, to_stamp
from depth_ros.sources import DEFAULT_FOV_DEG, Item, open_source

_PARAMETERS: dict[str, tuple[Any, str]] = {
    "source": ("", "A video, a webcam's number, a folder of images or a bag."),
    "rate_hz": (0.0, "Images per second; 0 takes the source's own rate."),
    "topic": ("", "The image topic of a bag; empty takes the best."),
    "frame_id": ("camera_optical_frame", "Frame of the images, unless the source names one."),
    "encoding": ("bgr8", "bgr8, rgb8 or mono8."),
    "reliability": ("reliable", "QoS of the publishers: reliable or best_effort."),
    "start": (0, "Images to leave out at the beginning."),
    "limit": (0, "Images to publish in all; 0 is no limit."),
    "loop": (False, "Start again at the end."),
    "preload": (False, "Read the whole source into memory first, so that playing costs little."),
    "record": ("", "File for a JSON list of the stamps (ns) of all images, written at the end."),
}
Messages = tuple[Image, CameraInfo | None]


class CameraNode(Node):  # type: ignore[misc]  # rclpy has no types
    """Publishes until the source ends. Images without intrinsics come without camera_info."""

    def __init__(self) -> None:
        super().__init__("camera")
        for name, (default, _) in _PARAMETERS.items():
            self.declare_parameter(name, default)
        rate, topic = self._value("rate_hz"), self._value("topic")
        self._source = open_source(
            self._value("source"),
            rate_hz=rate or None,
            fov_deg=DEFAULT_FOV_DEG,
            topic=topic or None,
            start=self._value("start"),
        )
        qos = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=self._reliability())
        self._images = self.create_publisher(Image, "image", qos)
        self._infos = self.create_publisher(CameraInfo, "camera_info", qos)
        self.stamps: list[int] = []

    def play(self) -> None:
        """Waits for a subscriber, then publishes; returns at the end of the source."""
        messages = self._messages()
        first = next(messages)
        while rclpy.ok() and not self._images.get_subscription_count():
            rclpy.spin_once(self, timeout_sec=0.05)
        period_s, due_s = 1 / self._source.rate_hz, time.monotonic()
        for image, info in _chain(first, messages):
            self._wait_until(due_s)
            if not rclpy.ok():
                return
            self._publish(image, info)
            due_s = max(due_s + period_s, time.monotonic() - period_s)  # late: never hurry later
        self._images.wait_for_all_acked(Duration(seconds=2))

    def write_record(self) -> None:
        """Writes the stamps to the file that ``record`` names."""
        if path := self._value("record"):
            partial = Path(f"{path}.partial")
            partial.write_text(json.dumps(self.stamps), encoding="ascii")
            os.replace(partial, path)

    def _publish(self, image: Image, info: CameraInfo | None) -> None:
        stamp_ns = time.time_ns()
        image.header.stamp = to_stamp(stamp_ns)
        if info is not None:
            info.header.stamp = image.header.stamp
            self._infos.publish(info)
        self._images.publish(image)
        self.stamps.append(stamp_ns)

    def _wait_until(self, due_s: float) -> None:
        while (left_s := due_s - time.monotonic()) > 0 and rclpy.ok():
            if left_s > 0.02:  # parameters are served meanwhile
                rclpy.spin_once(self, timeout_sec=left_s - 0.01)
            else:
                time.sleep(left_s)

    def _messages(self) -> Iterator[Messages]:
        """The source as messages, each made before its time."""
        limit = self._value("limit") or None
        rounds = count() if self._value("loop") and not self._source.live else range(1)
        if self._value("preload"):
            made = [self._message(item) for item in islice(self._source, limit)]
            yield from islice((m for _ in rounds for m in made), limit)
            return
        items = (item for _ in rounds for item in self._source)
        yield from (self._message(item) for item in islice(items, limit))

    def _message(self, item: Item) -> Messages:
        frame = item.frame
        name = self._value("frame_id") if frame.frame_id == "camera" else frame.frame_id
        image = rgb_to_image(frame.image, 0, name, self._value("encoding"))
        return image, camera_to_info(frame.camera, 0, name) if frame.camera_known else None

    def _reliability(self) -> ReliabilityPolicy:
        known = {
            "reliable": ReliabilityPolicy.RELIABLE,
            "best_effort": ReliabilityPolicy.BEST_EFFORT,
        }
        given = self._value("reliability")
        if given not in known:
            raise ConfigError("reliability", expected=" or ".join(known), got=given)
        return known[given]

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def _chain(first: Messages, rest: Iterator[Messages]) -> Iterator[Messages]:
    yield first
    yield from rest


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point camera_node: 0 at the end of the source, 2 if it cannot be played."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    keep_large_blocks()
    rclpy.init(args=argv)
    try:
        node = CameraNode()
        try:
            node.play()
        finally:
            node.write_record()
            node.destroy_node()
    except DepthError as error:
        logging.getLogger(__name__).error("%s", error)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
