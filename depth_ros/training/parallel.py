# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One process or several, as torchrun starts them: NCCL between GPUs, Gloo between CPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from depth_ros.errors import ConfigError

WAIT = timedelta(hours=2)  # of the others, while the first process validates


@dataclass(frozen=True, slots=True)
class Team:
    """This process among all that train together; rank 0 writes."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def synchronised(self, network: nn.Module) -> nn.Module:
        """With batch norms over all GPUs; on CPUs, where there are none such, as it is."""
        if self.size == 1 or self.device.type != "cuda":
            return network
        return cast(nn.Module, cast(Any, nn.SyncBatchNorm).convert_sync_batchnorm(network))

    def wrap(self, module: nn.Module) -> nn.Module:
        """The step module with gradients averaged over all processes."""
        if self.size == 1:
            return module
        # Which parts of a loss have something to say depends on the batch.
        return DistributedDataParallel(module, find_unused_parameters=True)

    def quiet(self, module: nn.Module) -> AbstractContextManager[None]:
        """Gradients stay here within it: for all micro batches but a step's last."""
        if isinstance(module, DistributedDataParallel):
            return cast(AbstractContextManager[None], module.no_sync())
        return nullcontext()

    def any(self, *here: bool) -> list[bool]:
        """Each of these truths, if it holds in any process."""
        if self.size == 1:
            return list(here)
        flags = torch.tensor(here, dtype=torch.int32, device=self.device)
        distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return [bool(f) for f in flags.tolist()]


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that torchrun's environment describes, on ``device`` of the settings."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")), size)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if size == 1:
        yield Team(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=WAIT)
    try:
        yield Team(distributed.get_rank(), size, chosen)
    finally:
        distributed.destroy_process_group()


def _device(name: str, local: int, size: int) -> torch.device:
    count = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if count else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError("device", expected="auto, cpu, cuda or cuda:1", got=name) from None
    if device.type == "cpu":
        return device
    index = local if size > 1 or device.index is None else device.index
    if device.type != "cuda" or index >= count:
        raise ConfigError(
            "device", expected=f"cpu, or one of {count} GPUs", got=f"{device.type}:{index}"
        )
    return torch.device("cuda", index)
