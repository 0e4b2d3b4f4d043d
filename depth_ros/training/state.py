# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The state of a training run: all that a checkpoint holds, and how its average follows."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from depth_ros.errors import EngineError
from depth_ros.training.config import TrainConfig
from depth_ros.training.methods import Method
from depth_ros.training.parallel import Team
from depth_ros.training.schedule import kept_average, learning_rate

COUNTED = ("step", "frozen", "skipped_frames", "skipped_steps", "seconds")


@dataclass
class Best:
    """The best validation of the present stage."""

    score: float = math.inf
    step: int = -1
    since: int = 0  # validations after it
    stage: int = 0


@dataclass
class Run:
    """Everything that changes while training. ``network`` is part of ``module``."""

    network: nn.Module
    module: nn.Module  # the step module, without DistributedDataParallel
    average: nn.Module  # of the network's weights and statistics: this is what is exported
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int = 0
    best: Best = field(default_factory=Best)
    frozen: bool = False  # batch norms use the averaged statistics
    skipped_frames: int = 0
    skipped_steps: int = 0
    seconds: float = 0.0
    _pairs: tuple[list[Tensor], list[Tensor]] = field(default_factory=lambda: ([], []))
    _counts: tuple[list[Tensor], list[Tensor]] = field(default_factory=lambda: ([], []))

    def __post_init__(self) -> None:
        live = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            pairs = self._pairs if value.dtype.is_floating_point else self._counts
            pairs[0].append(value)
            pairs[1].append(live[name])

    @torch.no_grad()
    def follow(self, keep: float) -> None:
        """Moves the average towards the weights; 0 copies them. All tensors at once: cheap."""
        torch._foreach_lerp_(*self._pairs, 1 - keep)
        copy_all(*self._counts)


@torch.no_grad()
def copy_all(into: list[Tensor], values: list[Tensor]) -> None:
    """All tensors at once, which costs little; none is fine."""
    if into:
        torch._foreach_copy_(into, values)


def assemble(config: TrainConfig, method: Method, team: Team) -> Run:
    """A run at step 0."""
    torch.manual_seed(config.seed)
    network = cast(Any, method.build()).to(team.device, memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    network = team.synchronised(network)
    module = method.step(network).to(team.device)
    optimizer = make_optimizer(config, method, module)
    scaled = config.precision == "float16" and team.device.type == "cuda"
    scaler = torch.amp.GradScaler(team.device.type, enabled=scaled)
    return Run(network, module, average, optimizer, scaler)


def make_optimizer(
    config: TrainConfig, method: Method, module: nn.Module
) -> torch.optim.Optimizer:
    """Parameters in groups of equal learning rate and weight decay, in the module's order."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            key = (method.share(name), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    o = config.optimizer
    listed = [
        {"params": ps, "weight_decay": o.weight_decay if decays else 0.0, "share": share}
        for (share, decays), ps in groups.items()
    ]
    if o.name == "sgd":
        return torch.optim.SGD(listed, lr=o.learning_rate, momentum=0.9)
    kind = torch.optim.AdamW if o.name == "adamw" else torch.optim.Adam
    return kind(listed, lr=o.learning_rate, eps=o.eps, fused=True)


def set_learning_rate(config: TrainConfig, run: Run) -> float:
    """Gives every group its share of the step's learning rate, and returns that."""
    rate = learning_rate(config, run.step)
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["share"]
    return rate


def update_average(config: TrainConfig, run: Run) -> None:
    """After a step: the average follows the weights."""
    run.follow(kept_average(config, run.step) if config.optimizer.ema else 0.0)


@torch.no_grad()
def set_modes(run: Run, freeze: bool) -> None:
    """Everything trains, but batch norms stand still, with averaged statistics, if frozen."""
    run.module.train()
    if not freeze:
        return
    if not run.frozen:
        buffers = dict(run.average.named_buffers())
        for name, buffer in run.network.named_buffers():
            buffer.copy_(buffers[name])
        run.frozen = True
    for module in run.network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def save(path: Path, config: Mapping[str, Any], run: Run, facts: Mapping[str, Any]) -> None:
    """Writes the checkpoint atomically: a reader or a restart never sees half of one."""
    values = {
        **facts,
        "config": dict(config),
        "state": run.average.state_dict(),
        "live": run.network.state_dict(),
        "step_module": run.module.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scaler": run.scaler.state_dict(),
        "best": vars(run.best).copy(),
        **{name: getattr(run, name) for name in COUNTED},
    }
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(values, file)
            file.flush()
            os.fsync(file.fileno())  # else the new name may reach the disk before the numbers
        os.replace(partial, path)
    except OSError as error:
        raise EngineError(
            f"cannot write {path}: {error}", fix="Make room; the same command goes on from before."
        ) from error


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """A checkpoint of ours; EngineError if it is none."""
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a damaged file raises anything
        raise EngineError(
            f"cannot read {path}: {error}", fix="Name another checkpoint."
        ) from error
    if not isinstance(saved, dict) or not {"network", "config", "state", "step"} <= saved.keys():
        raise EngineError(f"{path} is no checkpoint of depth_train")
    return saved


def restore(run: Run, saved: Mapping[str, Any]) -> None:
    """Puts a checkpoint's state into a run of the same settings."""
    run.module.load_state_dict(saved["step_module"])
    run.average.load_state_dict(saved["state"])
    run.optimizer.load_state_dict(saved["optimizer"])
    run.scaler.load_state_dict(saved["scaler"])
    run.best = Best(**saved["best"])
    for name in COUNTED:
        setattr(run, name, saved[name])
