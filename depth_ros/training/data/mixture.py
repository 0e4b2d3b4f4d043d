# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An endless, seeded stream of training examples from several sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from depth_ros.training.data.augment import AugmentConfig, make_example
from depth_ros.training.data.sequence import Item


class Source(Protocol):
    """Anything that items can be drawn from."""

    def draw(self, rng: np.random.Generator) -> Item: ...


@dataclass(frozen=True)
class MemorySource:
    """Items in memory, all with the same chance."""

    items: list[Item]

    def draw(self, rng: np.random.Generator) -> Item:
        return self.items[int(rng.integers(len(self.items)))]


class SceneSource:
    """Draws a scene by its weight, then one of its frames: a long burst is still one place."""

    def __init__(self, scenes: dict[str, list[Item]], weights: dict[str, float]) -> None:
        self.names = sorted(scenes)
        self.scenes = scenes
        chances = np.array([weights.get(name, 1.0) for name in self.names])
        self.chances = chances / chances.sum()

    def draw(self, rng: np.random.Generator) -> Item:
        items = self.scenes[self.names[int(rng.choice(len(self.names), p=self.chances))]]
        return items[int(rng.integers(len(items)))]


class Mixture(IterableDataset[dict[str, Any]]):
    """Examples drawn from ``sources`` by share; every worker has its own stream of the seed."""

    def __init__(
        self,
        sources: list[tuple[Source, float]],
        size: tuple[int, int],
        focal: float,
        augment: AugmentConfig,
        seed: tuple[int, ...],
    ) -> None:
        self.sources = [source for source, _ in sources]
        shares = np.array([share for _, share in sources])
        self.shares = shares / shares.sum()
        self.size, self.focal, self.augment, self.seed = size, focal, augment, seed

    def __iter__(self) -> Iterator[dict[str, Any]]:
        cv2.setNumThreads(0)
        worker = get_worker_info()
        rng = np.random.default_rng((*self.seed, 0 if worker is None else worker.id))
        while True:
            source = self.sources[int(rng.choice(len(self.sources), p=self.shares))]
            example = make_example(source.draw(rng), self.size, self.focal, self.augment, rng)
            yield {
                "image": torch.from_numpy(example.image),
                "log_depth": torch.from_numpy(example.log_depth)[None],
                "metric": torch.tensor(example.metric),
            }
