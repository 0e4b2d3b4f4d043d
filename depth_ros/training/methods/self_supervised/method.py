# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The method "self_supervised": what the trainer asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from depth_ros.errors import ConfigError
from depth_ros.training.data.open import open_data
from depth_ros.training.methods.common import (
    architecture_of,
    build_network,
    data_folder,
    has_option,
    is_encoder,
)
from depth_ros.training.methods.self_supervised.examples import (
    Recording,
    ViewExamples,
    has_pairs,
    targets_of,
)
from depth_ros.training.methods.self_supervised.networks import (
    Reading,
    ask,
    copy_encoder,
    start_at,
)
from depth_ros.training.methods.self_supervised.pictures import pictures
from depth_ros.training.methods.self_supervised.step import SelfSupervisedStep
from depth_ros.training.methods.self_supervised.tracks import Tracks
from depth_ros.training.methods.self_supervised.validation import validate
from depth_ros.training.methods.self_supervised.views import Shots
from depth_ros.training.start import load_start

if TYPE_CHECKING:
    from depth_ros.training.config import Stage, TrainConfig
    from depth_ros.training.data.source_config import SourceConfig

_FIRST_BATCHES = 8
_FIRST_PAIRS = (16, 16)  # the size at which a frame is read only to see whether it is a pair


class SelfSupervised:
    """View synthesis on video, stereo pairs and stereo video."""

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.own = config, config.self_supervised
        self._metric: bool | None = None
        self._judged: dict[str, Shots] = {}
        self._judged_at: tuple[int, int] | None = None
        if 0 in self.own.neighbours or len(set(self.own.neighbours)) < len(self.own.neighbours):
            raise ConfigError(
                "self_supervised.neighbours",
                expected="different numbers of frames, none of them 0",
                got=self.own.neighbours,
            )
        if not self.own.neighbours and not self.own.stereo:
            raise ConfigError("self_supervised", expected="neighbours or stereo", got="neither")
        if self.own.explainability > 0 and self.own.combine == "minimum":
            raise ConfigError(
                "self_supervised.combine",
                expected="mean, as SfMLearner's masks weigh every source",
                got="minimum",
            )
        self._check_pose_network()

    def build(self) -> nn.Module:
        """The architecture with the method's options, and the weights that ``start`` names.

        Without those its depth is near start_depth_m. Where ``start.parts`` has the encoder of
        depth and not that of poses, the latter begins as a copy of the former.
        """
        start, network = self.config.start, build_network(self.config.network, self.options())
        if self.own.start_depth_m > 0 and self._is_metric():
            start_at(network, self.own.start_depth_m)
        folder = data_folder(self.config.data)
        load_start(network, start, folder, self._first_images, ask)
        if _only_depth(start.parts):
            copy_encoder(network)
        return network

    def step(self, network: nn.Module) -> nn.Module:
        """The network, its companions, and the losses."""
        return SelfSupervisedStep(network, self.config)

    def examples(self, stage: Stage) -> ViewExamples:
        """Targets from all sources, resized to the stage's size."""
        size = stage.width, stage.height
        multiple = architecture_of(self.config.network).size_multiple
        if size[0] % multiple or size[1] % multiple:
            expected, got = f"multiples of {multiple}", f"{size[0]}x{size[1]}"
            raise ConfigError("stages: width and height", expected=expected, got=got)
        stored = tuple(round(side / self.own.zoom) for side in size)
        recordings = []
        for source in self.config.sources:
            shots = self._shots(source, (stored[0], stored[1]), hints=self.own.proxy > 0)
            tracks = Tracks() if self.own.sparse_points > 0 else None
            targets = targets_of(shots, self.own)
            recordings.append(Recording(shots, targets, source.share, tracks))
        return ViewExamples(recordings, size, self.own, self.config.seed)

    def share(self, name: str) -> float:
        """Encoders learn at the optimiser's encoder_share, all else fully."""
        return self.config.optimizer.encoder_share if is_encoder(name) else 1.0

    def validate(self, network: nn.Module, stage: Stage) -> dict[str, float]:
        """See ``validation.validate``."""
        size = stage.width, stage.height
        if self._judged_at != size:  # images of validation are read once a stage
            self._judged_at = size
            self._judged = {
                f"{i}": self._shots(source, size, hints=self._is_metric(), truth=True)
                for i, source in enumerate(self.config.validation)
            }
        return validate(network, self.config, self._judged)

    def pictures(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``pictures.pictures``."""
        return pictures(network, self.config, batch)

    def options(self) -> dict[str, Any]:
        """The recipe's, and metres where they are known and it does not say its own unit."""
        options = dict(self.config.options)
        if has_option(self.config.network, "unit_m") and self._is_metric():
            options.setdefault("unit_m", 1.0)
        return options

    def facts(self, stage: Stage) -> dict[str, Any]:
        """Nothing that the network's options do not say."""
        return {}

    def _first_images(self) -> Iterator[Tensor]:
        """Targets of the first examples, normalised, a few batches."""
        stage, made = self.config.stages[0], self.examples(self.config.stages[0])
        reading = Reading(self.config.network, build_network(self.config.network, self.options()))
        for first in range(0, _FIRST_BATCHES * stage.batch, stage.batch):
            images = [made[first + i]["images"][0] for i in range(stage.batch)]
            yield reading.normalised(torch.stack(images).float() / 255)

    def _is_metric(self) -> bool:
        """Whether lengths are known: by poses that are used, by speed, or by a baseline."""
        own = self.own
        if own.poses != "network" or max(own.pose, own.velocity) > 0:
            return True
        if self.config.options.get("unit_m") is not None:
            return True
        if self._metric is None:
            sources = self.config.sources if own.stereo else ()
            self._metric = any(has_pairs(self._shots(s, _FIRST_PAIRS)) for s in sources)
        return self._metric

    def _check_pose_network(self) -> None:
        own = self.own
        has_pose = has_option(self.config.network, "pose") and self.config.options.get(
            "pose", True
        )
        if has_pose and own.poses == "given" and max(own.pose, own.pose_photometric) == 0:
            raise ConfigError(
                "self_supervised.pose",
                expected="more than 0, or the pose network would learn nothing from given poses",
                got=own.pose,
                fix="Set self_supervised.pose to 1, or the network's option pose to false.",
            )

    def _shots(
        self,
        source: SourceConfig,
        size: tuple[int, int],
        *,
        hints: bool = False,
        truth: bool = False,
    ) -> Shots:
        data = open_data(source, data_folder(self.config.data))
        return Shots(data, size, self.own.fov_deg, self.own.cache_mb, hints=hints, truth=truth)


def _only_depth(parts: tuple[str, ...]) -> bool:
    """Whether a start names the encoder of depth and nothing of the pose network."""
    return any(p.startswith("encoder") for p in parts) and not any(
        p.startswith("pose") for p in parts
    )


def make(config: TrainConfig) -> SelfSupervised:
    """The method for these settings."""
    return SelfSupervised(config)
