# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The settings of a training run: a YAML file of what differs from the defaults below."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_type_hints

import yaml

from depth_ros.engines.networks.fastdepth import ARCHITECTURES
from depth_ros.errors import ConfigError
from depth_ros.schema import unknown
from depth_ros.training.data.augment import AugmentConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """Input size and batch from the end of the stage before to ``until`` (0 to 1) of the run.

    With ``all_scenes`` the held-out scenes are trained on as well, and no longer validated on.
    """

    until: float = 1.0
    width: int = 256
    height: int = 192
    batch: int = 8
    all_scenes: bool = False


@dataclass(frozen=True)
class Shares:
    """How often each source is drawn."""

    rendered: float = 0.45
    diverse: float = 0.35
    sevenscenes: float = 0.1
    tartanair: float = 0.1


@dataclass(frozen=True)
class LossWeights:
    """Of l1_log (scale known), si_log and gradient_log."""

    l1: float = 1.0
    si: float = 1.0
    gradient: float = 0.5


@dataclass(frozen=True)
class TrainConfig:
    """The run ends after ``steps`` or ``minutes``, whichever is used up first."""

    network: str = "fastdepth"
    data: str = "../shared/data"  # relative to the working directory
    pool: str = "build/rendered"  # rendered views to learn from
    validation_pool: str = "build/rendered_validation"
    start: str = ""  # an entry of the zoo whose weights are trained on, instead of the encoder's
    precision: str = "float32"  # or bfloat16: of the network's convolutions, by autocast
    encoder: str = "imagenet_encoders/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    seed: int = 0
    steps: int = 6000
    minutes: float = 90.0
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3  # the encoder's learning rate, as a share: it is already trained
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    ema: float = 0.998  # share of the old average that a step keeps
    freeze_norm_at: float = 0.8  # share of the run after which batch norm statistics stand still
    canonical_focal_px: float = 200.0  # at 256x192; other sizes keep the field of view
    stages: tuple[Stage, ...] = (Stage(),)
    shares: Shares = field(default_factory=Shares)
    scene_weights: dict[str, float] = field(default_factory=dict)  # of diverse_rgbd; 1 if absent
    held_out_scenes: tuple[str, ...] = ()  # of diverse_rgbd: for validation
    loss: LossWeights = field(default_factory=LossWeights)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    validate_every: int = 250
    checkpoint_every: int = 100
    threads: int = 2
    workers: int = 1

    def __post_init__(self) -> None:
        if self.network not in ARCHITECTURES:
            raise ConfigError("network", expected=" or ".join(ARCHITECTURES), got=self.network)
        if not self.stages or self.stages[-1].until != 1.0:
            raise ConfigError("stages", expected="the last with until: 1.0", got=self.stages)


def load_config(path: Path) -> TrainConfig:
    """Reads the YAML; ConfigError names an unknown key and the nearest known one."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return _build(TrainConfig, values or {}, "")


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """The whole configuration, as it is written into checkpoints."""
    return dataclasses.asdict(config)


def _build(kind: type[T], values: Any, prefix: str) -> T:
    if not isinstance(values, dict):
        raise ConfigError(prefix.rstrip(".") or "config", expected="a mapping", got=repr(values))
    hints = get_type_hints(kind)
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise unknown(f"{prefix}{name}", [prefix + known for known in hints])
        built[name] = _value(hints[name], value, prefix + name)
    return kind(**built)


def _value(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(cast(type, hint), value, f"{name}.")
    if isinstance(value, list):
        inner = get_args(hint)[0] if get_args(hint) else str
        return tuple(_value(inner, v, f"{name}[{i}]") for i, v in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is not hint:
        raise ConfigError(name, expected=f"a {hint.__name__}", got=repr(value))
    return value
