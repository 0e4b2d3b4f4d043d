# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""TF never gives the camera a second parent. What needs tf2_msgs is skipped without it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_peer import CAMERA, Peer, node_and_peer, wait_until
from sensor_msgs.msg import Image

from depth_ros import messages
from depth_ros.broadcast import ParentGuard

STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_our_own_transforms_are_no_other_parent() -> None:
    guard = ParentGuard("odom")
    for stamp in range(10):
        guard.sent(stamp)
        guard.heard("odom", "camera", stamp)
    assert guard.other_parent("camera") is None


def test_every_other_parent_is_noticed() -> None:
    guard = ParentGuard("odom")
    guard.sent(5)
    guard.heard("camera_link", "camera", 5)
    assert guard.other_parent("camera") == "camera_link"
    guard.heard("odom", "base_link", 6)
    assert guard.other_parent("base_link") == "odom"  # another odometry
    assert guard.other_parent("elsewhere") is None


def send(peer: Peer) -> int:
    """One image with corners to track: a board of random fields."""
    stamp = time.time_ns()
    fields = np.random.default_rng(1).integers(0, 255, (15, 20, 3), np.uint8)
    peer.send(stamp, fields.repeat(16, 0).repeat(16, 1), CAMERA.scaled(320, 240))
    time.sleep(0.05)
    return stamp


def transform(parent: str) -> Any:
    from tf2_msgs.msg import TFMessage

    one = TransformStamped(child_frame_id="camera")
    one.header.frame_id = parent
    return TFMessage(transforms=[one])


def test_odom_to_camera_is_sent_with_the_stamps_of_images(tiny_engine: Path) -> None:
    tf = pytest.importorskip("tf2_msgs.msg").TFMessage
    with node_and_peer(tiny_engine, odometry__publish_tf=True) as (_, peer):
        heard = peer.listen(tf, "/tf")
        peer.camera()
        stamps: list[int] = []
        wait_until(lambda: (stamps.append(send(peer)), len(heard) >= 10)[1])
        for msg in heard:
            (one,) = msg.transforms
            assert (one.header.frame_id, one.child_frame_id) == ("odom", "camera")
            assert messages.stamp_ns(one.header.stamp) in stamps
        assert peer.values()["faults"] == "none"


@pytest.mark.parametrize("topic", ["/tf", "/tf_static"])
def test_a_camera_that_has_a_parent_gets_no_second_one(tiny_engine: Path, topic: str) -> None:
    tf = pytest.importorskip("tf2_msgs.msg").TFMessage
    with node_and_peer(tiny_engine, odometry__publish_tf=True) as (_, peer):
        other = peer.publisher(tf, topic, STATIC if topic == "/tf_static" else 10)
        wait_until(lambda: other.get_subscription_count())
        other.publish(transform("camera_link"))
        heard = peer.listen(tf, "/tf")
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        wait_until(lambda: (send(peer), len(depth) >= 25)[1])
        peer.fault("another node gives it the parent camera_link")
        own = [t for m in heard for t in m.transforms if t.header.frame_id == "odom"]
        assert own == []
