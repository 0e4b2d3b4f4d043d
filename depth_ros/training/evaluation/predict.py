# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Predictions to judge: from an engine, as the runtime would make them, or from files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.errors import SourceError
from depth_ros.frame import Float32
from depth_ros.preprocess import ToInput
from depth_ros.recurrence import make_recurrence
from depth_ros.training.data import Item
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.depth import invert
from depth_ros.training.evaluation.maps import Maps, Truth


@dataclass(frozen=True)
class Prediction:
    """``values`` (h, w) of any size: metres, or up to scale, NaN unknown. ``confidence`` (h, w)
    0..1 where there is one. ``in_window``: they cover the protocol's window, not the frame."""

    name: str
    values: Any
    confidence: Float32 | None = None
    in_window: bool = False


class EnginePredictor:
    """Runs an engine on successive items: the runtime's preprocess, state and decode.

    ``window`` is the crop of the image that the network is to see. Depth stays at the network's
    size, so that the protocol can resize it by its own rule.
    """

    def __init__(self, engine: Engine, window: str = "none") -> None:
        self._engine, self._window = engine, window
        self._to_input, self._decode = ToInput(engine.spec), Decode(engine.spec, "network")
        self._recurrence = make_recurrence(engine.spec)

    def reset(self) -> None:
        """Forgets the frames before: call it between recordings."""
        self._recurrence.reset()

    def __call__(self, item: Item, name: str = "") -> Prediction:
        """The depth of one item; SourceError where it has no camera."""
        camera = item.camera
        if camera is None:
            raise SourceError("item to predict", expected="a camera", got="none")
        rows, columns = crop_window(self._window, item.image.shape)
        image = item.image[rows, columns]
        height, width = image.shape[:2]
        camera = camera.cropped(columns.start, rows.start, width, height)
        inputs = self._recurrence.add(self._to_input(np.ascontiguousarray(image)))
        outputs = self._engine.infer(inputs)
        self._recurrence.keep(outputs)
        depth, confidence, _ = self._decode(outputs, camera)
        return Prediction(name, depth.copy(), confidence.copy(), in_window=True)


class EnginePredictions:
    """One prediction for each item of a recording, in order; iterate once.

    The engine is opened at the first and closed after the last. ``description`` then says what
    ran it.
    """

    def __init__(
        self,
        entry: Path,
        truth: Truth,
        window: str = "none",
        backend: str = "auto",
        precision: str = "auto",
    ) -> None:
        truth.item(0)  # refuses truth without images before the engine is opened
        self._entry, self._truth, self._window = entry, truth, window
        self._backend, self._precision = backend, precision
        self.description = "engine not opened"

    def __iter__(self) -> Iterator[Prediction]:
        engine = open_engine(self._entry, self._backend, precision=self._precision, threads=1)
        ran = f"{engine.backend}, {engine.device}, {engine.precision}"
        self.description = f"engine {engine.spec.network} ({ran})"
        try:
            predict = EnginePredictor(engine, self._window)
            for index, name in enumerate(self._truth.maps.names):
                if not self._truth.successive:
                    predict.reset()
                yield predict(self._truth.item(index), name)
        finally:
            engine.close()


def from_files(maps: Maps, kind: str = "depth") -> Iterator[Prediction]:
    """The maps of files. ``kind`` inverse: they hold 1/depth, or disparity up to a factor."""
    for index, name in enumerate(maps.names):
        values = maps.read(index)
        yield Prediction(name, invert(values) if kind == "inverse" else values)
