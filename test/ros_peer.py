# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The other side of the node in tests: a real node with real publishers and subscribers."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from depth_ros import messages
from depth_ros.connections import PublisherEventCallbacks, SubscriptionEventCallbacks
from depth_ros.frame import Camera
from depth_ros.node import DepthNode

ROOT = Path(__file__).resolve().parent.parent
CAMERA = Camera.from_fov(64, 48, 1.2)
START = random.randrange(100)
COUNTER = itertools.count()


def new_domain() -> int:
    """A ROS domain in which nobody is, neither another test nor the user."""
    return next(d for n in COUNTER if is_free(d := 1 + (START + n) % 100))


def is_free(domain: int) -> bool:
    """Whether the port is free that DDS gives to the first participant of a domain."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        try:
            port.bind(("", 7410 + 250 * domain))
        except OSError:
            return False
    return True


def wait_until(predicate: Callable[[], Any], timeout: float = 15.0) -> Any:
    """The predicate's value as soon as it is true; it has to be by the deadline."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := predicate():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout} s")


def grey(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    """An image of one grey level: tiny_engine's depth of it is 1 + 4 * level / 255 everywhere."""
    return np.full((height, width, 3), level, np.uint8)


class Spun:
    """A node that spins in a thread of its own until close()."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        self.context.init(domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._thread = threading.Thread(target=self._spin)

    def spin(self, node: Node) -> None:
        self.node = node
        self.executor.add_node(node)
        self._thread.start()

    def close(self) -> None:
        self.executor.shutdown()
        self._thread.join()
        self.node.destroy_node()
        self.context.try_shutdown()

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except ExternalShutdownException:
            return


class Peer(Spun):
    """A camera, and a listener to whatever the node says."""

    def __init__(self, domain: int) -> None:
        super().__init__(domain)
        node = Node("peer", context=self.context)
        self.heard: dict[str, list[Any]] = {}
        self.statuses: list[Any] = []
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.spin(node)

    def publisher(self, kind: type, topic: str, qos: Any = 10) -> Any:
        if topic not in self._publishers:
            quiet = PublisherEventCallbacks(use_default_callbacks=False)
            self._publishers[topic] = self.node.create_publisher(
                kind, topic, qos, event_callbacks=quiet
            )
        return self._publishers[topic]

    def camera(self, image_qos: Any = 10) -> None:
        """Starts publishing image and camera_info, and waits until the node hears both."""
        pair = self.publisher(Image, "image", image_qos), self.publisher(CameraInfo, "camera_info")
        wait_until(lambda: all(p.get_subscription_count() for p in pair))
        time.sleep(0.4)  # the node discovers us as we have discovered it

    def listen(self, kind: type, topic: str, qos: Any = 10, wait: bool = True) -> list[Any]:
        heard = self.heard.setdefault(topic, [])
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        subscription = self.node.create_subscription(
            kind, topic, heard.append, qos, event_callbacks=quiet
        )
        if wait:
            name = subscription.topic_name
            wait_until(lambda: self.node.count_publishers(name))
            time.sleep(0.2)  # the publisher discovers us as we have discovered it
        return heard

    def send(self, stamp_ns: int, image: np.ndarray, camera: Camera = CAMERA) -> None:
        self.send_info(stamp_ns, camera)
        self.send_image(messages.rgb_to_image(image, stamp_ns, "camera"))

    def send_info(self, stamp_ns: int, camera: Camera = CAMERA) -> None:
        info = messages.camera_to_info(camera, stamp_ns, "camera")
        self.publisher(CameraInfo, "camera_info").publish(info)

    def send_image(self, msg: Image) -> None:
        self.publisher(Image, "image").publish(msg)

    @property
    def status(self) -> Any:
        """The newest diagnostics, None before the first."""
        return self.statuses[-1] if self.statuses else None

    def values(self, which: int = -1) -> dict[str, str]:
        """The key values of the newest diagnostics, or of earlier ones."""
        return {v.key: v.value for v in self.statuses[which].values} if self.statuses else {}

    def counts(self, which: int = -1) -> tuple[int, int, int, int]:
        """received, published, dropped, rejected."""
        v = self.values(which)
        r, p, d, j = (int(v.get(k, -1)) for k in ("received", "published", "dropped", "rejected"))
        return r, p, d, j

    def fault(self, text: str, timeout: float = 15.0) -> str:
        """Waits until diagnostics say this."""
        wait_until(lambda: self.status is not None and text in self.status.message, timeout)
        return str(self.status.message)

    def call(self, kind: type, name: str, request: Any) -> Any:
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
            assert self._clients[name].wait_for_service(10)
            time.sleep(0.4)  # the service discovers us as we have discovered it, or cannot answer
        future = self._clients[name].call_async(request)
        return wait_until(lambda: future.done() and future.result())

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        self.statuses.append(msg.status[0])


class Running(Spun):
    """A DepthNode in this process."""

    def __init__(self, domain: int, parameters: dict[str, Any]) -> None:
        super().__init__(domain)
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.depth = DepthNode(context=self.context, parameter_overrides=overrides)
        self.depth.autostart()
        self.spin(self.depth)

    def close(self) -> None:
        self.executor.shutdown()
        self._thread.join()
        self.depth.close()
        super().close()


@contextmanager
def node_and_peer(engine: Path, **parameters: Any) -> Iterator[tuple[DepthNode, Peer]]:
    """A DepthNode with that engine, and a Peer; double underscores in names stand for dots."""
    domain = new_domain()
    values = {name.replace("__", "."): value for name, value in parameters.items()}
    peer = Peer(domain)
    running = Running(domain, {"engine.path": str(engine), **values})
    try:
        yield running.depth, peer
    finally:
        running.close()
        peer.close()


@contextmanager
def process(domain: int, code: str, *args: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python process in that domain; ended at the end, gently if it can be.

    A process that is killed leaves its shared memory behind.
    """
    env = {**os.environ, "ROS_DOMAIN_ID": str(domain), **environ}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "test")])
    command = [sys.executable, "-c", code, *args]
    with subprocess.Popen(
        command, env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=10)
            child.kill()
