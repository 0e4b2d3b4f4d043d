# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the methods share: mixed precision, normalised images, what a network's output means."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from depth_ros.color import colorize
from depth_ros.engines.networks import NETWORKS, Architecture, read_options
from depth_ros.errors import ConfigError

REFERENCE = (256, 192)  # the image for which canonical focal lengths are said in recipes
LEAST_M = 0.1  # below it, the logarithm of depth goes on along its tangent: depth may be negative

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_ENCODERS = re.compile(r"(?:network\.)?(?:conv\d+|E|encoder|pose_encoder|backbone)\.")


class Computing(Protocol):
    """The part of the settings that says how a network computes."""

    @property
    def precision(self) -> str: ...


def autocast(config: Computing, device: torch.device) -> AbstractContextManager[Any]:
    """In it, convolutions compute in the run's precision. Losses belong outside of it."""
    dtype = _DTYPES.get(config.precision)
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def data_folder(data: str) -> Path:
    """The folder of the data sets: $DEPTH_ROS_DATA, else ``data`` of the settings."""
    return Path(os.environ.get("DEPTH_ROS_DATA") or data).expanduser()


def canonical_focal(focal_px: float, width: int, height: int) -> float:
    """A canonical focal length for 256x192 at another size with the same field of view."""
    return focal_px * math.sqrt(width * height / (REFERENCE[0] * REFERENCE[1]))


def architecture_of(name: str) -> Architecture:
    """The architecture of the registry; ConfigError if there is none."""
    if name not in NETWORKS:
        raise ConfigError("network", expected="one of " + ", ".join(NETWORKS), got=name)
    return NETWORKS[name]


def has_option(name: str, option: str) -> bool:
    """Whether the architecture's config has this field."""
    return option in {f.name for f in fields(architecture_of(name).config)}


def build_network(name: str, options: Mapping[str, Any]) -> nn.Module:
    """The network with random weights, channels last in memory: twice as fast on a CPU."""
    architecture = architecture_of(name)
    network = architecture.build(read_options(architecture.config, options))
    return cast(nn.Module, cast(Any, network).to(memory_format=torch.channels_last))


def is_encoder(parameter: str) -> bool:
    """Whether a parameter of this name, of a network or of ``network.``, is an encoder's."""
    return _ENCODERS.match(parameter) is not None


@dataclass(frozen=True)
class Meaning:
    """What a network's image and its raw output are, as in EngineSpec."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind: str
    gain: float
    offset: float

    def normalise(self, images: Tensor) -> Tensor:
        """(N, H, W, 3) uint8, or (N, T, H, W, 3), to the network's float32 on the same device.

        (N, 3, H, W) is channels last in memory; clips become (N, 3, T, H, W).
        """
        moved = images.movedim(-1, 1).float()
        shape = (1, 3, *[1] * (images.dim() - 2))
        mean, std = (
            torch.tensor(v, device=images.device).mul_(255).view(shape)
            for v in (self.mean, self.std)
        )
        return moved.sub_(mean).div_(std)

    def picture(self, images: Tensor) -> Tensor:
        """Normalised (..., 3, H, W) back to colours in [0, 1]."""
        mean, std = (
            torch.tensor(v, device=images.device).view(3, 1, 1) for v in (self.mean, self.std)
        )
        return (images * std + mean).clamp(0, 1)

    def log_depth(self, raw: Tensor) -> Tensor:
        """The logarithm of depth (float32) that a raw output of any kind stands for."""
        value = raw.float() * self.gain + self.offset
        if self.kind == "log_depth":
            return value
        if self.kind == "metres":
            below = math.log(LEAST_M) + (value - LEAST_M) / LEAST_M
            return torch.where(value < LEAST_M, below, torch.log(value.clamp_min(LEAST_M)))
        return -torch.log(value.clamp_min(1e-6))

    def raw(self, depth_m: float) -> float:
        """The output that stands for this depth."""
        values = {"log_depth": math.log(depth_m), "metres": depth_m}
        return (values.get(self.kind, 1 / depth_m) - self.offset) / self.gain


def meaning_of(name: str, network: nn.Module, width: int = 256, height: int = 192) -> Meaning:
    """What the depth network eats and returns; ConfigError for disparity, which is no depth."""
    facts = architecture_of(name).parts(network, width, height)["depth"].facts
    if facts["kind"] not in ("metres", "log_depth", "inverse_depth"):
        raise ConfigError(f"network {name}", expected="a network of depth", got=facts["kind"])
    mean = tuple(facts.get("mean", (0.0,) * 3))
    std = tuple(facts.get("std", (1.0,) * 3))
    scale = (float(facts.get("gain", 1.0)), float(facts.get("offset", 0.0)))
    return Meaning(mean, std, facts["kind"], *scale)


def coloured(depth: Tensor, near_m: float, far_m: float) -> Tensor:
    """Depth (H, W) in metres as a picture (3, H, W) in [0, 1]; black where unknown."""
    metres = depth.detach().float().cpu().numpy().astype(np.float32)
    return torch.from_numpy(colorize(metres, near_m, far_m)).movedim(-1, 0).float() / 255


def color_range(depth: Tensor) -> tuple[float, float]:
    """Near and far ends of a colour map that suit this depth: its 2nd and 98th percentile."""
    known = depth.detach()[torch.isfinite(depth) & (depth > 0)].float().cpu().numpy()
    if known.size == 0:
        return 0.3, 8.0
    near, far = (float(v) for v in np.percentile(known, (2, 98)))
    return near, max(far, 1.1 * near)
