# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The supervised method: what is built, learned from, validated on and exported."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.errors import ConfigError
from depth_ros.training.config import Stage, TrainConfig
from depth_ros.training.data.chosen import Cached
from depth_ros.training.data.draw import Mixture, Source
from depth_ros.training.data.open import open_data
from depth_ros.training.data.readers.reading import DataSet
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.methods.common import (
    build_network,
    canonical_focal,
    color_range,
    coloured,
    data_folder,
    has_option,
    is_encoder,
    meaning_of,
)
from depth_ros.training.methods.supervised.examples import SupervisedExamples
from depth_ros.training.methods.supervised.heads import head_of
from depth_ros.training.methods.supervised.step import Network, SupervisedStep
from depth_ros.training.methods.supervised.terms import METRIC, weights_of
from depth_ros.training.methods.supervised.validation import Validation
from depth_ros.training.start import load_start

UNCACHED = ("pool", "rendered")  # reading them is copying, or they are never seen again
BATCHES_TO_MEASURE = 12  # of the first stage, for the statistics of folded batch norms


def make(config: TrainConfig) -> Supervised:
    """The method of these settings. Raises ConfigError where no loss is on."""
    if not weights_of(config.supervised):
        raise ConfigError("supervised", expected="a loss with a weight above 0", got="none")
    return Supervised(config)


class Supervised:
    """Depth from one image, for any network of the registry that gives it. See Method."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    @cached_property
    def _asked(self) -> Network:
        with torch.device("meta"):  # without numbers: the network itself is made by build()
            network = build_network(self._config.network, self.options())
        return Network(head_of(network), meaning_of(self._config.network, network))

    @cached_property
    def _mixture(self) -> Mixture:
        opened = _opened(self._config, self._config.sources)
        decoded = [source for _, source in opened if source.kind not in UNCACHED]
        room = self._config.supervised.cache_mb / max(1, len(decoded))
        kept = [(Cached(d, room) if s in decoded else d, s) for d, s in opened]
        return Mixture([Source(data, s.share, s.scene_weights) for data, s in kept])

    @cached_property
    def _validation(self) -> Validation:
        opened = _opened(self._config, self._config.validation)
        return Validation(opened, self._asked, self._config)

    def build(self) -> nn.Module:
        """The network with the weights that ``start`` names, and the same depth everywhere."""
        config = self._config
        network = build_network(config.network, self.options())
        head, meaning = self._asked.head, self._asked.meaning
        head.start(network, meaning.raw(config.supervised.start_depth_m))
        folder = data_folder(config.data)
        load_start(network, config.start, folder, self._first_images, head.ask)
        return network

    def step(self, network: nn.Module) -> nn.Module:
        """The losses around the network."""
        return SupervisedStep(network, self._asked, self._config)

    def examples(self, stage: Stage) -> SupervisedExamples:
        """Augmented images with their truth at the size of the network's output."""
        config, size = self._config, (stage.width, stage.height)
        focal, stride = focal_of(config, stage), self._asked.head.stride
        return SupervisedExamples(self._mixture, size, focal, config.augment, config.seed, stride)

    def share(self, name: str) -> float:
        """The encoder learns at its own share."""
        return self._config.optimizer.encoder_share if is_encoder(name) else 1.0

    def validate(self, network: nn.Module, stage: Stage) -> dict[str, float]:
        """abs_rel and delta1, median-scaled and in metres, of each source; see Validation."""
        return self._validation.measure(network, stage, focal_of(self._config, stage))

    @torch.no_grad()
    def pictures(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The first image, its depth and its truth in the colours of the same range."""
        image = self._asked.meaning.normalise(batch["image"][:1])
        log_depth = self._asked.log_depths(network, image)[0][0, 0]
        truth = torch.exp(batch["log_depth"][0, 0])
        depth = torch.exp(log_depth)
        near, far = color_range(truth if torch.isfinite(truth).any() else depth)
        return {
            "image": self._asked.meaning.picture(image[0]).cpu(),
            "depth": coloured(depth, near, far),
            "truth": coloured(truth, near, far),
        }

    def options(self) -> dict[str, Any]:
        """The recipe's, without a pose network unless it asks for one."""
        name = self._config.network
        implied = {"pose": False} if has_option(name, "pose") else {}
        return {**implied, **self._config.options}

    def facts(self, stage: Stage) -> dict[str, Any]:
        """Metres, if a loss has taught them, of the canonical camera."""
        focal = focal_of(self._config, stage)
        metric = bool(METRIC & weights_of(self._config.supervised).keys())
        known: dict[str, Any] = {"metric": metric}
        return known if focal is None else {**known, "canonical_focal_px": focal}

    def _first_images(self) -> Iterator[Tensor]:
        stage = self._config.stages[0]
        examples = self.examples(stage)
        images = (examples[i]["image"] for i in range(BATCHES_TO_MEASURE * stage.batch))
        while batch := list(islice(images, stage.batch)):
            yield self._asked.meaning.normalise(torch.stack(batch))


def focal_of(config: TrainConfig, stage: Stage) -> float | None:
    """The canonical focal length in pixels of the stage's images; None learns metres."""
    focal = config.supervised.canonical_focal_px
    return canonical_focal(focal, stage.width, stage.height) if focal > 0 else None


def _opened(
    config: TrainConfig, sources: tuple[SourceConfig, ...]
) -> list[tuple[DataSet, SourceConfig]]:
    folder = data_folder(config.data)
    return [(open_data(source, folder), source) for source in sources]
