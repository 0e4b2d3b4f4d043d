# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The state of a training run: what a checkpoint holds, and how its schedule moves it."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from depth_ros.engines.networks.fastdepth import ARCHITECTURES, FastDepth
from depth_ros.training.config import TrainConfig, to_dict


@dataclass
class Run:
    """All that a checkpoint holds."""

    network: FastDepth
    average: FastDepth  # exponential moving average of the weights: this is what is exported
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0


def build_network(name: str) -> FastDepth:
    """A network of the registry with the log-depth head."""
    architecture = ARCHITECTURES[name]
    return FastDepth(dataclasses.replace(architecture.config, output="log_depth"))


def assemble(config: TrainConfig, network: FastDepth) -> Run:
    """A run at step 0 of a network, its average and its optimiser."""
    network = cast(Any, network).to(memory_format=torch.channels_last)  # twice as fast on a CPU
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = (name.startswith("decode"), parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": config.weight_decay if is_weight else 0.0,
                "share": 1.0 if is_decoder else config.encoder_rate,
            }
            for (is_decoder, is_weight), parameters in groups.items()
        ],
        lr=config.learning_rate,
    )
    average = copy.deepcopy(network).eval()
    return Run(network, average, optimizer)


def save(path: Path, config: TrainConfig, run: Run) -> None:
    """Atomically: a reader or a restart never sees half a checkpoint."""
    partial = path.with_suffix(".partial")
    torch.save(
        {
            "network": config.network,
            "config": to_dict(config),
            "state": run.average.state_dict(),
            "live": run.network.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "step": run.step,
            "seconds": run.seconds,
        },
        partial,
    )
    os.replace(partial, path)


def resume(path: Path, config: TrainConfig) -> Run:
    """The run as it was when ``path`` was saved."""
    saved = torch.load(path, weights_only=True)
    run = assemble(config, build_network(config.network))
    run.network.load_state_dict(saved["live"])
    run.average.load_state_dict(saved["state"])
    run.optimizer.load_state_dict(saved["optimizer"])
    run.step, run.seconds = saved["step"], saved["seconds"]
    return run


def progress(config: TrainConfig, run: Run) -> float:
    """0 to 1: how much of the budget of steps or minutes is used."""
    return min(1.0, max(run.step / config.steps, run.seconds / (60 * config.minutes)))


def set_learning_rate(config: TrainConfig, run: Run) -> None:
    """Linear warm-up, then a cosine to 1 %."""
    warm = min(1.0, (run.step + 1) / config.warmup_steps)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress(config, run)))
    for group in run.optimizer.param_groups:
        group["lr"] = config.learning_rate * group["share"] * warm * cosine


def freeze_norm(config: TrainConfig, run: Run) -> None:
    """In the last part, train with the averaged statistics that the exported network will use."""
    if progress(config, run) >= config.freeze_norm_at:
        if run.network.conv0[1].training:
            buffers = dict(run.average.named_buffers())
            for name, buffer in run.network.named_buffers():
                buffer.copy_(buffers[name])
        for module in run.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


@torch.no_grad()
def update_average(config: TrainConfig, run: Run) -> None:
    """Move the average towards the weights; faster at the start, when they are still poor."""
    keep = min(config.ema, (1 + run.step) / (10 + run.step))
    live = run.network.state_dict()
    for name, value in run.average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(live[name], 1 - keep)
        else:
            value.copy_(live[name])
