# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One step: images to depth at every scale of the network, and the losses that are on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depth_ros.training.config import TrainConfig
from depth_ros.training.methods.common import Meaning, autocast, canonical_focal
from depth_ros.training.methods.supervised.heads import Head, resized
from depth_ros.training.methods.supervised.teacher import Teacher
from depth_ros.training.methods.supervised.terms import Compared, terms


@dataclass(frozen=True)
class Network:
    """How the network at hand is asked, and what it says."""

    head: Head
    meaning: Meaning

    def log_depths(self, network: nn.Module, image: Tensor) -> list[Tensor]:
        """Normalised (N, 3, H, W) to float32 log depth, (N, 1, h, w), the largest first."""
        raw = self.head.ask(network, image)
        return [self.meaning.log_depth(r) for r in raw]


class SupervisedStep(nn.Module):
    """The network and its losses; nothing else learns."""

    def __init__(self, network: nn.Module, asked: Network, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.asked, self.config = asked, config
        name = config.supervised.teacher
        self.teacher = Teacher(name, config.threads) if name else None

    def forward(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """The weighted losses, each the mean over the network's scales."""
        image = self.asked.meaning.normalise(batch["image"])
        with autocast(self.config, image.device):
            scales = self.asked.log_depths(self.network, image)
        taught = None if self.teacher is None else self._taught(self.teacher, batch)
        total: dict[str, Tensor] = {}
        for log_depth in scales:
            found = self._terms(batch, image, log_depth)
            if taught is not None:
                teacher = torch.stack(list(self._terms(taught, image, log_depth).values())).sum()
                found["distillation"] = self.config.supervised.distillation * teacher
            for name, term in found.items():
                total[name] = total.get(name, torch.zeros_like(term)) + term / len(scales)
        return total

    def _taught(self, teacher: Teacher, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch with the teacher's depth as the truth of images that have none."""
        truth = batch["log_depth"]
        blind = ~torch.isfinite(truth).flatten(1).any(dim=1)
        seen = torch.full_like(truth, torch.nan)
        height, width = batch["image"].shape[1:3]
        focal = self.config.supervised.canonical_focal_px
        px = canonical_focal(focal, width, height) if focal > 0 else None
        metric = torch.zeros_like(batch["metric"])
        if blind.any():
            seen[blind] = teacher.log_depth(batch["image"][blind], px, truth[blind])
            metric = blind & teacher.knows_scale(px)
        return {**batch, "log_depth": seen, "metric": metric}

    def _terms(
        self, batch: dict[str, Tensor], image: Tensor, log_depth: Tensor
    ) -> dict[str, Tensor]:
        truth = batch["log_depth"]
        return terms(
            Compared(
                self.config.supervised,
                resized(log_depth, truth),
                truth,
                batch["log_metres"],
                batch["metric"],
                batch["rays"],
                image,
            )
        )
