# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Measure an exported network: ``python -m depth_ros.training.evaluate ENGINE DATASET...``.

It runs the engine with the runtime's own preprocess and decode. DATASET is a sequence's folder, a
part of one (FOLDER:800:1000), or a pool of rendered views. Predictions are compared at the size
of the truth, with and without median scaling of every frame; numbers are means over frames.
``--gain``, ``--blur`` and ``--crop`` show how much exposure, focus and another camera cost.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.errors import SourceError
from depth_ros.frame import Float32
from depth_ros.metrics import average, depth_metrics, known
from depth_ros.preprocess import ToInput
from depth_ros.training.data import Item, open_sequence
from depth_ros.training.data.rendered import read_item

SHOWN = ("abs_rel", "rmse", "log10", "delta1", "delta2", "delta3")


def read_items(name: str) -> Iterator[Item]:
    """The items that a DATASET argument names."""
    folder, _, part = name.partition(":")
    pool = sorted(Path(folder).glob("*.npz"))
    if pool:
        yield from (read_item(path) for path in pool)
        return
    sequence = open_sequence(Path(folder))
    first, _, stop = part.partition(":")
    for index in range(int(first or 0), int(stop or len(sequence))):
        yield sequence.item(index)


@dataclass(frozen=True)
class Disturbance:
    """What is done to every image before the network sees it."""

    gain: float = 1.0  # of the light, on the pixels' gamma of 2.2
    blur: float = 0.0  # standard deviation, pixels of the image
    crop: float = 1.0  # share of width and height that is kept, in the middle

    def __call__(self, item: Item) -> Item:
        """The item with a changed image and, where cropped, the camera and depth that match."""
        image, depth, camera = item.image, item.depth, item.camera
        height, width = (round(self.crop * n) for n in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        window = np.s_[top : top + height, left : left + width]
        pixels = image[window].astype(np.float32) * self.gain ** (1 / 2.2)
        if self.blur > 0:
            pixels = cv2.GaussianBlur(pixels, (0, 0), self.blur)
        return Item(
            np.clip(np.rint(pixels), 0, 255).astype(np.uint8),
            None if depth is None else depth[window],
            None if camera is None else camera.cropped(left, top, width, height),
        )


class Predict:
    """Depth in metres, at the image's size, as the node would publish it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._to_input, self._decode = ToInput(engine.spec), Decode(engine.spec, "image")

    def __call__(self, item: Item) -> Float32:
        if item.camera is None:
            raise SourceError("item to predict", expected="a camera", got="none")
        depth, _, _ = self._decode(self._engine.infer(self._to_input(item.image)), item.camera)
        return depth


def predict_constant(item: Item) -> Float32:
    """The baseline that knows nothing: 2.5 m everywhere."""
    return np.full(item.image.shape[:2], 2.5, np.float32)


def measure(
    engine: Engine, dataset: str, disturb: Disturbance | None = None
) -> dict[str, dict[str, float]]:
    """Mean metrics over a dataset: scaled, metric, and scaled and metric of a constant depth."""
    predict = Predict(engine)
    rows: dict[str, list[dict[str, float]]] = {}
    for item in tqdm(read_items(dataset), desc=Path(dataset).name, unit="frame"):
        if disturb is not None:
            item = disturb(item)
        if item.depth is None or not known(item.depth).any():
            continue
        for name, depth in (("network", predict(item)), ("constant", predict_constant(item))):
            for kind, scale in (("scaled", True), ("metric", False)):
                metrics = depth_metrics(depth, item.depth, scale=scale)
                rows.setdefault(f"{name} {kind}", []).append(metrics)
    frames = len(rows.get("network scaled", []))
    return {name: {"frames": float(frames), **average(found)} for name, found in rows.items()}


def table(name: str, results: dict[str, dict[str, float]]) -> str:
    """The results as lines of text."""
    frames = int(results["network scaled"]["frames"])
    lines = [f"{name} ({frames} frames)", " " * 18 + "".join(f"{key:>9}" for key in SHOWN)]
    lines += [f"{k:18}" + "".join(f"{v[key]:9.4f}" for key in SHOWN) for k, v in results.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path, help="a folder with a spec.json")
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--gain", type=float, default=1.0, help="of the light: 0.25 is dark")
    parser.add_argument("--blur", type=float, default=0.0, help="standard deviation in pixels")
    parser.add_argument("--crop", type=float, default=1.0, help="share of the image that is kept")
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    args = parser.parse_args()
    engine = open_engine(args.engine, args.backend, threads=1)
    disturb = Disturbance(args.gain, args.blur, args.crop)
    results = {name: measure(engine, name, disturb) for name in args.dataset}
    engine.close()
    for name, found in results.items():
        print(table(name, found))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
