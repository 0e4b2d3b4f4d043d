# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The thread that owns the pipeline, and everything that it carries from frame to frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Set
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from depth_ros.config import Config
from depth_ros.engines import Engine
from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult
from depth_ros.health import Health
from depth_ros.inbox import Inbox
from depth_ros.inputs import Arrival, to_frame
from depth_ros.network import Network
from depth_ros.outputs import MOTION
from depth_ros.pipeline import DepthPipeline
from depth_ros.swap.held import Held

IDLE_CHECK_S = 1.0  # how often an image is read while nobody wants its depth


class Owner(Protocol):
    """What the worker asks of the node."""

    def now_ns(self) -> int:
        """The time on the clock of the images' stamps."""

    def rejected(self, error: DepthError) -> None:
        """Logs that an image was unusable; called from the worker's thread."""

    def failed(self, error: Exception) -> None:
        """The worker's thread has died of a bug; called from there."""


class Sink(Protocol):
    """Where results go, as Outputs."""

    def wanted(self) -> Set[str]:
        """The names of what somebody wants now."""

    def publish(self, result: DepthResult, config: Config, wanted: Set[str]) -> None:
        """Takes a result; its arrays are valid until the next call."""


class Worker:
    """Runs the pipeline on the newest image while started.

    ``post`` and ``swap`` may be called from any thread but its own, start, stop and close from
    one.
    """

    def __init__(
        self, config: Config, pipeline: DepthPipeline, outputs: Sink, health: Health, owner: Owner
    ) -> None:
        self._config, self._outputs, self._health, self._owner = config, outputs, health, owner
        self._pipeline = pipeline
        self._inbox: Inbox[Arrival] | None = None
        self._thread: threading.Thread | None = None
        self._owned = (
            threading.Lock()
        )  # by whoever starts or ends the thread, or acts in its place
        self._was_idle, self._looked, self._size = False, 0.0, (0, 0)

    @property
    def config(self) -> Config:
        """The settings in use."""
        return self._config

    @property
    def engine(self) -> Engine:
        """The engine in use, to read its facts."""
        return self._pipeline.engine

    def held(self) -> tuple[Held, ...]:
        """The last few frames with the depth that they had."""
        return self._pipeline.held.look()

    def start(self) -> Callable[[Arrival], int]:
        """Starts the thread; returns where to put images."""
        with self._owned:
            self._pipeline.reset("activated")
            self._inbox = Inbox()
            self._thread = threading.Thread(target=self._work, args=(self._inbox,), name="worker")
            self._thread.start()
            return self._inbox.put

    def stop(self) -> None:
        """Finishes the image at hand and all that was posted, and ends the thread."""
        with self._owned:
            if self._inbox is not None and self._thread is not None:
                self._health.dropped("flushed", self._inbox.close())
                self._thread.join()
            self._inbox = self._thread = None

    def close(self) -> None:
        """Stops, and frees the engine."""
        self.stop()
        self._pipeline.close()

    def post(self, call: Callable[[], Any]) -> None:
        """Runs the call between two images: in the thread, or at once where there is none."""
        with self._owned:
            if self._inbox is None or not self._inbox.post(call):
                call()

    def reset(self) -> str:
        """Forgets what was carried from earlier frames. To be posted, as the next one."""
        self._pipeline.reset("asked by service")
        return "Reset: the next image is the first."

    def reconfigure(self, config: Config) -> None:
        """Applies the live settings."""
        self._config = config
        self._pipeline.reconfigure(config)

    def swap(self, network: Network, held: tuple[Held, ...] = ()) -> Network:
        """Goes on with this network between two images; returns the old one once it is out of use.

        See DepthPipeline.swap.
        """
        swapped: Future[Network] = Future()

        def call() -> None:
            try:
                swapped.set_result(self._pipeline.swap(network, held))
            except Exception as error:
                swapped.set_exception(error)

        self.post(call)
        return swapped.result()

    def _work(self, inbox: Inbox[Arrival]) -> None:
        try:
            for arrival, dropped in inbox:
                self._take(arrival, dropped)
        except Exception as error:
            inbox.close()
            self._owner.failed(error)
            with suppress(Exception):
                list(inbox)  # for those who wait for what they have posted

    def _take(self, arrival: Arrival, dropped: int) -> None:
        wanted = self._outputs.wanted()
        try:
            if wanted:
                self._process(arrival, dropped, wanted)
            else:
                self._idle(arrival)
        except DepthError as error:  # one bad frame must not stop the robot
            self._health.rejected(time.monotonic(), error)
            self._owner.rejected(error)

    def _process(self, arrival: Arrival, dropped: int, wanted: Set[str]) -> None:
        started = time.monotonic()
        frame = to_frame(arrival, self._config.input, dropped)
        self._reset_if_changed((frame.camera.width, frame.camera.height))
        self._pipeline.track(bool(wanted & MOTION))
        read = time.monotonic()
        result = self._pipeline.process(frame)
        done = time.monotonic()
        self._outputs.publish(result, self._config, wanted)
        now = time.monotonic()
        spent = {"wait": started - arrival.arrived, "read": read - started, "publish": now - done}
        total_ms = 1e-6 * (self._owner.now_ns() - arrival.stamp_ns)
        stages = {stage: 1e3 * seconds for stage, seconds in spent.items()}
        self._health.published(now, result, {**stages, "total": total_ms})

    def _reset_if_changed(self, size: tuple[int, int]) -> None:
        if self._was_idle:
            self._pipeline.reset("nobody was listening")
        elif size != self._size:
            self._pipeline.reset("the size of the image has changed")
        self._was_idle, self._size = False, size

    def _idle(self, arrival: Arrival) -> None:
        self._was_idle = True
        now = time.monotonic()
        look = now - self._looked >= IDLE_CHECK_S
        if look:  # so that a useless image is named all the same
            self._looked = now
            to_frame(arrival, self._config.input, 0)
        self._health.idle(now, usable=look)
