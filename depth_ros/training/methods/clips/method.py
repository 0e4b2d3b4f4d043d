# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Supervised training of recurrent networks on clips with true depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from depth_ros.engines.networks.stclstm import StClstm
from depth_ros.errors import ConfigError
from depth_ros.training.data.draw import Source
from depth_ros.training.data.open import open_data
from depth_ros.training.methods.clips.examples import ClipExamples
from depth_ros.training.methods.clips.show import pictures
from depth_ros.training.methods.clips.step import ClipsStep
from depth_ros.training.methods.clips.validation import validate
from depth_ros.training.methods.common import (
    build_network,
    canonical_focal,
    data_folder,
    is_encoder,
    meaning_of,
)
from depth_ros.training.start import load_start

if TYPE_CHECKING:
    from depth_ros.training.config import Stage, TrainConfig

FINAL = 0.1  # share that is left of the random weights before depth: it begins nearly constant

CLIPS_TO_MEASURE = 48  # for the statistics of folded batch norms


class Clips:
    """See depth_ros.training.methods.Method."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._trained = bool(config.start.entry or config.start.checkpoint or config.start.encoder)

    def build(self) -> nn.Module:
        """The network with the weights that ``start`` names, or one depth everywhere."""
        network = build_network(self._config.network, self._config.options)
        if not isinstance(network, StClstm):
            raise ConfigError(
                "network", expected="a recurrent one, such as stclstm", got=self._config.network
            )
        final = network.R.Refine.conv2
        with torch.no_grad():
            final.weight.mul_(FINAL)
            cast(Tensor, final.bias).fill_(self._config.clips.start_depth_m)
        folder = data_folder(self._config.data)
        load_start(network, self._config.start, folder, self._first_clips)
        return network

    def step(self, network: nn.Module) -> nn.Module:
        """See Method.step."""
        return ClipsStep(self._config, network)

    def examples(self, stage: Stage) -> ClipExamples:
        """Clips of all sources, at the stage's size and length."""
        config, root = self._config, data_folder(self._config.data)
        last = stage == config.stages[-1]
        clips = config.clips
        frames = clips.frames if last else clips.frames_at_start or clips.frames
        sources = [
            Source(open_data(source, root), source.share, source.scene_weights)
            for source in config.sources
            if source.share > 0
        ]
        size = (stage.width, stage.height)
        return ClipExamples(
            sources, size, frames, self._focal(stage), clips, config.augment, config.seed
        )

    def share(self, name: str) -> float:
        """The encoder's own rate only where it has been trained before."""
        if name.startswith("discriminator."):
            return self._config.clips.adversary_share
        trained = self._trained and is_encoder(name)
        return self._config.optimizer.encoder_share if trained else 1.0

    def validate(self, network: nn.Module, stage: Stage) -> dict[str, float]:
        """See validation.validate()."""
        return validate(self._config, network, (stage.width, stage.height), self._focal(stage))

    def pictures(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See show.pictures()."""
        return pictures(self._config, network, batch)

    def options(self) -> dict[str, Any]:
        """As they are in the settings."""
        return dict(self._config.options)

    def facts(self, stage: Stage) -> dict[str, Any]:
        """The canonical camera, where there is one."""
        focal = self._focal(stage)
        return {} if focal is None else {"canonical_focal_px": focal}

    def _first_clips(self) -> Iterator[Tensor]:
        """Batches of normalised clips, (N, 3, T, H, W)."""
        stage = self._config.stages[0]
        examples, network = self.examples(stage), self._config.network
        meaning = meaning_of(network, build_network(network, self._config.options))
        for first in range(0, CLIPS_TO_MEASURE, stage.batch):
            images = [examples[first + i]["image"] for i in range(stage.batch)]
            yield meaning.normalise(torch.stack(images))

    def _focal(self, stage: Stage) -> float | None:
        focal = self._config.clips.canonical_focal_px
        return canonical_focal(focal, stage.width, stage.height) if focal else None


def make(config: TrainConfig) -> Clips:
    """The method for these settings."""
    return Clips(config)
