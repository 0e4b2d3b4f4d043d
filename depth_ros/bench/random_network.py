# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Entries for networks without trained weights: seeded random ones that behave like trained ones.

The time that a network takes does not depend on its weights, but the error of a precision does.
With PyTorch's own initial weights, signals die out or double their differences at every layer, and
that error would mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from depth_ros.accuracy import Sample
from depth_ros.bench.clip import inputs
from depth_ros.engines.export import Exportable, export
from depth_ros.engines.networks import NETWORKS, Part
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.zoo.importer import spec_of_parts

SEED = 0
TOLERANCE = 0.05  # the bench measures the difference itself; this only finds a broken export
OUTPUT = {  # mean and standard deviation of the last layer, before what follows it
    "metres": (3.0, 0.5),
    "log_depth": (1.0, 0.3),
    "disparity": (30.0, 5.0),
}


def random_entry(
    zoo: Path, name: str, images: Sequence[Sample], size: tuple[int, int] | None = None
) -> Path:
    """Writes ``zoo``/``name``, exported to ONNX, and returns the folder. Raises EngineError."""
    item = random_network(name, images, size)
    shown = [next(iter(arrays.values())) for arrays in inputs(item.spec, images[:2])]
    export(item, zoo / name, shown, images_are="synthetic", tolerance=TOLERANCE)
    return zoo / name


def random_network(
    name: str, images: Sequence[Sample], size: tuple[int, int] | None = None
) -> Exportable:
    """The module and its spec, for images of ``size`` (width, height), by default the paper's."""
    architecture = NETWORKS[name]
    torch.manual_seed(SEED)
    module = architecture.build(architecture.config)
    parts = architecture.parts(module, *(size or architecture.size))
    facts = {"architecture": name, "licence": "Apache-2.0", "description": "random weights"}
    spec = spec_of_parts(name, architecture, parts, facts)
    for part, its_spec in (("depth", spec), ("pose", spec.pose)):
        if its_spec is not None:
            _settle(parts[part], its_spec, images)
    return Exportable(architecture, module.eval(), spec, None)


def _settle(part: Part, spec: EngineSpec, images: Sequence[Sample]) -> None:
    """Gives every layer a signal of unit variance on these images (Mishkin and Matas 2016).

    Batch norm gets the statistics of this signal, and a bias of one: with most of the signal above
    zero, as in trained networks, small differences stay small through many layers.
    """
    module, last = part.module, _Last()
    hooks = [m.register_forward_hook(_even) for m in module.modules() if isinstance(m, _CONVS)]
    hooks += [
        m.register_forward_hook(last) for m in module.modules() if isinstance(m, (*_CONVS, _NORM))
    ]
    for norm in (m for m in module.modules() if isinstance(m, _NORM)):
        nn.init.ones_(norm.bias)
        norm.momentum = 1.0  # its statistics are those of the last batch
    batch = torch.cat([torch.from_numpy(next(iter(a.values()))) for a in inputs(spec, images[:8])])
    states = [torch.zeros(len(batch), *t.shape[1:]) for t in part.inputs[1:]]
    with torch.no_grad():
        module.train()
        for norm in (m for m in module.modules() if isinstance(m, _NORM)):
            norm.train()
        module(batch, *states)
        module.eval()
        for hook in hooks:
            hook.remove()
        if last.layer is not None and spec.kind in OUTPUT:
            _set_output(last.layer, *OUTPUT[spec.kind])


_CONVS = (nn.Conv2d, nn.Linear)
_NORM = nn.BatchNorm2d


def _even(layer: nn.Module, _: object, output: Tensor) -> Tensor:
    """Rescales a layer so that its output has mean 0, if it has a bias, and variance 1."""
    scale = 1 / output.std().clamp_min(1e-6)
    assert isinstance(layer, _CONVS)
    layer.weight.mul_(scale)
    if layer.bias is None:
        return output * scale
    mean = output.mean()
    layer.bias.sub_(mean).mul_(scale)
    return (output - mean) * scale


class _Last:
    """A hook that remembers the last layer with one channel: the head."""

    layer: nn.Module | None = None

    def __call__(self, layer: nn.Module, _: object, output: Tensor) -> None:
        if output.shape[1] == 1:
            self.layer = layer


def _set_output(layer: nn.Module, mean: float, deviation: float) -> None:
    """Gives a head of mean 0 (batch norm: whatever its bias) and variance 1 another range."""
    if isinstance(layer, _NORM):
        nn.init.constant_(layer.weight, deviation)
        nn.init.constant_(layer.bias, mean)
    elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
        layer.weight.mul_(deviation)
        nn.init.constant_(layer.bias, float(layer.bias) * deviation + mean)
