# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a training step's time goes: each part alone, for training_step.py."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from plain_monodepth2 import SCALES, PlainExamples, PlainStep
from torch import Tensor
from torch.utils.data import DataLoader

from depth_ros.engines.networks.monodepth2 import Monodepth2
from depth_ros.training.config import TrainConfig
from depth_ros.training.loading import load
from depth_ros.training.methods import Method, make_method
from depth_ros.training.methods.common import autocast
from depth_ros.training.parallel import Team
from depth_ros.training.state import Run, assemble, set_modes


def started(config: TrainConfig, method: Method, team: Team, state: dict[str, Tensor]) -> Run:
    """A run at step 0 with these weights."""
    run = assemble(config, method, team)
    for network in (run.network, run.average):
        network.load_state_dict(state)
    set_modes(run, False)
    return run


def fresh(state: dict[str, Tensor]) -> Monodepth2:
    """The network with these weights."""
    network = Monodepth2()
    network.load_state_dict(state)
    return network.train()


def parts(
    args: argparse.Namespace,
    examples: PlainExamples,
    config: TrainConfig,
    state: dict[str, Tensor],
) -> dict[str, dict[str, float]]:
    """Milliseconds an image of reading, networks, losses and the optimiser, least of several."""
    device = torch.device(args.device)
    module = PlainStep(fresh(state)).to(device)
    indices = iter(range(10**6))
    raw = next(iter(DataLoader(examples, batch_size=args.batch)))
    batch = {name: value.to(device) for name, value in raw.items()}
    found = module.predicted(batch)

    def published_networks() -> None:
        disparities, motions = module.predicted(batch)
        backward([*disparities, *motions.values()])

    def published_losses() -> None:
        disparities = [d.detach().requires_grad_() for d in found[0]]
        motions = {k: v.detach().requires_grad_() for k, v in found[1].items()}
        module.losses(batch, disparities, motions).backward()

    adam = torch.optim.Adam(module.parameters(), lr=1e-4)
    told = {
        "as published": {
            "data": least(lambda: examples[next(indices)], args) * args.batch,
            "networks": least(published_networks, args),
            "losses": least(published_losses, args),
            "optimiser": least(adam.step, args),
        }
    }
    for precision in ("float32", "bfloat16"):
        told[f"depth_train {precision}"] = our_parts(
            args, replace(config, precision=precision), state, device
        )
    return {
        name: {part: ms / args.batch for part, ms in row.items()} for name, row in told.items()
    }


def our_parts(
    args: argparse.Namespace, config: TrainConfig, state: dict[str, Tensor], device: torch.device
) -> dict[str, float]:
    """The same of depth_train: losses are the step without the networks."""
    method, team = make_method(config), Team(1, 1, device)
    run = started(config, method, team, state)
    examples, indices = method.examples(config.stages[0]), iter(range(10**6))
    for _ in range(3 * args.batch):
        examples[next(indices)]  # the first ones fill the cache of images
    batch = next(load(replace(config, workers=0), examples, 0, team))
    module: Any = run.module
    images = batch["images"].to(device).float() / 255
    seen = module.reading.normalised(images.flatten(0, 1)).view(images.shape)

    def networks() -> None:
        with autocast(config, device):
            depths = module.reading.inverse_depths(module.network, seen[:, 0], len(SCALES))
            pairs = [torch.cat([seen[:, 1], seen[:, 0]]), torch.cat([seen[:, 0], seen[:, 2]])]
            motions = module.reading.motion(module.network, *pairs)
        backward([*depths, motions])

    def whole() -> None:
        total = torch.stack(list(module(batch, 0).values())).sum()
        total.backward()

    def optimise() -> None:
        run.optimizer.step()
        run.follow(0.998)

    took = least(networks, args)
    return {
        "data": least(lambda: examples[next(indices)], args) * args.batch,
        "networks": took,
        "losses": least(whole, args) - took,
        "optimiser": least(optimise, args),
    }


def backward(outputs: list[Tensor]) -> None:
    """Through networks whose losses cost nothing."""
    torch.stack([output.float().mean() for output in outputs]).sum().backward()


def least(work: Callable[[], object], args: argparse.Namespace) -> float:
    """Milliseconds, the least of several."""
    took = []
    for _ in range(args.repeats + 1):
        began = time.perf_counter()
        work()
        if args.device != "cpu":
            torch.cuda.synchronize()
        took.append(1000 * (time.perf_counter() - began))
    return min(took)
