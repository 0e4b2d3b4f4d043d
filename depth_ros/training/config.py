# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The settings of a training run: the only home of their defaults, descriptions and ranges.

A recipe (training/NAME.yaml) holds what differs from these; a dotted field name
(``optimizer.learning_rate``) is its key in the recipe and a flag of depth_train.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from depth_ros.errors import ConfigError
from depth_ros.schema import Checked, setting
from depth_ros.training.data.augment import AugmentConfig
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.methods.clips.config import ClipsConfig
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig
from depth_ros.training.methods.supervised.config import SupervisedConfig


@dataclass(frozen=True, slots=True)
class Stage(Checked):
    """Image size and batch, from the end of the stage before."""

    until: float = setting(1.0, "The share of all steps at which it ends.", low=0.0, high=1.0)
    width: int = setting(256, "Width of the network's image, in pixels.", low=8, high=8192)
    height: int = setting(192, "Height of the network's image.", low=8, high=8192)
    batch: int = setting(8, "Images (pairs, clips) a micro batch and process.", low=1, high=4096)


@dataclass(frozen=True, slots=True)
class StartConfig(Checked):
    """What the weights are before the first step."""

    entry: str = setting("", "A zoo entry (name or folder) whose weights are trained on.")
    checkpoint: str = setting(
        "", "A checkpoint of depth_train whose averaged weights are trained on."
    )
    encoder: str = setting(
        "",
        "ImageNet weights of the encoder, relative to data: .tflite of MobileNet V1, or "
        ".safetensors with torchvision's names for ResNets.",
    )
    parts: tuple[str, ...] = setting(
        (), "Only tensors whose names begin with one of these are taken; none named takes all."
    )


@dataclass(frozen=True, slots=True)
class OptimizerConfig(Checked):
    """How the weights move."""

    name: Literal["adamw", "adam", "sgd"] = setting(
        "adamw", "The optimiser; sgd has momentum 0.9."
    )
    learning_rate: float = setting(1e-3, "The largest learning rate.", low=0.0, high=10.0)
    encoder_share: float = setting(
        0.3, "The encoder's learning rate, as a share: it is already trained.", low=0.0, high=10.0
    )
    weight_decay: float = setting(
        1e-2, "Of weights with more than one dimension.", low=0.0, high=10.0
    )
    eps: float = setting(1e-8, "Added to Adam's denominator.", low=0.0, high=1.0)
    warmup_steps: int = setting(
        100, "Steps in which the learning rate rises linearly.", low=0, high=10**9
    )
    schedule: Literal["cosine", "step", "constant"] = setting(
        "cosine",
        "The learning rate after that: a cosine down to final_share, a tenth from step_at on, or "
        "constant.",
    )
    final_share: float = setting(
        0.01, "The share of the learning rate at which a cosine ends.", low=0.0, high=1.0
    )
    step_at: float = setting(
        0.75, "The share of all steps from which schedule step takes a tenth.", low=0.0, high=1.0
    )
    clip_norm: float = setting(
        5.0, "Gradients are shortened to this length; 0 leaves them.", low=0.0, high=1e9
    )
    accumulate: int = setting(1, "Micro batches a step.", low=1, high=4096)
    ema: float = setting(
        0.998, "What a step keeps of the averaged weights; 0 does not average.", low=0.0, high=1.0
    )
    freeze_norm_at: float = setting(
        0.85,
        "The share of all steps from which batch norms use the averaged statistics, as the "
        "exported network will; 1 never.",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True, slots=True)
class TrainConfig(Checked):
    """A training run, from data to a zoo entry."""

    name: str = setting("", "Of the zoo entry that the run makes; the recipe's if empty.")
    description: str = setting("", "Of the entry, in a sentence.")
    licence: str = setting("", "Of the entry's weights, with regard to the data's.")
    method: Literal["supervised", "self_supervised", "clips"] = setting(
        "supervised", "What is learned from: true depth, view synthesis, or clips with true depth."
    )
    network: str = setting("fastdepth", "The architecture's name.")
    options: dict[str, object] = setting({}, "Fields of the architecture's config.")
    data: str = setting(
        "../shared/data", "The folder of all data; $DEPTH_ROS_DATA goes before it."
    )
    sources: tuple[SourceConfig, ...] = setting((), "What is learned from.")
    validation: tuple[SourceConfig, ...] = setting((), "What the best weights are chosen by.")
    steps: int = setting(6000, "Steps of the optimiser.", low=1, high=10**9)
    seed: int = setting(0, "Of all random numbers.", low=0, high=2**31 - 1)
    stages: tuple[Stage, ...] = setting((Stage(),), "Image sizes and batches, in order.")
    start: StartConfig = field(default_factory=StartConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    self_supervised: SelfSupervisedConfig = field(default_factory=SelfSupervisedConfig)
    clips: ClipsConfig = field(default_factory=ClipsConfig)
    precision: Literal["float32", "bfloat16", "float16"] = setting(
        "float32", "Of the network's arithmetic; weights and losses are float32 always."
    )
    device: str = setting("auto", "cpu, cuda or cuda:1; auto takes a GPU if there is one.")
    deterministic: bool = setting(
        False, "Only algorithms that give the same bits again, which a GPU pays for."
    )
    threads: int = setting(0, "CPU threads of a process; 0 takes torch's choice.", low=0, high=256)
    workers: int = setting(
        1, "Processes that read data; 0 reads between the steps.", low=0, high=256
    )
    validate_every: int = setting(250, "Steps between validations.", low=1, high=10**9)
    validation_items: int = setting(
        96, "Most items of each validation source, evenly spread.", low=1, high=10**9
    )
    patience: int = setting(
        0, "Validations without a better one after which the run ends; 0 never.", low=0, high=10**6
    )
    checkpoint_every: int = setting(100, "Steps between checkpoints.", low=1, high=10**9)
    board_every: int = setting(
        50, "Steps between points of the curves (TensorBoard, log.jsonl).", low=1, high=10**9
    )
    pictures_every: int = setting(
        500, "Steps between pictures on the board; 0 makes none.", low=0, high=10**9
    )

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        ends = [stage.until for stage in self.stages]
        if not ends or ends[-1] != 1.0 or ends != sorted(ends):
            raise ConfigError("stages", expected="rising until, the last with until 1", got=ends)
        if not self.sources:
            raise ConfigError(
                "sources",
                expected="at least one",
                got="none",
                fix="Name what to learn from: sources: [{kind: rendered}], for example.",
            )
