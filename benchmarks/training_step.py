# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Holds depth_train's Monodepth2 step against one written straight from the paper.

    python benchmarks/training_step.py [--json FILE] [--data FOLDER] [--batch N] [--rounds N] ...

Whole steps (data, networks, losses, optimiser) on the same frames, from the same weights, in
turns, in one run: with bfloat16 arithmetic in the networks at least twice as many images a second
at equal loss. FOLDER holds rgb/ and meta.json, such as kitti_odom00_mono; without it, made-up
video is used. Says where the time goes, what float32 gives, and how the losses agree. Exit 1 if
the promise is broken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from plain_monodepth2 import Batch, PlainExamples, PlainStep
from torch import Tensor
from torch.utils.data import DataLoader
from training_step_data import as_plain, camera, made_up
from training_step_parts import fresh, parts, started

from depth_ros.engines.networks.monodepth2 import Monodepth2
from depth_ros.training.config import OptimizerConfig, Stage, TrainConfig
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.loading import load
from depth_ros.training.methods import make_method
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig
from depth_ros.training.parallel import Team
from depth_ros.training.trainer import Trainer

LEAST_RATIO = 2.0
MOST_DIFFERENCE = (
    1e-5  # of the losses of one batch: the noise that breaks ties, which is drawn anew
)
MOST_DRIFT = 0.05  # of the losses after the same number of steps, as a share


@dataclass
class Contender:
    """One way to train: ``step`` runs a whole one and returns its loss."""

    name: str
    network: Monodepth2
    begin: Callable[[], None]
    step: Callable[[], float]
    images_per_s: list[float] = field(default_factory=list)
    images_per_cpu_s: list[float] = field(default_factory=list)  # what other programs cannot take
    losses: list[float] = field(default_factory=list)


