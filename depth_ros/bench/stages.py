# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The pipeline without ROS, stage by stage, on images that move as a camera's do."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_ros.config import Config
from depth_ros.frame import Camera, Frame, UInt8
from depth_ros.pipeline import make_pipeline
from depth_ros.report.numbers import percentiles

WIDTH, HEIGHT = 640, 480
_FOCAL, _PERIOD, _REACH = 525.0, 60, 40  # pixels; frames; pixels to each side
_WARM_UP = 10


def time_stages(config: Config, frames: int) -> dict[str, Any]:
    """p50, p95 and p99 of each stage and of their sum, in milliseconds."""
    pipeline = make_pipeline(config)
    try:
        times: defaultdict[str, list[float]] = defaultdict(list)
        for index, frame in enumerate(islice(moving_frames(), _WARM_UP + frames)):
            start_s = time.perf_counter()
            result = pipeline.process(frame)
            total_ms = 1e3 * (time.perf_counter() - start_s)
            if index >= _WARM_UP:
                for stage, ms in {**result.stages_ms, "total": total_ms}.items():
                    times[stage].append(ms)
        engine = pipeline.engine
        return {
            "engine": {
                "network": engine.spec.network,
                "backend": engine.backend,
                "device": engine.device,
                "precision": engine.precision,
            },
            "frames": frames,
            "stages_ms": {stage: percentiles(values) for stage, values in times.items()},
        }
    finally:
        pipeline.close()


def write_clip(folder: Path) -> None:
    """The same images as a folder that sources.py reads, intrinsics included."""
    (folder / "rgb").mkdir(parents=True)
    for index, image in enumerate(_images()):
        # Uncompressed: they are read once, and quickly.
        cv2.imwrite(str(folder / "rgb" / f"{index:06d}.bmp"), image[..., ::-1])
    center = {"cx": (WIDTH - 1) / 2, "cy": (HEIGHT - 1) / 2}
    size = {"width": WIDTH, "height": HEIGHT}
    meta = {"fx": _FOCAL, "fy": _FOCAL, **center, **size, "fps": 30}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def moving_frames() -> Iterator[Frame]:
    """640x480 images without end, 30 a second, of a camera that is known."""
    camera = Camera(WIDTH, HEIGHT, _FOCAL, _FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    for index, image in enumerate(cycle(_images())):
        yield Frame(index * 33_333_333, "camera", image, camera)


def _images() -> list[UInt8]:
    """A window that goes to and fro over a picture of blobs of many sizes; it closes in a loop."""
    rng = np.random.default_rng(0)
    height, width = HEIGHT + 2 * _REACH, WIDTH + 2 * _REACH
    picture = np.zeros((height, width, 3), np.float32)
    for cells in (6, 24, 96):
        noise = rng.uniform(0, 255, (cells * 3 // 4, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR) / 3
    pixels = np.asarray(picture, np.uint8)
    angles = 2 * np.pi * np.arange(_PERIOD) / _PERIOD
    lefts = np.rint(_REACH * (1 + np.sin(angles))).astype(int)
    tops = np.rint(_REACH * (1 + np.cos(angles))).astype(int)
    return [
        np.ascontiguousarray(pixels[top : top + HEIGHT, left : left + WIDTH])
        for top, left in zip(tops, lefts, strict=True)
    ]
