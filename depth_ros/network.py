# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A network in the pipeline: an engine, and the stages that its spec drives.

It is what a hot swap replaces, by one reference, between two frames.
"""

from __future__ import annotations

from typing import Literal

from depth_ros.config import Config
from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError
from depth_ros.frame import Camera, Float32, UInt8
from depth_ros.preprocess import ToInput
from depth_ros.recurrence import make_recurrence
from depth_ros.share import engine_folder


class Network:
    """From an image to depth; ``pose`` is the entry's pose network where that is used."""

    def __init__(self, engine: Engine, pose: Engine | None = None) -> None:
        self.engine = engine
        self.pose = pose
        self._to_input = ToInput(engine.spec)
        self._recurrence = make_recurrence(engine.spec)
        self.resize("image")

    @property
    def spec(self) -> EngineSpec:
        """What the engine eats and returns."""
        return self.engine.spec

    def preprocess(self, image: UInt8) -> Arrays:
        """The engine's inputs for a rectified image; valid until the next call."""
        return self._recurrence.add(self._to_input(image))

    def infer(self, inputs: Arrays) -> Arrays:
        """The engine's outputs; its state is kept for the next call."""
        outputs = self.engine.infer(inputs)
        self._recurrence.keep(outputs)
        return outputs

    def decode(self, outputs: Arrays, camera: Camera) -> tuple[Float32, Float32, Camera]:
        """Depth in metres (NaN invalid), confidence, and the camera of both."""
        return self._decode(outputs, camera)

    def resize(self, size: Literal["image", "network"]) -> None:
        """Chooses the size of the depth that decode returns."""
        self._decode = Decode(self.engine.spec, size)

    def reset(self) -> None:
        """Forgets the state that earlier frames have left."""
        self._recurrence.reset()

    def close(self) -> None:
        """Frees the engines."""
        self.engine.close()
        if self.pose is not None:
            self.pose.close()


def parts(config: Config) -> list[str]:
    """The parts of the entry that the config uses: depth, and perhaps pose."""
    pose = config.odometry.enabled and config.odometry.source == "network"
    return ["depth", "pose"] if pose else ["depth"]


def image_size(config: Config) -> tuple[int, int] | None:
    """Width and height of the network's image, if the config names them."""
    e = config.engine
    return (e.width, e.height) if e.width and e.height else None


def make_network(config: Config) -> Network:
    """Opens the network that the config names. Raises DepthError."""
    e, folder, size = config.engine, engine_folder(config.engine.path), image_size(config)
    engines: dict[str, Engine] = {}
    try:
        for part in parts(config):
            engines[part] = open_engine(
                folder, e.backend, e.device, e.precision, e.threads, part=part, size=size
            )
        network = Network(engines["depth"], engines.get("pose"))
        if network.pose is not None and network.pose.spec != network.spec.pose:
            raise EngineError(f"{folder} was changed while it was read", fix="Reload it.")
    except Exception:
        for engine in engines.values():
            engine.close()
        raise
    return network
