# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How good the averaged network is on images that it has not learned from, seen whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from depth_ros.errors import SourceError
from depth_ros.metrics import depth_metrics
from depth_ros.training.config import Stage, TrainConfig
from depth_ros.training.data.augment import Example, make_example
from depth_ros.training.data.readers.reading import DataSet
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.methods.measures import Row, accuracy, judged
from depth_ros.training.methods.supervised.heads import resized
from depth_ros.training.methods.supervised.step import Network

BATCH = 8


class Validation:
    """Up to ``validation_items`` images of each source, evenly spread, but for broken ones."""

    def __init__(
        self,
        sources: Sequence[tuple[DataSet, SourceConfig]],
        asked: Network,
        config: TrainConfig,
    ) -> None:
        self._sources = {_name(data, i, sources): data for i, (data, _) in enumerate(sources)}
        self._asked, self._config = asked, config

    @torch.no_grad()
    def measure(self, network: nn.Module, stage: Stage, focal: float | None) -> dict[str, float]:
        """``SOURCE/abs_rel`` and ``/delta1`` median-scaled, and ``/metric_...`` in metres.

        ``score`` is the mean over the sources of abs_rel, in metres where the scale is known.
        """
        found: dict[str, float] = {}
        scores = []
        with judged(network):
            for name, data in self._sources.items():
                measured = self._of_source(network, data, stage, focal)
                found |= {f"{name}/{key}": value for key, value in measured.items()}
                if measured:
                    scores.append(measured.get("metric_abs_rel", measured["abs_rel"]))
        return {**found, "score": float(np.mean(scores))} if scores else {}

    def _of_source(
        self, network: nn.Module, data: DataSet, stage: Stage, focal: float | None
    ) -> dict[str, float]:
        scaled: list[Row] = []
        metric: list[Row] = []
        examples = self._examples(data, (stage.width, stage.height), focal)
        while batch := list(islice(examples, BATCH)):
            for depth, example in zip(self._depths(network, batch), batch, strict=True):
                truth = np.exp(example.log_depth)
                scaled.append(depth_metrics(depth, truth, scale=True))
                if example.metric:
                    metric.append(depth_metrics(depth, truth))
        return accuracy(scaled, metric)

    def _depths(self, network: nn.Module, batch: list[Example]) -> Sequence[np.ndarray]:
        """Depth (h, w) of the canonical camera at the size of the truth."""
        device = next(network.parameters()).device
        images = torch.from_numpy(np.stack([e.image for e in batch])).to(device)
        found = self._asked.log_depths(network, self._asked.meaning.normalise(images))[0]
        like: Tensor = torch.empty(batch[0].log_depth.shape)
        return list(torch.exp(resized(found, like))[:, 0].cpu().numpy())

    def _examples(
        self, data: DataSet, size: tuple[int, int], focal: float | None
    ) -> Iterator[Example]:
        count = min(self._config.validation_items, len(data))
        rng, stride = np.random.default_rng(0), self._asked.head.stride
        for index in np.linspace(0, len(data) - 1, count).round().astype(int):
            try:
                reading = data.read(int(index))
            except SourceError:
                continue
            example = make_example(reading, size, focal, None, rng, stride)
            if np.isfinite(example.log_depth).any():
                yield example


def _name(data: DataSet, index: int, sources: Sequence[tuple[DataSet, SourceConfig]]) -> str:
    """The data set's name, with its place in the recipe where two are called the same."""
    same = [other for other, _ in sources if other.name == data.name]
    return data.name if len(same) == 1 else f"{data.name}_{index}"
