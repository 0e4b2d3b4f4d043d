# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A training method whose optimum is known: a line through points, ``python -m line`` trains it.

y = 2 x - 0.5 is learned by one weight and one bias; the loss at the optimum is 0.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from depth_ros.training.config import Stage, TrainConfig

WEIGHT, BIAS = 2.0, -0.5


@dataclass(frozen=True)
class Points:
    """Example i is 16 points of the line, one of them infinite where ``broken`` has i."""

    seed: int
    broken: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        x = np.random.default_rng((self.seed, index)).normal(0, 1, (1, 4, 4)).astype(np.float32)
        y = WEIGHT * x + BIAS
        if index in self.broken:
            x[0, 0, 0] = np.inf
        return {
            "x": torch.from_numpy(x),
            "y": torch.from_numpy(y),
            "index": torch.tensor(index),
            "skipped": torch.tensor(int(index in self.skipped)),
        }


class LineStep(nn.Module):
    """Mean squared error, and which examples were seen in which step."""

    def __init__(self, network: nn.Module, noise: float) -> None:
        super().__init__()
        self.network = network
        self.noise = noise
        self.seen: list[tuple[int, list[int]]] = []

    def forward(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        self.seen.append((step, batch["index"].tolist()))
        x = batch["x"] + self.noise * torch.randn_like(batch["x"])
        return {"square": ((self.network(x) - batch["y"]) ** 2).mean()}


class Line:
    """See Method."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.normalised = bool(config.options.get("normalised"))
        self.noise = float(config.options.get("noise", 0.0))  # type: ignore[arg-type]
        self.broken: tuple[int, ...] = ()
        self.skipped: tuple[int, ...] = ()
        self.scores: list[float] = []  # instead of what is measured

    def build(self) -> nn.Module:
        line = nn.Conv2d(1, 1, 1)
        return nn.Sequential(line, nn.BatchNorm2d(1)) if self.normalised else nn.Sequential(line)

    def step(self, network: nn.Module) -> nn.Module:
        self.module = LineStep(network, self.noise)
        return self.module

    def examples(self, stage: Stage) -> Points:
        return Points(self.config.seed, self.broken, self.skipped)

    def share(self, name: str) -> float:
        return 1.0 if name.endswith("0.weight") else self.config.optimizer.encoder_share

    def validate(self, network: nn.Module, stage: Stage) -> dict[str, float]:
        assert not network.training
        if self.scores:
            return {"score": self.scores.pop(0)}
        weight, bias = (float(p) for p in network[0].parameters())
        return {"score": abs(weight - WEIGHT) + abs(bias - BIAS), "weight": weight}

    def pictures(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"x": batch["x"][0].clamp(0, 1).expand(3, 4, 4)}

    def options(self) -> dict[str, Any]:
        return dict(self.config.options)

    def facts(self, stage: Stage) -> dict[str, Any]:
        return {}


def main() -> None:
    """``python line.py RECIPE OUT``, for tests that need a process."""
    from depth_ros.cli.ending import exit_code
    from depth_ros.training.recipe import load_config
    from depth_ros.training.running import Options, run_training

    config, out = load_config(Path(sys.argv[1])), Path(sys.argv[2])
    options = Options(entry=False)

    def say(text: str) -> None:
        print(text, flush=True)

    sys.exit(exit_code("line", lambda: run_training(config, out, options, say, Line) and None))


if __name__ == "__main__":
    main()
