# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How a network of the registry is asked for depth from one image, and how its head starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from depth_ros.engines.networks.fastdepth import FastDepth, set_constant_output
from depth_ros.engines.networks.monodepth2 import Monodepth2
from depth_ros.engines.networks.stclstm import StClstm

Outputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Head:
    """``ask`` gives the raw outputs, (N, 1, h, w) each, the largest first.

    ``stride`` is how many times smaller that one is than the image. ``start`` makes a network
    with random weights answer about this raw value everywhere.
    """

    ask: Callable[[nn.Module, Tensor], Outputs]
    stride: int
    start: Callable[[nn.Module, float], None]


def head_of(network: nn.Module) -> Head:
    """The head of a network; of one that is not known here, forward is asked, at full size."""
    for kind, head in _HEADS.items():
        if isinstance(network, kind):
            return head
    return Head(_ask, 1, lambda network, raw: None)


def _ask(network: nn.Module, image: Tensor) -> Outputs:
    found = network(image)
    return tuple(found) if isinstance(found, tuple) else (found,)


def _fastdepth(network: nn.Module, image: Tensor) -> Outputs:
    """At half the size, where the network's detail ends."""
    return (cast(FastDepth, network).forward_half(image),)


def _frame(network: nn.Module, image: Tensor) -> Outputs:
    """A clip of one frame, from a state of zeros."""
    return (network(image[:, :, None])[:, :, 0],)


def _start_monodepth2(network: nn.Module, raw: float) -> None:
    whole = cast(Monodepth2, network)
    low, high = 1 / whole.config.max_depth, 1 / whole.config.min_depth
    share = min(max((raw - low) / (high - low), 1e-4), 1 - 1e-4)
    for head in list(whole.depth.decoder)[10:]:  # after two blocks for each of five levels
        nn.init.constant_(
            cast(Tensor, head.get_submodule("conv").bias), math.log(share / (1 - share))
        )


def _start_clip(network: nn.Module, raw: float) -> None:
    nn.init.constant_(cast(Tensor, cast(StClstm, network).R.Refine.conv2.bias), raw)


_HEADS: dict[type[nn.Module], Head] = {
    FastDepth: Head(_fastdepth, 2, lambda n, raw: set_constant_output(cast(FastDepth, n), raw)),
    Monodepth2: Head(_ask, 1, _start_monodepth2),
    StClstm: Head(_frame, 2, _start_clip),
}


def resized(log_depth: Tensor, like: Tensor) -> Tensor:
    """A scale's log depth at the size of the truth, bilinear."""
    if log_depth.shape[-2:] == like.shape[-2:]:
        return log_depth
    return torch.nn.functional.interpolate(
        log_depth, like.shape[-2:], mode="bilinear", align_corners=False
    )
