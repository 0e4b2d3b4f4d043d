# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The depth node and a bare relay on real topics: latency, accounting, memory, start."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_ros.bench.stages import write_clip
from depth_ros.config import Config
from depth_ros.errors import DepthError
from depth_ros.report.numbers import percentiles
from depth_ros.ros_environment import require_ros, ros_environment
from depth_ros.ros_job import Clip, Job, recording

_START_S = 60.0
_WARM_UP = 15  # depth images that are not counted: caches, clocks and discovery settle


def time_topics(config: Config, rate_hz: float, seconds: float) -> dict[str, Any]:
    """A camera at ``rate_hz`` for ``seconds``: first to the relay, then to the depth node.

    Only depth/image_rect is subscribed to, as for the bare relay. Raises DepthError without ROS.
    """
    require_ros()
    with tempfile.TemporaryDirectory(prefix="depth_ros-") as folder:
        write_clip(Path(folder) / "clip")
        count = max(round(rate_hz * seconds), 4 * _WARM_UP)
        clip = Clip(
            str(Path(folder) / "clip"), rate_hz=rate_hz, limit=count, loop=True, preload=True
        )
        bare = _measure(Path(folder), clip, config, "depth_ros.bench.relay")
        node = _measure(Path(folder), clip, config, "depth_ros.node")
    return {"rate_hz": rate_hz, "seconds": seconds, "bare": bare, "node": node}


def _measure(folder: Path, clip: Clip, config: Config, module: str) -> dict[str, Any]:
    """One camera and one node that makes depth/image_rect of its images."""
    sure = config.output.reliability
    with ros_environment(), recording(None, motion=False, reliability=sure) as recorder:
        job = Job(folder, recorder)
        try:
            camera = job.start_camera(clip)
            _wait_loaded(job)
            start_s = time.monotonic()
            node = job.start_node(config, module, diagnoses=False)
            first_s, rss_mb = None, 0.0
            while camera.running:
                job.spin()
                if first_s is None and recorder.received:
                    first_s = (recorder.published_ns[0] - time.time_ns()) * 1e-9
                    first_s += time.monotonic() - start_s
                if first_s is None and time.monotonic() - start_s > _START_S:
                    raise DepthError(f"no depth image in {_START_S:g} s from {module}")
                rss_mb = max(rss_mb, node.rss_mb() or 0.0)
            job.settle()
        finally:
            job.stop()
        return _numbers(job, first_s, rss_mb)


def _wait_loaded(job: Job) -> None:
    """Until the camera has announced its topic, which it does before it reads the clip."""
    deadline = time.monotonic() + _START_S
    while not job.recorder.count_publishers("image"):
        job.spin()
        if time.monotonic() > deadline:
            raise DepthError(f"the camera node was not ready in {_START_S:g} s")
    for _ in range(10):
        job.spin()


def _numbers(job: Job, first_s: float | None, rss_mb: float) -> dict[str, Any]:
    recorder = job.recorder
    latency_ms = recorder.latency_ms[_WARM_UP:]
    quarter = max(len(latency_ms) // 4, 1)
    return {
        "latency_ms": percentiles(latency_ms),
        "first_quarter_ms": percentiles(latency_ms[:quarter]),
        "last_quarter_ms": percentiles(latency_ms[-quarter:]),
        "sent": len(job.stamps()),
        "recorded": recorder.received,
        "count": _count([recorder.number(n) for n in ("received", "published")], recorder),
        "stages_ms": recorder.stages_ms(),
        "rss_mb": round(rss_mb, 1),
        "first_depth_s": round(first_s or 0.0, 3),
    }


def _count(counts: Sequence[int], recorder: Any) -> dict[str, Any]:
    received, published = counts
    dropped, rejected = recorder.number("dropped"), recorder.number("rejected")
    exact = received == published + dropped + rejected
    return {
        "received": received,
        "published": published,
        "dropped": dropped,
        "rejected": rejected,
        "exact": exact,
    }
