# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the method asks of any network: inverse depth in 1/m, and motion in metres."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from depth_ros.engines.networks import NETWORKS
from depth_ros.engines.networks.fastdepth import FastDepth, set_constant_output
from depth_ros.engines.networks.monodepth2 import Monodepth2
from depth_ros.errors import ConfigError
from depth_ros.training import encoder
from depth_ros.training.warp import rigid

_LEAST_M = 0.01  # networks that say metres may say 0


class Reading(nn.Module):
    """How the images go into a network, and what comes out of it.

    Lengths are metres, or the network's own unit where nobody knows what it is.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, network: nn.Module) -> None:
        super().__init__()
        parts = NETWORKS[name].parts(network, 64, 64)
        facts = parts["depth"].facts
        self.kind, self.gain = str(facts["kind"]), float(facts.get("gain", 1.0))
        if self.kind not in ("inverse_depth", "log_depth", "metres"):
            raise ConfigError(
                "network", expected="one of depth or inverse depth", got=f"{name}: {self.kind}"
            )
        self.unit_m = float(parts["pose"].facts["gain"]) if "pose" in parts else 1.0
        self.has_pose = "pose" in parts
        self.register_buffer("mean", torch.tensor(facts["mean"])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(facts["std"])[:, None, None], persistent=False)

    def normalised(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] as the network wants them, channels last in memory."""
        return ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def inverse_depths(self, network: nn.Module, images: Tensor, scales: int) -> list[Tensor]:
        """(N, 1, h, w) float32 in 1/m at each of the finest ``scales``, of normalised images."""
        found = network(images)
        outputs = list(found[:scales]) if isinstance(found, tuple) else [found]
        return [self._inverse(y.float()) for y in outputs]

    def motion(self, network: Any, first: Tensor, second: Tensor) -> Tensor:
        """second_from_first (N, 4, 4) in metres of normalised images, the earlier one first."""
        twist = network.motion(torch.cat([first, second], 1)).float()
        return rigid(torch.cat([twist[:, :3], self.unit_m * twist[:, 3:]], 1))

    def _inverse(self, y: Tensor) -> Tensor:
        if self.kind == "inverse_depth":
            return self.gain * y
        if self.kind == "log_depth":
            return torch.exp(-y)
        return 1 / (self.gain * y).clamp_min(_LEAST_M)


def ask(network: nn.Module, images: Tensor) -> None:
    """Runs all of the network on normalised images: the pose network on successive ones."""
    network(images)
    if isinstance(network, Monodepth2) and network.config.pose:
        network.motion(torch.cat([images, images.roll(1, 0)], 1))


def copy_encoder(network: nn.Module) -> None:
    """The pose network's encoder becomes the depth network's, which it has the shape of.

    Its first layer sees two images, with half the weights each: equal ones give one's features.
    """
    if isinstance(network, Monodepth2) and network.config.pose:
        encoder.copy_encoder(network, network.encoder.encoder, ("pose_encoder.",))


def start_at(network: nn.Module, depth_m: float) -> None:
    """Sets the last biases so that the network begins near that depth everywhere.

    Monodepth2's sigmoid begins at a half, 0.2 of its units, from where metres are far away.
    """
    if isinstance(network, Monodepth2):
        config = network.config
        low, high = 1 / config.max_depth, 1 / config.min_depth
        wanted = (config.unit_m or 1.0) / depth_m
        if not low < wanted < high:
            limits = [(config.unit_m or 1.0) * d for d in (config.min_depth, config.max_depth)]
            raise ConfigError(
                "self_supervised.start_depth_m",
                expected=f"between the network's {limits[0]:g} and {limits[1]:g}",
                got=depth_m,
                fix="Set the network's options min_depth, max_depth and unit_m.",
            )
        share = (wanted - low) / (high - low)
        with torch.no_grad():
            for head in network.depth.decoder[-len(config.scales) :]:
                bias = head.get_parameter("conv.bias")
                bias.fill_(math.log(share / (1 - share)))
    elif isinstance(network, FastDepth) and network.config.output == "log_depth":
        set_constant_output(network, math.log(depth_m))
