# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""To train on from an entry of the zoo: its weights, with batch norms that can learn."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from depth_ros.engines.networks.fastdepth import FastDepth
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.weights import load_state, state_of
from depth_ros.training.encoder import restore_normalisation


def load_entry(network: FastDepth, folder: Path, images: list[Tensor]) -> None:
    """The entry's weights, with the statistics of ``images`` ((N, 3, H, W) each)."""
    spec = EngineSpec.load(folder / "spec.json")
    load_state(network, state_of(folder / spec.weights), f"the weights of {spec.network}")
    restore_normalisation(network, images)
