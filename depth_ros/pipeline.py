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
from depth_ros.decode import Limit
from depth_ros.engines import Engine
from depth_ros.frame import DepthResult, Frame
from depth_ros.network import Network, make_network
from depth_ros.odometry import NoOdometry, make_odometry
from depth_ros.preprocess import make_rectify, resized
from depth_ros.scale import make_scale
from depth_ros.swap.held import Held, HeldFrames


class DepthPipeline:
    """Every stage, built once from the config, and the network. One thread owns it."""

    def __init__(self, config: Config, network: Network) -> None:
        self._network = network
        self._rectify = make_rectify(config.input.rectified)
        self._odometries = (NoOdometry(), make_odometry(config.odometry, network.pose))
        self._odometry = self._odometries[1]
        self._last: Frame | None = None
        self.held = HeldFrames()
        self.reconfigure(config)

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return self._network.engine

    def process(self, frame: Frame) -> DepthResult:
        """Depth, confidence and ego-motion of one frame. Raises DepthError for a bad frame."""
        clock = _Clock()
        frame = self._rectify(frame)
        self._follow(frame)
        inputs = self._network.preprocess(frame.image)
        clock.lap("preprocess")
        outputs = self._network.infer(inputs)
        clock.lap("engine")
        depth, confidence, camera = self._network.decode(outputs, frame.camera)
        self.held.keep(frame, depth)
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

    def swap(self, network: Network, held: tuple[Held, ...] = ()) -> Network:
        """Goes on with another network, and returns the old one, which the caller closes.

        Ego-motion goes on where the new network is the old one with other weights, else it starts
        anew: its depth may have another scale. ``held`` are the frames with the new one's depth.
        """
        old = self._network
        network.resize(self._config.depth.size)
        network.reset()
        if network.pose is not None or network.spec.network != old.spec.network:
            self._odometries = (NoOdometry(), make_odometry(self._config.odometry, network.pose))
            tracked = not isinstance(self._odometry, NoOdometry)
            self._odometry = self._odometries[tracked]
            self._odometry.reset("another network")
        self._network = network
        self.held.replace(held)
        return old

    def reset(self, reason: str) -> None:
        """Forgets all that was carried from earlier frames."""
        self._last = None
        self._network.reset()
        self._odometry.reset(reason)

    def reconfigure(self, config: Config) -> None:
        """Applies the settings that may change between two frames."""
        self._config = config
        self._network.resize(config.depth.size)
        self._scale = make_scale(config.scale)
        self._limit = Limit(config.depth.min_m, config.depth.max_m)

    def close(self) -> None:
        """Frees the network."""
        self._network.close()

    def _follow(self, frame: Frame) -> None:
        """Lets a recurrent network start anew where this frame does not follow the last one."""
        last, self._last = self._last, frame
        if last is None:
            return
        seconds = (frame.stamp_ns - last.stamp_ns) * 1e-9
        gap = not 0 <= seconds <= self._config.odometry.max_gap_s
        if gap or frame.camera != last.camera:
            self._network.reset()


def make_pipeline(config: Config) -> DepthPipeline:
    """Opens the network that the config names and builds the stages. Raises DepthError."""
    return DepthPipeline(config, make_network(config))


class _Clock:
    """Milliseconds of each stage."""

    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps_ms[stage] = 1e3 * (now - self._last)
        self._last = now
