# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node over real DDS: what comes out, what is counted, what can be asked of it."""

from __future__ import annotations

import random
import signal
import threading
import time
from array import array
from pathlib import Path

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from ros_peer import (
    CAMERA,
    Peer,
    grey,
    new_domain,
    node_and_peer,
    process,
    wait_until,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger

from depth_ros import messages

MAIN = "from depth_ros.node import main; raise SystemExit(main())"
SECOND = 1_000_000_000
NOT_CONFIGURED = "The node is not configured, so there is no engine."


def stamp_of(msg: Image) -> int:
    return messages.stamp_ns(msg.header.stamp)


def at_rest(peer: Peer, received: int) -> tuple[int, int, int, int]:
    """The counts once so many images have come and two diagnostics in a row agree."""

    def settled() -> bool:
        counts = peer.counts()
        return counts[0] >= received and len(peer.statuses) > 1 and counts == peer.counts(-2)

    wait_until(settled)
    return peer.counts()


def set_parameter(peer: Peer, name: str, value: object) -> tuple[bool, str]:
    message: ParameterMsg = Parameter(name, value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[message])
    result = peer.call(SetParameters, "/depth_node/set_parameters", request).results[0]
    return result.successful, result.reason


def trigger(peer: Peer, name: str) -> tuple[bool, str]:
    answer = peer.call(Trigger, f"/depth_node/{name}", Trigger.Request())
    return answer.success, answer.message


def transition(peer: Peer, label: str) -> bool:
    """Asks for it as ``ros2 lifecycle set`` does."""
    request = ChangeState.Request()
    request.transition.label = label
    return bool(peer.call(ChangeState, "/depth_node/change_state", request).success)


def state(peer: Peer) -> str:
    answer = peer.call(GetState, "/depth_node/get_state", GetState.Request())
    return str(answer.current_state.label)


def test_numbered_frames_come_out_in_order_with_their_depth(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine) as (_, peer):
        depth = peer.listen(Image, "depth/image_rect")
        infos = peer.listen(CameraInfo, "depth/camera_info")
        peer.camera()
        start = time.time_ns()
        stamps = [start + k * SECOND // 30 for k in range(60)]
        for k, stamp in enumerate(stamps):
            peer.send(stamp, grey(4 * k))
            wait_until(lambda k=k: len(depth) == k + 1)
        assert [stamp_of(m) for m in depth] == stamps
        wait_until(lambda: len(infos) == 60)
        assert [stamp_of(m) for m in infos] == stamps
        for k, msg in enumerate(depth):
            assert (msg.encoding, msg.header.frame_id) == ("32FC1", "camera")
            metres = messages.image_to_depth(msg)
            assert metres.shape == (48, 64)
            np.testing.assert_allclose(metres, 1 + 4 * 4 * k / 255, rtol=0.01)
        assert messages.camera_from_info(infos[-1]) == messages.camera_from_info(
            messages.camera_to_info(CAMERA, start, "camera")
        )
        assert at_rest(peer, 60) == (60, 60, 0, 0)
        values = peer.values()
        assert (values["engine.network"], values["scale"]) == ("tiny", "metric")
        assert float(values["total.p50_ms"]) < float(values["total.p99_ms"])


def test_all_outputs_carry_the_stamp_and_the_depth(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, points__stride=2) as (_, peer):
        names = ("depth/image_rect", "depth/color", "depth/confidence")
        images = [peer.listen(Image, name) for name in names]
        cloud = peer.listen(PointCloud2, "points")
        odometry = peer.listen(Odometry, "odometry")
        pose = peer.listen(PoseWithCovarianceStamped, "pose")
        peer.camera()
        stamp = time.time_ns()
        peer.send(stamp, grey(51))
        everything = [*images, cloud, odometry, pose]
        wait_until(lambda: all(everything))
        assert {stamp_of(heard[0]) for heard in everything} == {stamp}
        assert [heard[0].header.frame_id for heard in everything[:4]] == ["camera"] * 4
        assert odometry[0].header.frame_id == "odom" == pose[0].header.frame_id
        assert odometry[0].child_frame_id == "camera"
        assert (cloud[0].width, cloud[0].height) == (32, 24)
        z = np.frombuffer(cloud[0].data, np.float32).reshape(24, 32, -1)[..., 2]
        np.testing.assert_allclose(z, 1.8, rtol=0.01)


def test_a_burst_at_200_hz_is_accounted_for_exactly(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, input__reliability="reliable") as (_, peer):
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        base = time.time_ns()
        for k in range(400):
            peer.send(base + k * SECOND // 200, grey(k % 256))
            time.sleep(0.005)
        last = base + 399 * SECOND // 200
        wait_until(lambda: depth and stamp_of(depth[-1]) == last)
        received, published, dropped, rejected = at_rest(peer, 1)
        assert rejected == 0 and len(depth) <= published
        assert received == published + dropped
        stamps = [stamp_of(m) for m in depth]
        assert stamps == sorted(set(stamps))


def malformed(rng: random.Random, k: int) -> Image:
    """An image message that is wrong in one of the ways that have been seen."""
    msg = messages.rgb_to_image(grey(9), time.time_ns() + k, "camera")
    wrong = k % 7
    if wrong == 0:
        msg.data = msg.data[: rng.randrange(len(msg.data))]
    elif wrong == 1:
        msg.width, msg.height = rng.choice([(0, 48), (64, 0), (0, 0)])
    elif wrong == 2:
        msg.step = rng.choice([0, 1, 191, 2**32 - 1])
    elif wrong == 3:
        msg.encoding = rng.choice(["", "bgr", "32FC1", "h264", "\N{SNOWMAN}"])
    elif wrong == 4:
        msg.width = msg.height = 2**31
    elif wrong == 5:
        msg.header.stamp.sec = -rng.randrange(1, 2**31)
    else:
        msg.height = 49
    return msg


def test_malformed_messages_are_counted_and_the_node_lives(tiny_engine: Path) -> None:
    rng = random.Random(5)
    with node_and_peer(tiny_engine, input__reliability="reliable") as (_, peer):
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        peer.send_info(1)
        for k in range(280):
            peer.send_image(malformed(rng, k))
            time.sleep(0.002)
        wait_until(lambda: peer.counts()[0] == 280)
        stamp = time.time_ns()
        peer.send(stamp, grey(255))
        wait_until(lambda: depth and stamp_of(depth[-1]) == stamp)
        received, published, dropped, rejected = at_rest(peer, 281)
        assert (received, published) == (281, 1)
        assert rejected >= 40 and dropped + rejected == 280
        reasons = {k for k in peer.values() if k.startswith("rejected.")}
        assert len(reasons) >= 4


def test_ten_thousand_malformed_messages_in_the_callback(tiny_engine: Path) -> None:
    rng = random.Random(6)
    with node_and_peer(tiny_engine, autostart=False) as (node, peer):
        peer.listen(Image, "depth/image_rect", wait=False)
        assert transition(peer, "configure")
        assert transition(peer, "activate")
        inputs = node._inputs
        assert inputs is not None
        inputs._on_info(messages.camera_to_info(CAMERA, 1, "camera"))
        for k in range(10_000):
            inputs._on_image(malformed(rng, k))
        received, published, dropped, rejected = at_rest(peer, 10_000)
        assert (received, published, dropped + rejected) == (10_000, 0, 10_000)
        assert rejected >= 10_000 // 7  # all with a bad stamp, and others as the worker finds time


def test_nobody_listening_means_no_inference(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine) as (_, peer):
        peer.camera()
        for k in range(5):
            peer.send(time.time_ns(), grey(k))
            time.sleep(0.1)
        received, published, dropped, rejected = at_rest(peer, 1)
        assert (published, dropped, rejected) == (0, received, 0)
        assert int(peer.values()["dropped.idle"]) >= 1
        assert "engine.p50_ms" not in peer.values()
        assert peer.status.message == "idle: nobody subscribes to any output"
        depth = peer.listen(Image, "depth/image_rect")
        peer.send(time.time_ns(), grey(0))
        wait_until(lambda: len(depth) == 1)


def test_without_motion_listeners_there_is_no_odometry(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine) as (_, peer):
        peer.listen(Image, "depth/image_rect")
        peer.camera()
        peer.send(time.time_ns(), grey(1))
        wait_until(lambda: peer.values().get("odometry") == "off" and peer.counts()[1] == 1)
        odometry = peer.listen(Odometry, "odometry")
        peer.send(time.time_ns(), grey(1))
        wait_until(lambda: len(odometry) == 1)
        wait_until(lambda: peer.values()["odometry"] != "off")


def test_parameters_change_between_frames_or_are_refused(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine) as (_, peer):
        depth = peer.listen(Image, "depth/image_rect")
        cloud = peer.listen(PointCloud2, "points")
        peer.camera()
        peer.send(time.time_ns(), grey(255))
        wait_until(lambda: depth and cloud)
        assert cloud[0].width == 32
        assert set_parameter(peer, "points.stride", 4) == (True, "")
        assert set_parameter(peer, "depth.encoding", "16UC1") == (True, "")
        assert set_parameter(peer, "depth.max_m", 4)[0]
        peer.send(time.time_ns(), grey(255))
        wait_until(lambda: len(depth) == len(cloud) == 2)
        assert cloud[1].width == 16 and depth[1].encoding == "16UC1"
        assert np.isnan(messages.image_to_depth(depth[1])).all()  # 5 m is now too far
        done, why = set_parameter(peer, "engine.backend", "onnxruntime")
        assert not done and "cannot change while the node is configured" in why
        done, why = set_parameter(peer, "color.near_m", 20.0)
        assert not done and "less than color.far_m" in why
        done, why = set_parameter(peer, "depth.maximum", 3.0)
        assert not done and why


def test_services_answer_without_frames_and_keep_the_engine(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine) as (_, peer):
        assert trigger(peer, "reset")[0]
        done, said = trigger(peer, "reload_engine")
        assert done and "tiny" in said
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        weights = tiny_engine / "tiny.onnx"
        aside = weights.rename(tiny_engine / "aside")
        done, said = trigger(peer, "reload_engine")
        assert not done and "tiny" in said
        peer.send(time.time_ns(), grey(0))
        wait_until(lambda: len(depth) == 1)
        aside.rename(weights)
        assert trigger(peer, "reload_engine")[0]
        peer.send(time.time_ns(), grey(0))
        wait_until(lambda: len(depth) == 2)


def test_the_lifecycle_goes_round_without_leaving_threads(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, autostart=False) as (_, peer):
        assert state(peer) == "unconfigured"
        assert trigger(peer, "reset") == (False, NOT_CONFIGURED)
        threads: list[list[str]] = []
        for round_ in range(2):
            assert transition(peer, "configure")
            assert transition(peer, "activate")
            assert state(peer) == "active"
            depth = peer.listen(Image, "depth/image_rect")
            peer.camera()
            before = len(depth)
            wait_until(
                lambda b=before, d=depth: (peer.send(time.time_ns(), grey(1)), len(d) > b)[1]
            )
            assert not set_parameter(peer, "engine.threads", round_ + 1)[0]
            assert transition(peer, "deactivate")
            assert trigger(peer, "reset")[0]
            assert transition(peer, "cleanup")
            threads.append(sorted(t.name for t in threading.enumerate()))
            assert set_parameter(peer, "engine.threads", round_ + 1)[0]
            received, published, dropped, rejected = at_rest(peer, round_ + 1)
            assert published > round_ and received == published + dropped + rejected
        assert threads[0] == threads[1] and "worker" not in threads[0]
        assert transition(peer, "configure")
        assert transition(peer, "shutdown")
        assert state(peer) == "finalized"


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [("engine__path", "/nowhere", "nowhere"), ("engine__pth", "x", "Did you mean engine.path?")],
)
def test_a_failing_configure_is_said_and_survived(
    tiny_engine: Path, name: str, wrong: str, said: str
) -> None:
    with node_and_peer(tiny_engine, **{name: wrong}) as (_, peer):
        assert state(peer) == "unconfigured"
        peer.fault(said)
        if name == "engine__path":
            assert set_parameter(peer, "engine.path", str(tiny_engine))[0]
            assert transition(peer, "configure")


def test_what_waits_at_deactivation_is_counted(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, input__info="exact") as (_, peer):
        peer.camera()
        for _ in range(3):
            peer.send_image(messages.rgb_to_image(grey(1), time.time_ns(), "camera"))
        received, *_ = at_rest(peer, 1)
        assert transition(peer, "deactivate")
        wait_until(lambda: peer.values().get("dropped.flushed") == str(received))
        assert peer.counts() == (received, 0, received, 0)


def test_an_unexpected_error_in_the_worker_ends_the_process(tiny_engine: Path) -> None:
    domain = new_domain()
    bug = "import depth_ros.worker as w; w.to_frame = lambda *_: 1 / 0; "
    peer = Peer(domain)
    try:
        with process(
            domain, bug + MAIN, "--ros-args", "-p", f"engine.path:={tiny_engine}"
        ) as node:
            peer.listen(Image, "depth/image_rect")
            peer.camera()
            peer.send(time.time_ns(), grey(1))
            said, _ = node.communicate(timeout=15)
            assert node.returncode == 1, said
            assert "the worker has failed" in said and "ZeroDivisionError" in said
    finally:
        peer.close()


def test_the_process_starts_by_itself_and_survives_two_interrupts(tiny_engine: Path) -> None:
    domain = new_domain()
    arguments = ("--ros-args", "-p", f"engine.path:={tiny_engine}", "-r", "image:=front/image")
    peer = Peer(domain)
    try:
        with process(domain, MAIN, *arguments) as node:
            depth = peer.listen(Image, "depth/image_rect")
            images = peer.publisher(Image, "front/image")
            wait_until(lambda: images.get_subscription_count())
            msg = messages.rgb_to_image(grey(1), time.time_ns(), "camera")
            wait_until(lambda: (peer.send_info(1), images.publish(msg), depth)[2])
            node.send_signal(signal.SIGINT)
            time.sleep(0.02)
            node.send_signal(signal.SIGINT)
            said, _ = node.communicate(timeout=15)
            assert node.returncode == 0, said
            assert "Traceback" not in said
    finally:
        peer.close()


def test_compressed_images_of_a_remapped_base_name_come_in(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, input__transport="compressed") as (_, peer):
        depth = peer.listen(Image, "depth/image_rect")
        images = peer.publisher(CompressedImage, "image/compressed")
        wait_until(lambda: images.get_subscription_count())
        peer.publisher(CameraInfo, "camera_info")
        stamp = time.time_ns()
        done, data = cv2.imencode(".png", grey(102))
        assert done
        msg = CompressedImage(format="bgr8; png compressed bgr8", data=array("B", data.tobytes()))
        msg.header = messages.rgb_to_image(grey(0), stamp, "camera").header
        wait_until(lambda: (peer.send_info(stamp), images.publish(msg), depth)[2])
        np.testing.assert_allclose(messages.image_to_depth(depth[0]), 2.6, rtol=0.01)


def test_an_assumed_field_of_view_needs_no_camera_info_and_is_up_to_scale(
    tiny_engine: Path,
) -> None:
    with node_and_peer(tiny_engine, input__fov_deg=60.0, fault_after_s=0.5) as (_, peer):
        infos = peer.listen(CameraInfo, "depth/camera_info")
        images = peer.publisher(Image, "image")
        wait_until(lambda: images.get_subscription_count())
        peer.send_image(messages.rgb_to_image(grey(1), time.time_ns(), "camera"))
        wait_until(lambda: infos)
        assert infos[0].k[0] == pytest.approx(32 / np.tan(np.pi / 6), rel=1e-3)
        wait_until(lambda: peer.values().get("scale") == "up to one unknown factor")
        assert "camera_info" not in peer.values()["faults"]


def test_qos_can_be_overridden_from_outside(tiny_engine: Path) -> None:
    name = "qos_overrides./image.subscription.reliability"
    with node_and_peer(tiny_engine, **{name: "reliable"}) as (node, peer):
        peer.publisher(Image, "image")
        (mine,) = wait_until(lambda: peer.node.get_subscriptions_info_by_topic("/image"))
        assert mine.qos_profile.reliability == ReliabilityPolicy.RELIABLE
        assert node.get_parameter("qos_overrides./points.publisher.depth").value == 5
        assert not set_parameter(peer, name, "best_effort")[0]


def test_diagnostics_go_on_where_simulated_time_stands_still(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, use_sim_time=True) as (_, peer):
        wait_until(lambda: len(peer.statuses) >= 3)
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        peer.send(12 * SECOND, grey(1))
        wait_until(lambda: depth)
        assert depth[0].header.stamp.sec == 12
