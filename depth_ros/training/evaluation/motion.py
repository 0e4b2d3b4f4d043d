# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The path of the camera as the runtime's odometry finds it in a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from depth_ros.config import OdometryConfig
from depth_ros.engines import Engine, load_spec, open_engine
from depth_ros.errors import FrameError
from depth_ros.frame import Float64, Frame
from depth_ros.odometry import Odometry, make_odometry
from depth_ros.training.evaluation.predict import EnginePredictor
from depth_ros.training.evaluation.truth import Truth

PERIOD_NS = 33_333_333  # nominal: evaluation knows no gaps between frames


@dataclass(frozen=True)
class EnginePath:
    """``poses`` (N, 4, 4) of the camera, one for each frame; ``lost`` counts the frames after the
    first whose motion was not found; ``source`` is network or visual, ``precision`` the depth
    engine's arithmetic."""

    poses: Float64
    lost: int
    source: str
    precision: str


def follow(
    entry: Path, recording: Truth, backend: str = "auto", precision: str = "auto"
) -> EnginePath:
    """Runs the entry's pose network, or the visual odometry on its depth where it has none."""
    recording.reading(0)  # refuses a recording without images before anything is opened
    source: Literal["visual", "network"] = "visual" if load_spec(entry).pose is None else "network"
    config = OdometryConfig(source=source)
    depth_engine = open_engine(entry, backend, precision=precision, threads=1)
    try:
        if source == "visual":
            return _follow(depth_engine, make_odometry(config), recording, source)
        pose_engine = open_engine(entry, backend, precision=precision, threads=1, part="pose")
        try:
            odometry = make_odometry(config, pose_engine)
            return _follow(depth_engine, odometry, recording, source)
        finally:
            pose_engine.close()
    finally:
        depth_engine.close()


def _follow(engine: Engine, odometry: Odometry, recording: Truth, source: str) -> EnginePath:
    predict = EnginePredictor(engine)
    poses, lost = [], 0
    for index, name in enumerate(recording.maps.names):
        reading = recording.reading(index)
        if reading.camera is None:
            raise FrameError(f"frame {name}", expected="a camera", got="none")
        seen = predict(reading, name)
        if seen.confidence is None:
            raise FrameError(f"frame {name}", expected="confidence", got="none")
        frame = Frame(index * PERIOD_NS, "", reading.image, reading.camera)
        motion = odometry.update(frame, seen.values, seen.confidence)
        poses.append(motion.odom_from_camera.copy())
        lost += index > 0 and motion.state in ("lost", "reset")
    return EnginePath(np.array(poses), lost, source, engine.precision)
