# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The processes of one run: a camera node, the depth node, and a recorder in this process."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_ros.config import Config, Reliability, flatten
from depth_ros.errors import DepthError
from depth_ros.live import Progress
from depth_ros.processes import Child, CtrlC
from depth_ros.spool import Spool

if TYPE_CHECKING:
    from depth_ros.recorder import Recorder

_START_S = 60.0  # until the node is active; a cold engine cache may take most of it
_SILENCE_S = 20.0  # without any new depth image, while the camera plays
_SETTLE_S = 4.0  # after the last image: for its depth and a last word of diagnostics


@dataclass(frozen=True, slots=True)
class Clip:
    """What the camera node plays: see its parameters."""

    source: str
    rate_hz: float
    limit: int | None = None
    topic: str | None = None
    loop: bool = False
    preload: bool = False
    start: int = 0


@contextmanager
def recording(
    spool: Spool | None,
    *,
    keep_images: bool = False,
    motion: bool = True,
    reliability: Reliability = "reliable",
) -> Iterator[Recorder]:
    """A recorder in this process; rclpy leaves Ctrl-C alone."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from depth_ros.recorder import Recorder

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield Recorder(spool, keep_images=keep_images, motion=motion, reliability=reliability)
    finally:
        rclpy.try_shutdown()


class Job:
    """The processes of one run, in order: depth node, then camera; all are gone at the end."""

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self._folder, self.recorder = folder, recorder
        self.node: Child | None = None
        self._children: list[Child] = []
        self._ctrl_c = CtrlC()

    def play(
        self, clip: Clip, config: Config, show: Callable[[Progress], None], frames: int | None
    ) -> tuple[list[int], bool]:
        """The stamps of the images that the camera published, and whether Ctrl-C ended it."""
        interrupted = False
        try:
            self.start_node(config)
            camera = self.start_camera(clip)
            try:
                self._follow(camera, clip, show, frames)
            except KeyboardInterrupt:
                interrupted = True
                camera.stop()
            self.settle()
        finally:
            self.stop()
        return self.stamps(), interrupted

    def start_node(
        self, config: Config, module: str = "depth_ros.node", *, diagnoses: bool = True
    ) -> Child:
        """Starts the depth node and waits until it publishes, and says so if it ``diagnoses``."""
        values = {k: v for k, v in flatten(config).items() if v != flatten(Config())[k]}
        self.node = self._start("depth node", module, values)
        deadline = time.monotonic() + _START_S
        while not (self.recorder.matched and (self.recorder.diagnosed_at or not diagnoses)):
            self.spin()
            if self.recorder.error:
                raise DepthError(f"the depth node could not start: {self.recorder.error}")
            if time.monotonic() > deadline:
                said = "\n  ".join(self.node.said(8))
                raise DepthError(f"the depth node was not ready in {_START_S:g} s:\n  {said}")
        return self.node

    def start_camera(self, clip: Clip) -> Child:
        """Starts the camera, which begins when the node has subscribed."""
        values = {
            "source": clip.source,
            "rate_hz": float(clip.rate_hz),
            "limit": clip.limit or 0,
            "topic": clip.topic or "",
            "loop": clip.loop,
            "preload": clip.preload,
            "start": clip.start,
            "record": str(self._folder / "stamps.json"),
        }
        return self._start("camera node", "depth_ros.camera_node", values)

    def spin(self) -> None:
        """Handles what has come, for a tenth of a second, and fails if a process has failed.

        Raises KeyboardInterrupt after Ctrl-C.
        """
        import rclpy

        end = time.monotonic() + 0.1
        while (left_s := end - time.monotonic()) > 0:
            rclpy.spin_once(self.recorder, timeout_sec=left_s)
        self._ctrl_c.check()
        for child in self._children:
            child.check()
        if self.node is not None and not self.node.running:
            raise DepthError("the depth node ended by itself")

    def stop(self) -> None:
        """Ends all processes."""
        for child in reversed(self._children):
            child.stop()
        self._ctrl_c.close()

    def settle(self) -> None:
        """Waits for the last depth images and for diagnostics that count them."""
        end = time.monotonic() + _SETTLE_S
        quiet, received = time.monotonic(), self.recorder.received
        while time.monotonic() < end and self.recorder.diagnosed_at < quiet + 0.5:
            self.spin()
            if self.recorder.received > received:
                quiet, received = time.monotonic(), self.recorder.received

    def stamps(self) -> list[int]:
        """What the camera published, once it has ended."""
        record = self._folder / "stamps.json"
        if not record.is_file():
            return []
        return [int(ns) for ns in json.loads(record.read_text(encoding="ascii"))]

    def _follow(
        self, camera: Child, clip: Clip, show: Callable[[Progress], None], frames: int | None
    ) -> None:
        total = min(clip.limit or frames or 0, frames or clip.limit or 0) or None
        received, alive_s = 0, time.monotonic()
        while camera.running:
            self.spin()
            if self.recorder.received > received:
                received, alive_s = self.recorder.received, time.monotonic()
                show(_progress(self.recorder, total))
            elif time.monotonic() - alive_s > _SILENCE_S:
                raise DepthError(_silence(self.recorder))

    def _start(self, name: str, module: str, values: Mapping[str, Any]) -> Child:
        stem = name.replace(" ", "_")
        lines = [f"    {key}: {json.dumps(value)}" for key, value in values.items()]
        command = [sys.executable, "-m", module, "--ros-args"]
        if lines:
            file = self._folder / f"{stem}.yaml"
            text = "\n".join(["/**:", "  ros__parameters:", *lines, ""])
            file.write_text(text, encoding="utf-8")
            command += ["--params-file", str(file)]
        child = Child(name, command, self._folder / f"{stem}.log")
        self._children.append(child)
        return child


def _progress(recorder: Recorder, total: int | None) -> Progress:
    dropped, rejected = recorder.number("dropped"), recorder.number("rejected")
    done = recorder.received + dropped + rejected
    latency_ms = float(np.median(recorder.latency_ms[-15:]))
    return Progress(done, total, recorder.fps, latency_ms, dropped, rejected)


def _silence(recorder: Recorder) -> str:
    seen = ", ".join(
        f"{name} {recorder.diagnostics[name]}"
        for name in ("received", "published", "dropped", "rejected", "faults", "rejected.last")
        if name in recorder.diagnostics
    )
    said = f"{recorder.error or 'no fault'} ({seen or 'nothing'})"
    return f"no depth image for {_SILENCE_S:g} s; the node's diagnostics say: {said}"
