# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Predictions to judge: from an engine, as the runtime would make them, or from files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.frame import Camera, Float32
from depth_ros.preprocess import ToInput
from depth_ros.recurrence import make_recurrence
from depth_ros.sources import DEFAULT_FOV_DEG
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.depth import invert
from depth_ros.training.evaluation.maps import Maps
from depth_ros.training.evaluation.truth import Truth

CONSTANT_M = 2.5


@dataclass(frozen=True)
class Prediction:
    """``values`` (h, w) of any size: metres, or up to scale, NaN unknown. ``confidence`` (h, w)
    0..1 where there is one. ``in_window``: they cover the protocol's window, not the frame."""

    name: str
    values: Any
    confidence: Float32 | None = None
    in_window: bool = False


class EnginePredictor:
    """Runs an engine on successive readings: the runtime's preprocess, state and decode.

    ``window`` is the crop of the image that the network is to see. Depth stays at the network's
    size, so that the protocol can resize it by its own rule. A camera that nobody knows is
    guessed as the runtime does; ``guessed`` counts these.
    """

    def __init__(self, engine: Engine, window: str = "none") -> None:
        self._engine, self._window = engine, window
        self._to_input, self._decode = ToInput(engine.spec), Decode(engine.spec, "network")
        self._recurrence = make_recurrence(engine.spec)
        self.guessed = 0

    def reset(self) -> None:
        """Forgets the frames before: call it between recordings."""
        self._recurrence.reset()

    def __call__(self, reading: Reading, name: str = "") -> Prediction:
        """The depth of one reading."""
        camera = reading.camera
        if camera is None:
            fov = math.radians(DEFAULT_FOV_DEG)
            camera = Camera.from_fov(reading.image.shape[1], reading.image.shape[0], fov)
            self.guessed += 1
        rows, columns = crop_window(self._window, reading.image.shape)
        image = reading.image[rows, columns]
        height, width = image.shape[:2]
        camera = camera.cropped(columns.start, rows.start, width, height)
        inputs = self._recurrence.add(self._to_input(np.ascontiguousarray(image)))
        outputs = self._engine.infer(inputs)
        self._recurrence.keep(outputs)
        depth, confidence, _ = self._decode(outputs, camera)
        return Prediction(name, depth.copy(), confidence.copy(), in_window=True)


class EnginePredictions:
    """One prediction for each reading, in order; iterate once.

    The engine is opened at the first and closed after the last; ``description`` then says what ran
    it, ``precision`` its arithmetic. A network with memory forgets where no frame of the same
    video came before or, ``alone``, at every frame.
    """

    def __init__(
        self,
        entry: Path,
        truth: Truth,
        window: str = "none",
        backend: str = "auto",
        precision: str = "auto",
        alone: bool = False,
    ) -> None:
        truth.reading(0)  # refuses truth without images before the engine is opened
        self._entry, self._truth, self._window = entry, truth, window
        self._backend, self._asked, self._alone = backend, precision, alone
        self.description, self.precision = "engine not opened", precision

    def __iter__(self) -> Iterator[Prediction]:
        engine = open_engine(self._entry, self._backend, precision=self._asked, threads=1)
        ran = f"{engine.backend}, {engine.device}, {engine.precision}"
        self.precision = engine.precision
        self.description = f"engine {engine.spec.network} ({ran})"
        self.description += ", which forgets at every frame" if self._alone else ""
        try:
            predict = EnginePredictor(engine, self._window)
            for index, name in enumerate(self._truth.maps.names):
                if self._alone or not self._truth.follows(index):
                    predict.reset()
                yield predict(self._truth.reading(index), name)
            if predict.guessed:
                fov = f"a field of view of {DEFAULT_FOV_DEG:g} degrees"
                self.description += f"; {predict.guessed} cameras unknown, taken for {fov}"
        finally:
            engine.close()


def from_files(maps: Maps, kind: str = "depth") -> Iterator[Prediction]:
    """The maps of files. ``kind`` inverse: they hold 1/depth, or disparity up to a factor."""
    for index, name in enumerate(maps.names):
        values = maps.read(index)
        yield Prediction(name, invert(values) if kind == "inverse" else values)


def constant(truth: Truth) -> Iterator[Prediction]:
    """The baseline that knows nothing: CONSTANT_M everywhere, at the truth's size."""
    for index, name in enumerate(truth.maps.names):
        yield Prediction(name, np.full(truth.maps.read(index).shape, CONSTANT_M))
