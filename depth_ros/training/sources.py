# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a run's examples come from, and what it is validated on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from depth_ros.engines.networks.fastdepth import FastDepth
from depth_ros.errors import SourceError
from depth_ros.metrics import average, depth_metrics
from depth_ros.training.config import Stage, TrainConfig
from depth_ros.training.data import (
    Item,
    PoolSource,
    make_example,
    open_collection,
    open_sequence,
)
from depth_ros.training.data.mixture import MemorySource, Mixture, SceneSource, Source
from depth_ros.training.data.rendered import read_item

SEVENSCENES_TRAIN = 800  # frames 800 to 999 are the adaptation test, never trained on
VALIDATION_VIEWS = 96


def normalise(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32 from -1 to 1, channels last in memory."""
    return images.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)


def canonical_focal(config: TrainConfig, size: tuple[int, int]) -> float:
    """The canonical focal length at another input size with the same field of view."""
    return config.canonical_focal_px * float(np.sqrt(size[0] * size[1] / (256 * 192)))


def read_diverse(config: TrainConfig) -> dict[str, list[Item]]:
    """All scenes of diverse_rgbd."""
    scenes: dict[str, list[Item]] = {}
    for folder in sorted((Path(config.data) / "diverse_rgbd").glob("*/")):
        scenes.update(open_collection(folder))
    unknown = (set(config.held_out_scenes) | set(config.scene_weights)) - set(scenes)
    if unknown:
        raise SourceError("scenes of diverse_rgbd", expected=sorted(scenes), got=sorted(unknown))
    return scenes


def open_sources(
    config: TrainConfig, diverse: dict[str, list[Item]], stage: Stage
) -> list[tuple[Source, float]]:
    """All sources with a share above 0, real images in memory."""
    data, shares = Path(config.data), config.shares
    found: list[tuple[Source, float]] = []
    if shares.rendered > 0:
        found.append((PoolSource(Path(config.pool)), shares.rendered))
    if shares.diverse > 0:
        held_out = () if stage.all_scenes else config.held_out_scenes
        train = {k: v for k, v in diverse.items() if k not in held_out}
        found.append((SceneSource(train, config.scene_weights), shares.diverse))
    if shares.sevenscenes > 0:
        kitchen = open_sequence(data / "sevenscenes_redkitchen")
        items = [kitchen.item(i) for i in range(SEVENSCENES_TRAIN)]
        found.append((MemorySource(items), shares.sevenscenes))
    if shares.tartanair > 0:
        hospital = open_sequence(data / "tartanair_indoor")
        items = [hospital.item(i) for i in range(len(hospital))]
        found.append((MemorySource(items), shares.tartanair))
    return found


def open_validation(
    config: TrainConfig, diverse: dict[str, list[Item]], stage: Stage
) -> dict[str, list[Item]]:
    """Unseen rendered rooms, and the held-out scenes (by scene: four frames of each at most)."""
    found: dict[str, list[Item]] = {}
    paths = sorted(Path(config.validation_pool).glob("*.npz"))[:VALIDATION_VIEWS]
    if paths:
        found["rendered"] = [read_item(path) for path in paths]
    if config.held_out_scenes and not stage.all_scenes:
        found["held_out"] = [
            item
            for name in config.held_out_scenes
            for item in diverse[name][:: max(1, len(diverse[name]) // 4)][:4]
        ]
    return found


def open_mixture(
    config: TrainConfig, sources: list[tuple[Source, float]], stage: Stage, step: int
) -> Mixture:
    """The stream of examples for a stage that starts or resumes at ``step``."""
    size = (stage.width, stage.height)
    focal = canonical_focal(config, size)
    return Mixture(sources, size, focal, config.augment, (config.seed, step))


@torch.no_grad()
def validate(
    network: FastDepth, config: TrainConfig, items: list[Item], size: tuple[int, int]
) -> dict[str, float]:
    """Median-scaled abs_rel and delta1, and abs_rel and delta1 in metres where scale is known."""
    focal, rng = canonical_focal(config, size), np.random.default_rng(0)
    scaled: list[dict[str, float]] = []
    metric: list[dict[str, float]] = []
    stream = iter(make_example(item, size, focal, None, rng) for item in items)
    while chunk := list(islice(stream, 8)):
        images = normalise(torch.from_numpy(np.stack([e.image for e in chunk])))
        for log_depth, example in zip(network.forward_half(images)[:, 0], chunk, strict=True):
            prediction, truth = np.exp(log_depth.numpy()), np.exp(example.log_depth)
            scaled.append(depth_metrics(prediction, truth, scale=True))
            if example.metric:
                metric.append(depth_metrics(prediction, truth))
    found = {key: average(scaled)[key] for key in ("abs_rel", "delta1")}
    if metric:
        found.update({f"metric_{key}": average(metric)[key] for key in ("abs_rel", "delta1")})
    return found
