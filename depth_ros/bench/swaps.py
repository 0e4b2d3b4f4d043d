# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hot swaps under a stream: the node's worker and reloader, fed by a thread instead of a topic.

Every depth image is compared, bit by bit, with what the network in use makes of that image alone.
"""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros import messages
from depth_ros.config import Config, replace
from depth_ros.engines import EngineSpec
from depth_ros.errors import DepthError
from depth_ros.frame import Camera, DepthResult, Float32, Frame, UInt8
from depth_ros.health import Health
from depth_ros.inputs import Arrival
from depth_ros.network import Network, make_network
from depth_ros.pipeline import DepthPipeline, make_pipeline
from depth_ros.swap.held import Held
from depth_ros.swap.reload import Reloader
from depth_ros.worker import Worker

IMAGES = 8  # that the stream repeats
FOV_DEG = 60.0


@dataclass
class Swaps:
    """What came of a run. Every image received was published, dropped or rejected."""

    received: int = 0
    published: int = 0
    dropped: int = 0
    rejected: int = 0
    wrong: int = 0  # depth images that are not exactly those of the network in use
    swapped: int = 0
    refused: list[str] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)  # from arrival to publication
    swap_ms: list[float] = field(default_factory=list)  # that the worker was held up
    reload_ms: list[float] = field(default_factory=list)  # from request to answer
    rss_mb: list[float] = field(default_factory=list)  # after each so many swaps


class _Recorder(DepthPipeline):
    """The pipeline, which also says when it went over to which network, and how long it took."""

    def __init__(
        self, config: Config, network: Network, swapped: Callable[[str, float], None]
    ) -> None:
        super().__init__(config, network)
        self._swapped = swapped

    def swap(self, network: Network, held: tuple[Held, ...] = ()) -> Network:
        started = time.monotonic()
        old = super().swap(network, held)
        self._swapped(network.spec.sha256, time.monotonic() - started)
        return old


class _Listener:
    """Compares what is published; also the worker's owner. ``wanted`` by one subscriber."""

    def __init__(self, expected: dict[str, list[Float32]], first: str, result: Swaps) -> None:
        self._expected, self._using, self._result = expected, first, result
        self.arrived: dict[int, float] = {}
        self.error: Exception | None = None

    def wanted(self) -> Set[str]:
        return {"depth/image_rect"}

    def publish(self, result: DepthResult, config: Config, wanted: Set[str]) -> None:
        seconds = time.monotonic() - self.arrived.pop(result.stamp_ns)
        self._result.latency_ms.append(1e3 * seconds)
        expected = self._expected[self._using][result.stamp_ns % IMAGES]
        self._result.wrong += not np.array_equal(result.depth, expected, equal_nan=True)

    def swapped(self, sha256: str, seconds: float) -> None:
        self._using = sha256
        self._result.swapped += 1
        self._result.swap_ms.append(1e3 * seconds)

    def now_ns(self) -> int:
        return time.time_ns()

    def rejected(self, error: DepthError) -> None:
        self.error = error

    def failed(self, error: Exception) -> None:
        self.error = error


class _Feeder:
    """A camera: puts images at a steady rate until stop()."""

    def __init__(self, images: list[UInt8], rate_hz: float, put: Callable[[Arrival], Any]) -> None:
        self._messages = [messages.rgb_to_image(image, 0, "camera") for image in images]
        self._period, self._put = 1 / rate_hz, put
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="camera")
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _feed(self) -> None:
        count, due = 0, time.monotonic()
        while not self._done.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self._put(Arrival(self._messages[count % IMAGES], count, now))
            count += 1
            due = max(due + self._period, now + 0.75 * self._period)  # as a camera: never in pairs


def run_swaps(
    entries: tuple[Path, Path],
    folder: Path,
    images: list[UInt8],
    *,
    swaps: int,
    rate_hz: float,
    settings: dict[str, Any] | None = None,
    still_s: float = 0.5,
    rss_every: int = 100,
    say: Callable[[str], None] = lambda _: None,
) -> Swaps:
    """Swaps to and fro between two entries, as fast as it goes, while images stream.

    There are ``still_s`` seconds without swaps before and after.

    ``folder`` is where the entry is put together that the node would have. Raises DepthError.
    """
    given = {"engine.path": str(folder), "engine.watch": False, "input.fov_deg": FOV_DEG}
    config = replace(Config(), {"odometry.enabled": False, **given, **(settings or {})})
    specs = _install(entries, folder)
    expected = {}
    for spec in reversed(specs):
        _write(spec, folder)
        expected[spec.sha256] = _expected(config, images)
    result, health = Swaps(), Health()
    listener = _Listener(expected, specs[0].sha256, result)
    pipeline = _Recorder(config, make_network(config), listener.swapped)
    worker = Worker(config, pipeline, listener, health, listener)
    reloader = Reloader(config, worker, lambda done, said: None)
    put = worker.start()

    def take(arrival: Arrival) -> None:
        listener.arrived[arrival.stamp_ns] = arrival.arrived
        health.received(arrival.arrived, 0.0)
        health.dropped("replaced", put(arrival))

    feeder = _Feeder(images, rate_hz, take)
    try:
        time.sleep(still_s)
        for count in range(1, swaps + 1):
            _write(specs[count % 2], folder)
            _ask(reloader, result)
            health.snapshot(time.monotonic())  # as the node does: it lets go of what is old
            if count % rss_every == 0:
                result.rss_mb.append(_rss_mb())
                say(f"{count} swaps, {result.rss_mb[-1]:.1f} MB")
        time.sleep(still_s)
    finally:
        feeder.stop()
        time.sleep(0.2)  # for the last image
        reloader.close()
        worker.close()
    if listener.error is not None:
        raise listener.error
    return _counted(result, health)


def _install(entries: tuple[Path, Path], folder: Path) -> list[EngineSpec]:
    specs = [EngineSpec.load(entry / "spec.json") for entry in entries]
    folder.mkdir(parents=True, exist_ok=True)
    for entry, spec in zip(entries, specs, strict=True):
        shutil.copy(entry / spec.weights, folder / spec.weights)
    return specs


def _write(spec: EngineSpec, folder: Path) -> None:
    spec.save(folder / "spec.json.new")
    os.replace(folder / "spec.json.new", folder / "spec.json")


def _expected(config: Config, images: list[UInt8]) -> list[Float32]:
    pipeline = make_pipeline(config)
    height, width = images[0].shape[:2]
    camera = Camera.from_fov(width, height, np.radians(FOV_DEG))
    try:
        frames = [Frame(i, "camera", image, camera) for i, image in enumerate(images)]
        return [pipeline.process(frame).depth.copy() for frame in frames]
    finally:
        pipeline.close()


def _ask(reloader: Reloader, result: Swaps) -> None:
    answered, started = threading.Event(), time.monotonic()

    def answer(done: bool, said: str) -> None:
        if not done:
            result.refused.append(said)
        answered.set()

    reloader.request(answer)
    answered.wait()
    result.reload_ms.append(1e3 * (time.monotonic() - started))


def _counted(result: Swaps, health: Health) -> Swaps:
    seen = health.snapshot(time.monotonic())
    result.received, result.published = seen.received, seen.published
    result.dropped, result.rejected = sum(seen.dropped.values()), sum(seen.rejected.values())
    return result


def _rss_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
