# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The main job on real topics: plays a source to the depth node and reports what came of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_ros.config import Config, replace
from depth_ros.errors import DepthError
from depth_ros.frame import Motion
from depth_ros.live import LiveLine
from depth_ros.report import Report
from depth_ros.report.numbers import percentiles
from depth_ros.ros_environment import require_ros, ros_environment
from depth_ros.ros_job import Clip, Job, recording
from depth_ros.sources import Source
from depth_ros.spool import Spool

if TYPE_CHECKING:
    from depth_ros.recorder import Recorder


def run_ros(
    clip: Clip, source: Source, config: Config, report: Report, live: LiveLine
) -> dict[str, Any]:
    """Plays the clip to the depth node and feeds the report; returns the facts for its summary.

    Raises DepthError if ROS is missing, a process fails or nothing comes.
    """
    require_ros()
    if config.input.transport != "raw":
        raise DepthError(
            "input.transport compressed", fix="The camera node of this run sends raw images."
        )
    if not _camera_known(source) and not config.input.fov_deg:
        config = replace(config, {"input.fov_deg": source.fov_deg})
    with tempfile.TemporaryDirectory(prefix="depth_ros-") as folder:
        spool = Spool(Path(folder))
        with (
            ros_environment(),
            recording(
                spool, keep_images=source.live, reliability=config.output.reliability
            ) as recorder,
        ):
            job = Job(Path(folder), recorder)
            stamps, interrupted = job.play(clip, config, live.update, source.frames)
        live.note("writing the report")
        _feed(report, source, spool, recorder, stamps, config)
        spool.close()
        return {**_facts(recorder, len(stamps)), "interrupted": interrupted}


def _camera_known(source: Source) -> bool:
    return not source.live and next(iter(source)).frame.camera_known


def _feed(
    report: Report,
    source: Source,
    spool: Spool,
    recorder: Recorder,
    stamps: list[int],
    config: Config,
) -> None:
    if not len(spool):
        raise DepthError("no depth image came", fix="depth_cli run without --ros shows why.")
    off = Motion("off", np.eye(4), np.eye(4), np.zeros((6, 6)), np.zeros((6, 6)))
    spool.feed(
        report,
        source,
        lambda index, _: stamps[index] if index < len(stamps) else -1,
        lambda stamp: recorder.motion_of.get(stamp, off),
        scale_known=recorder.diagnostics.get("scale") == "metric",
        rectified=config.input.rectified,
    )


def _facts(recorder: Recorder, published: int) -> dict[str, Any]:
    """Each image is out, rejected or dropped; lost_in_transport is a part of the dropped."""
    seen, received, rejected = recorder.diagnostics, recorder.received, recorder.number("rejected")
    stages = recorder.stages_ms()
    return {
        "frames_in": published,
        "frames_dropped": max(published - received - rejected, 0),
        "frames_rejected": rejected,
        "lost_in_transport": max(published - recorder.number("received"), 0),
        "fps": round(recorder.fps, 2),
        "latency_ms": percentiles(recorder.latency_ms),
        "latency_of": "stamp to publish",
        "stages_ms": {k: v for k, v in stages.items() if k != "total"},
        "engine": {k: seen.get(f"engine.{k}", "") for k in ("network", "backend", "precision")},
    }
