# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the over-fit tests of the losses share: a tiny scene, and descent to the least loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def tiny_scene() -> Any:
    """A slanted floor, a box and a far wall in metres, with one unknown pixel: (1, 1, 12, 16)."""
    import torch

    y, x = np.mgrid[:12, :16].astype(np.float64)
    t = 2 + 0.1 * x + 0.05 * y
    t[3:8, 4:10] = 1.4
    t[:2] = 6.0
    t[10, 12] = np.nan
    return torch.from_numpy(t[None, None])


def wrong_start(t: Any, seed: int = 3) -> Any:
    """Log depth of noise around 1 m, in t's shape."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(t.shape, generator=generator, dtype=t.dtype)


def fit(loss: Callable[[Any], Any], start: Any, steps: int = 400, rate: float = 0.1) -> Any:
    """Descends from ``start`` with a rate that falls to 0; the result."""
    import torch

    x = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([x], lr=rate)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        adam.zero_grad()
        torch.autograd.backward(loss(x))
        adam.step()
    return x.detach()