def plain(
    args: argparse.Namespace, examples: PlainExamples, state: dict[str, Tensor]
) -> Contender:
    """Adam 1e-4 on all parameters, as published."""
    network = fresh(state)
    module = PlainStep(network).to(args.device)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4)
    batches: Iterator[Batch] = iter(())
    begun = 0

    def begin() -> None:
        nonlocal batches
        indices = range(begun * args.batch, (begun + args.steps + 1) * args.batch)
        batches = iter(
            DataLoader(examples, batch_size=args.batch, sampler=indices, num_workers=args.workers)
        )

    def step() -> float:
        nonlocal begun
        begun += 1
        batch = {name: value.to(args.device) for name, value in next(batches).items()}
        loss = module(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return Contender("as published", network, begin, step)


def ours(args: argparse.Namespace, config: TrainConfig, state: dict[str, Tensor]) -> Contender:
    """The trainer's own step: the method's module, averaged weights, checks of every gradient."""
    method, team = make_method(config), Team(1, 1, torch.device(args.device))
    run = started(config, method, team, state)
    trainer = Trainer(config, method, run, team, Path(), {})
    examples = method.examples(config.stages[0])
    batches: Iterator[Batch] = iter(())

    def begin() -> None:
        nonlocal batches
        batches = load(config, examples, run.step, team)

    def step() -> float:
        before = trainer.means.sums
        told = {name: float(value) for name, value in before.items()}
        trainer.step(batches)
        return sum(float(v) - told.get(name, 0.0) for name, v in trainer.means.sums.items())

    return Contender(f"depth_train {config.precision}", run.network, begin, step)


def settings(args: argparse.Namespace, folder: Path, precision: str) -> TrainConfig:
    """The published settings: Adam 1e-4 for all, no stereo, every pixel, no clipping."""
    return TrainConfig(
        method="self_supervised",
        network="monodepth2",
        data=str(folder.parent),
        sources=(SourceConfig(kind="folder", path=folder.name),),
        steps=10**6,
        stages=(Stage(1.0, args.width, args.height, args.batch),),
        optimizer=OptimizerConfig(
            name="adam",
            learning_rate=1e-4,
            encoder_share=1.0,
            weight_decay=0.0,
            warmup_steps=0,
            schedule="constant",
            clip_norm=0.0,
            freeze_norm_at=1.0,
        ),
        self_supervised=SelfSupervisedConfig(stereo=False),
        precision=precision,
        device=args.device,
        workers=args.workers,
    )


def compete(contenders: list[Contender], args: argparse.Namespace) -> None:
    """Blocks of whole steps in turns; a block's first step starts readers and does not count."""
    for _ in range(args.rounds):
        for one in contenders:
            one.begin()
            one.losses.append(one.step())
            began, computed = time.perf_counter(), time.process_time()
            for _ in range(args.steps):
                one.losses.append(one.step())
            seconds, computing = time.perf_counter() - began, time.process_time() - computed
            one.images_per_s.append(args.steps * args.batch / seconds)
            one.images_per_cpu_s.append(args.steps * args.batch / computing)
        rates = (
            f"{one.name} {one.images_per_s[-1]:.2f} ({one.images_per_cpu_s[-1]:.2f})"
            for one in contenders
        )
        print("images a second (a CPU second): " + ", ".join(rates), flush=True)


def same_batch(
    config: TrainConfig, state: dict[str, Tensor], device: torch.device
) -> dict[str, float]:
    """The loss of one batch with the same weights and still batch norms, each way.

    The smoothness of depth_train averages the image down to the scale, which the published loader
    resizes with LANCZOS: its loss is told with either.
    """
    config = replace(config, precision="float32", workers=0)
    method, team = make_method(config), Team(1, 1, device)
    run = started(config, method, team, state)
    batch = next(load(config, method.examples(config.stages[0]), 0, team))
    batch = {name: value.to(device) for name, value in batch.items()}
    batch["color"][:] = torch.eye(3, 4)
    run.module.eval()
    module = PlainStep(fresh(state)).to(device).eval()
    with torch.no_grad():
        mine = sum(float(v) for v in run.module(batch, 0).values())
        return {
            "depth_train": mine,
            "as published": float(module(as_plain(batch, lanczos=True))),
            "as published, averaged images": float(module(as_plain(batch, lanczos=False))),
        }


def parsed() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--data", type=Path)
    arguments.add_argument("--batch", type=int, default=12, help="12 as published")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--steps", type=int, default=1, help="timed steps in a block")
    arguments.add_argument("--repeats", type=int, default=3, help="of each part")
    arguments.add_argument("--width", type=int, default=416)
    arguments.add_argument("--height", type=int, default=128)
    arguments.add_argument("--workers", type=int, default=0, help="processes that read data")
    arguments.add_argument("--threads", type=int, default=0)
    arguments.add_argument("--device", default="cpu")
    return arguments.parse_args()


def main() -> int:
    """Measures, prints each promise, and returns the exit status."""
    args = parsed()
    if args.threads:
        torch.set_num_threads(args.threads)
    size = (args.width, args.height)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.data or made_up(Path(scratch) / "made_up", size)
        files = sorted((folder / "rgb").glob("*.jpg"))
        examples = PlainExamples(files, camera(folder, size), size)
        torch.manual_seed(0)
        state = {k: v.clone() for k, v in Monodepth2().state_dict().items()}
        configs = [settings(args, folder, p) for p in ("float32", "bfloat16")]
        contenders = [plain(args, examples, state), *(ours(args, c, state) for c in configs)]
        print(
            f"{args.batch} images of {size[0]}x{size[1]} a step, {torch.get_num_threads()} threads"
        )
        compete(contenders, args)
        device = torch.device(args.device)
        results: dict[str, Any] = {
            "settings": {k: str(v) for k, v in vars(args).items()},
            "images_per_s": {c.name: c.images_per_s for c in contenders},
            "images_per_cpu_s": {c.name: c.images_per_cpu_s for c in contenders},
            "losses": {c.name: c.losses for c in contenders},
            "one_batch": same_batch(configs[0], state, device),
            "after_training": {
                c.name: same_batch(configs[0], c.network.state_dict(), device)["as published"]
                for c in contenders
            },
            "ms_an_image": parts(args, examples, configs[0], state),
        }
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    kept = [told(*promise) for promise in promises(results)]
    return 0 if all(kept) else 1


def promises(results: dict[str, Any]) -> list[tuple[str, float, str, bool]]:
    """Prints the tables, and returns what was promised."""
    ratios = {}
    for name in results["images_per_s"]:
        print(f"\n{name}")
        for kind, unit in (
            ("images_per_s", "s"),
            ("images_per_cpu_s", "CPU second of this process"),
        ):
            values, base = results[kind][name], results[kind]["as published"]
            each = [v / b for v, b in zip(values, base, strict=True)]
            ratios[name, kind] = statistics.median(each)
            print(
                f"  {statistics.median(values):.2f} images a {unit}, {ratios[name, kind]:.2f} "
                f"times as published ({min(each):.2f} to {max(each):.2f})"
            )
        row = results["ms_an_image"][name]
        print("  ms an image: " + ", ".join(f"{k} {v:.1f}" for k, v in row.items()))
        first, last = results["losses"][name][0], results["losses"][name][-1]
        after = results["after_training"][name]
        print(f"  loss {first:.4f} at first, {last:.4f} at last; of one batch {after:.4f}")
    one = results["one_batch"]
    print("\none batch, same weights: " + ", ".join(f"{k} {v:.7f}" for k, v in one.items()))
    apart = abs(one["depth_train"] - one["as published, averaged images"])
    after = results["after_training"]
    drift = max(abs(v / after["as published"] - 1) for v in after.values())
    ratio = ratios["depth_train bfloat16", "images_per_s"]
    return [
        ("images/s, ratio", ratio, f"at least {LEAST_RATIO:g}", ratio >= LEAST_RATIO),
        (
            "loss of one batch, apart",
            apart,
            f"at most {MOST_DIFFERENCE:g}",
            apart <= MOST_DIFFERENCE,
        ),
        ("loss after training, apart", drift, f"at most {MOST_DRIFT:g}", drift <= MOST_DRIFT),
    ]


def told(name: str, value: float, limit: str, kept: bool) -> bool:
    print(f"{'kept  ' if kept else 'BROKEN'}  {name}: {value:.3g} ({limit})")
    return kept


if __name__ == "__main__":
    sys.exit(main())
