# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Train a network: ``python -m depth_ros.training.train RECIPE.yaml --out FOLDER``.

Killed at any time, the same command goes on from the last checkpoint. FOLDER gets checkpoint.pt
(all of the run's state; the averaged weights are ``state``) and log.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from depth_ros.engines.networks.fastdepth import FastDepth, set_constant_output
from depth_ros.training import losses
from depth_ros.training.config import Stage, TrainConfig, load_config
from depth_ros.training.data import Item
from depth_ros.training.encoder import load_encoder, restore_normalisation
from depth_ros.training.run import (
    Run,
    assemble,
    build_network,
    freeze_norm,
    progress,
    resume,
    save,
    set_learning_rate,
    update_average,
)
from depth_ros.training.sources import (
    normalise,
    open_mixture,
    open_sources,
    open_validation,
    read_diverse,
    validate,
)
from depth_ros.training.start import load_entry

BAR = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"


def start(config: TrainConfig, diverse: dict[str, list[Item]]) -> Run:
    """A new run: ImageNet encoder, statistics of our images, constant output of 2.5 m."""
    torch.manual_seed(config.seed)
    network = build_network(config.network)
    batches = islice(_batches(config, diverse, config.stages[0], 0), 12)
    if config.start:
        load_entry(network, Path(config.start), [normalise(batch["image"]) for batch in batches])
        return assemble(config, network)
    if config.encoder:
        load_encoder(network, Path(config.data) / config.encoder)
        restore_normalisation(network, [normalise(batch["image"]) for batch in batches])
    set_constant_output(network, math.log(2.5))
    return assemble(config, network)


def loss_of(config: TrainConfig, network: FastDepth, batch: dict[str, Any]) -> torch.Tensor:
    """The weighted sum on log depth at half the input's size, where the network's detail ends."""
    truth = batch["log_depth"]
    with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
        predicted = network.forward_half(normalise(batch["image"])).float()
    weights = config.loss
    return (
        weights.l1 * losses.l1_log(predicted, truth, batch["metric"])
        + weights.si * losses.si_log(predicted, truth)
        + weights.gradient * losses.gradient_log(predicted, truth)
    )


def train(config: TrainConfig, out: Path) -> Run:
    """Runs, or goes on with, the training in ``out``, to the end of its budget."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    diverse = read_diverse(config)
    checkpoint = out / "checkpoint.pt"
    run = resume(checkpoint, config) if checkpoint.exists() else start(config, diverse)
    bar = tqdm(total=100.0, unit="%", bar_format=BAR)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        while progress(config, run) < 1:
            stage = next(s for s in config.stages if progress(config, run) < s.until)
            validation = open_validation(config, diverse, stage)
            began = time.monotonic()
            for batch in _batches(config, diverse, stage, run.step):
                loss = _step(config, run, batch)
                seconds, began = time.monotonic() - began, time.monotonic()
                run.seconds += seconds
                speed = f"{len(batch['image']) / seconds:.1f}"
                bar.set_postfix(step=run.step, loss=f"{loss:.3f}", images_per_s=speed)
                bar.update(100 * progress(config, run) - bar.n)
                done = progress(config, run) >= stage.until
                if run.step % config.checkpoint_every == 0 or done:
                    save(checkpoint, config, run)
                if run.step % config.validate_every == 0 or done:
                    _report(config, run, stage, validation, log)
                if done:
                    break
    return run


def _batches(
    config: TrainConfig, diverse: dict[str, list[Item]], stage: Stage, step: int
) -> DataLoader[dict[str, Any]]:
    mixture = open_mixture(config, open_sources(config, diverse, stage), stage, step)
    return DataLoader(mixture, batch_size=stage.batch, num_workers=config.workers)


def _step(config: TrainConfig, run: Run, batch: dict[str, Any]) -> float:
    run.network.train()
    freeze_norm(config, run)
    set_learning_rate(config, run)
    loss = loss_of(config, run.network, batch)
    run.optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(run.network.parameters(), 5.0, error_if_nonfinite=True)
    run.optimizer.step()
    run.step += 1
    update_average(config, run)
    return loss.item()


def _report(
    config: TrainConfig, run: Run, stage: Stage, validation: dict[str, Any], log: Any
) -> None:
    size = (stage.width, stage.height)
    line: dict[str, Any] = {
        "time": time.strftime("%H:%M:%S"),
        "step": run.step,
        "minutes": round(run.seconds / 60, 2),
        "size": size,
    }
    for name, items in validation.items():
        line[name] = validate(run.average, config, items, size)
    log.write(json.dumps(line) + "\n")
    log.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    train(load_config(args.recipe), args.out)


if __name__ == "__main__":
    main()
