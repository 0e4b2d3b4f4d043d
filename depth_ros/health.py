# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What happened to every image, how fast, and what the last result said. Knows no ROS.

At rest, ``received == published + dropped + rejected``: each image is counted once.
Times called ``now`` are seconds of one monotonic clock.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from depth_ros.errors import DepthError
from depth_ros.frame import DepthResult

WINDOW_S = 5.0


class Window:
    """Values of the last few seconds, with the times at which they came."""

    def __init__(self, seconds: float = WINDOW_S, size: int = 2048) -> None:
        self._seconds = seconds
        self._items: deque[tuple[float, float]] = deque(maxlen=size)

    def add(self, now: float, value: float = 0.0) -> None:
        """Appends a value."""
        self._items.append((now, value))

    def values(self, now: float) -> list[float]:
        """Those that are not too old, oldest first."""
        while self._items and now - self._items[0][0] > self._seconds:
            self._items.popleft()
        return [value for _, value in self._items]

    def rate(self, now: float, since: float) -> float:
        """How many came in a second, counted since the given time at most."""
        count = len(self.values(now))
        return count / max(min(self._seconds, now - since), 1e-3) if count else 0.0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one duration, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the diagnostics tell, as plain data."""

    received: int
    published: int
    dropped: Mapping[str, int]
    rejected: Mapping[str, int]
    input_fps: float
    output_fps: float
    image_age_s: float | None  # since the newest image came; None before the first
    info_age_s: float | None
    transport_ms: float | None  # stamp to receipt of the newest image
    stages_ms: Mapping[str, Percentiles]
    done_age_s: float | None  # since an image was last used, or found usable while idle
    rejected_age_s: float | None
    rejection: str  # the last one's sentence
    rejection_kind: str
    idle: bool
    scale: str
    odometry: str


@dataclass(slots=True)
class _Last:
    """The latest time or word of each kind, since activation."""

    image: float | None = None
    info: float | None = None
    done: float | None = None
    rejected: float | None = None
    transport_ms: float | None = None
    rejection: str = ""
    rejection_kind: str = ""
    idle: bool = False
    scale: str = "unknown"
    odometry: str = "off"


@dataclass(slots=True)
class Health:
    """Filled by the executor's thread and the worker's, read by the diagnostics."""

    since: float = 0.0  # of activation
    _count: Counter[str] = field(default_factory=Counter)
    _dropped: Counter[str] = field(default_factory=Counter)
    _rejected: Counter[str] = field(default_factory=Counter)
    _in: Window = field(default_factory=Window)
    _out: Window = field(default_factory=Window)
    _stages: dict[str, Window] = field(default_factory=dict)
    _last: _Last = field(default_factory=_Last)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def activated(self, now: float) -> None:
        """Starts a new stretch: rates, times and words begin afresh, counts go on."""
        with self._lock:
            self.since, self._last = now, _Last()
            self._in, self._out, self._stages = Window(), Window(), {}

    def received(self, now: float, transport_ms: float) -> None:
        """An image has come, ``transport_ms`` after its stamp."""
        with self._lock:
            self._count["received"] += 1
            self._in.add(now)
            self._last.image, self._last.transport_ms = now, transport_ms

    def info(self, now: float) -> None:
        """A camera_info has come."""
        with self._lock:
            self._last.info = now

    def dropped(self, reason: str, count: int = 1) -> None:
        """So many images were left out."""
        if count:
            with self._lock:
                self._dropped[reason] += count

    def idle(self, now: float, usable: bool = False) -> None:
        """An image was left out because nobody listens; perhaps it is known to be usable."""
        with self._lock:
            self._dropped["idle"] += 1
            self._last.idle = True
            if usable:
                self._last.done = now

    def rejected(self, now: float, error: DepthError) -> None:
        """An image was unusable."""
        with self._lock:
            self._rejected[error.what] += 1
            self._last.rejected = now
            self._last.rejection, self._last.rejection_kind = str(error), error.what

    def published(self, now: float, result: DepthResult, extra_ms: Mapping[str, float]) -> None:
        """A result is out; ``extra_ms`` are durations beside those of the pipeline's stages."""
        motion = result.motion
        with self._lock:
            self._count["published"] += 1
            self._out.add(now)
            for stage, ms in {**result.stages_ms, **extra_ms}.items():
                self._stages.setdefault(stage, Window()).add(now, ms)
            self._last.idle, self._last.done = False, now
            self._last.scale = "metric" if result.scale_known else "up to one unknown factor"
            self._last.odometry = f"{motion.state}: {motion.reason}".rstrip(": ")

    def snapshot(self, now: float) -> Snapshot:
        """All of it, consistent."""
        with self._lock:
            last = self._last
            stages = {k: percentiles(w.values(now)) for k, w in self._stages.items()}
            return Snapshot(
                received=self._count["received"],
                published=self._count["published"],
                dropped=dict(self._dropped),
                rejected=dict(self._rejected),
                input_fps=self._in.rate(now, self.since),
                output_fps=self._out.rate(now, self.since),
                image_age_s=_age(now, last.image),
                info_age_s=_age(now, last.info),
                transport_ms=last.transport_ms,
                stages_ms={k: p for k, p in stages.items() if p},
                done_age_s=_age(now, last.done),
                rejected_age_s=_age(now, last.rejected),
                rejection=last.rejection,
                rejection_kind=last.rejection_kind,
                idle=last.idle,
                scale=last.scale,
                odometry=last.odometry,
            )


def percentiles(values: list[float]) -> Percentiles | None:
    """Median and 99th percentile; None of nothing."""
    if not values:
        return None
    p50, p99 = np.percentile(values, (50, 99))
    return Percentiles(float(p50), float(p99))


def _age(now: float, then: float | None) -> float | None:
    return None if then is None else now - then
