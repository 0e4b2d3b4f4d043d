# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One frame in, depth and ego-motion out: the whole of depth_ros without ROS. Start reading here.

pipeline = make_pipeline(Config())
result = pipeline.process(Frame(stamp_ns, "camera", image, camera))
result.depth  # metres, NaN invalid
"""

from __future__ import annotations

import time

from depth_ros.config import Config
from depth_ros.decode import Decode, Limit
from depth_ros.engines import Engine, open_engine
from depth_ros.frame import DepthResult, Frame
from depth_ros.odometry import NoOdometry, make_odometry
from depth_ros.preprocess import ToInput, make_rectify, resized
from depth_ros.scale import make_scale
from depth_ros.share import engine_folder


class DepthPipeline:
    """Every stage, built once from the config, and the engine. One thread owns it."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self.engine = engine
        self._rectify = make_rectify(config.input.rectified)
        self._to_input = ToInput(engine.spec)
        self._odometries = (NoOdometry(), make_odometry(config.odometry))
        self._odometry = self._odometries[1]
        self.reconfigure(config)

    def process(self, frame: Frame) -> DepthResult:
        """Depth, confidence and ego-motion of one frame. Raises DepthError for a bad frame."""
        clock = _Clock()
        frame = self._rectify(frame)
        inputs = self._to_input(frame.image)
        clock.lap("preprocess")
        outputs = self.engine.infer(inputs)
        clock.lap("engine")
        depth, confidence, camera = self._decode(outputs, frame.camera)
        clock.lap("decode")
        motion = self._odometry.update(frame, depth, confidence)
        clock.lap("odometry")
        metric = self.engine.spec.metric and frame.camera_known
        depth, motion, scale_known = self._scale.update(depth, motion, metric)
        depth, confidence = self._limit(depth, confidence)
        clock.lap("scale")
        return DepthResult(
            frame.stamp_ns,
            frame.frame_id,
            camera,
            depth,
            confidence,
            resized(frame.image, camera),
            motion,
            scale_known,
            frame.dropped,
            clock.laps_ms,
        )

    def track(self, wanted: bool) -> None:
        """Switches ego-motion on or off; without it ``Motion.state`` is off and costs nothing."""
        odometry = self._odometries[wanted]
        if odometry is not self._odometry:
            odometry.reset("nobody was listening")
            self._odometry = odometry

    def reset(self, reason: str) -> None:
        """Forgets all that was carried from earlier frames."""
        self._odometry.reset(reason)

    def reconfigure(self, config: Config) -> None:
        """Applies the settings that may change between two frames."""
        self._decode = Decode(self.engine.spec, config.depth.size)
        self._scale = make_scale(config.scale)
        self._limit = Limit(config.depth.min_m, config.depth.max_m)

    def close(self) -> None:
        """Frees the engine."""
        self.engine.close()


def make_pipeline(config: Config) -> DepthPipeline:
    """Opens the engine that the config names and builds the stages. Raises DepthError."""
    e = config.engine
    folder = engine_folder(e.path)
    return DepthPipeline(config, open_engine(folder, e.backend, e.device, e.precision, e.threads))


class _Clock:
    """Milliseconds of each stage."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps_ms[stage] = 1e3 * (now - self._last)
        self._last = now
