# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How torch computes in a run: threads, algorithms, random numbers."""

from __future__ import annotations

import os

import torch

from depth_ros.training.config import TrainConfig


def prepare(config: TrainConfig) -> None:
    """Threads and algorithms, before anything is computed."""
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.backends.cudnn.benchmark = not config.deterministic
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def seed(number: int, device: torch.device) -> None:
    """torch.manual_seed for the devices in use; it would note the stack for those that are not."""
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
