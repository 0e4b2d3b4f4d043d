# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ImageNet weights for encoders: MobileNet V1 and ResNets.

MobileNet V1 comes from a quantised tflite file. In it batch norm is folded into the weights and
a bias; here the bias becomes the batch norm's shift again, with statistics 0 and 1. TensorFlow
pads a layer of stride 2 only at the bottom and right, torch on all sides, so features sit one
pixel off: training settles that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from depth_ros.engines.networks.fastdepth import FastDepth
from depth_ros.engines.networks.mobilenet import WIDTHS, MobileNet
from depth_ros.engines.networks.resnet import ResNet
from depth_ros.engines.weights import load_state
from depth_ros.errors import EngineError

CLASSIFIER = "fc."  # of a ResNet: not part of an encoder

Float32 = npt.NDArray[np.float32]


def read_convolutions(path: Path) -> list[tuple[Float32, Float32]]:
    """(weight, bias) of every convolution, in order; weights (out, in / groups, k, k)."""
    import openvino

    if not path.is_file():
        raise EngineError(f"no encoder weights {path}", fix="Name a .tflite file below data.")
    core = openvino.Core()
    found: list[tuple[Float32, Float32]] = []
    for node in core.read_model(path).get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            weight = _evaluate(core, node.input_value(1))
            if weight.ndim == 5:  # depthwise: groups, 1, 1, k, k
                weight = weight.reshape(-1, *weight.shape[2:])
            add = next(iter(node.output(0).get_target_inputs())).get_node()
            found.append((weight, _evaluate(core, add.input_value(1)).reshape(-1)))
    return found


def _evaluate(core: Any, output: Any) -> Float32:
    import openvino

    compiled = core.compile_model(openvino.Model([output], []), "CPU")
    return np.array(next(iter(compiled([]).values())), np.float32)


def load_resnets(
    network: nn.Module, state: dict[str, torch.Tensor], parts: tuple[str, ...] = ()
) -> set[str]:
    """Copies a ResNet with torchvision's names into those of ``network``; see load_encoders."""
    own = {k: v for k, v in state.items() if not k.startswith(CLASSIFIER)}
    return load_encoders(network, ResNet, "conv1.weight", own, parts)


def load_mobilenets(network: nn.Module, path: Path, parts: tuple[str, ...] = ()) -> set[str]:
    """Copies a tflite file's convolutions into FastDepth, or the MobileNets of ``network``.

    Their batch norms only add. EngineError where the widths differ; see load_encoders.
    """
    if not isinstance(network, FastDepth):
        encoders_in(network, MobileNet, parts)
        return load_encoders(network, MobileNet, "conv0.0.weight", mobilenet_state(path), parts)
    widths = network.config.encoder
    if widths != WIDTHS:
        raise EngineError(
            f"encoder weights {path.name}",
            expected=f"layers of widths {widths}",
            got=WIDTHS,
            fix="Set encoder to an empty string for networks of other widths.",
        )
    own = mobilenet_state(path)
    network.load_state_dict(own, strict=False)
    return set(own)


def mobilenet_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a MobileNet from a tflite file."""
    network = MobileNet()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for conv, norm, (weight, bias) in zip(
            convolutions, norms, read_convolutions(path), strict=True
        ):
            conv.weight.copy_(torch.from_numpy(weight))
            norm.bias.copy_(torch.from_numpy(bias))
            cast(torch.Tensor, norm.running_var).fill_(1.0 - norm.eps)
    return network.state_dict()


def load_encoders(
    network: nn.Module,
    kind: type[nn.Module],
    first: str,
    state: dict[str, torch.Tensor],
    parts: tuple[str, ...] = (),
) -> set[str]:
    """Copies a state into all encoders of that kind; returns the names that have a value now.

    An encoder of several stacked images gets the ``first`` layer's weights for each of them,
    divided by their number, so that equal images give the features of one (Monodepth2). ``parts``
    are the beginnings of the names of those encoders that are meant. EngineError where nothing
    fits.
    """
    found: set[str] = set()
    for name, module in encoders_in(network, kind, parts).items():
        images = module.state_dict()[first].shape[1] // 3
        own = dict(state)
        if images > 1 and first in own:
            own[first] = own[first].repeat(1, images, 1, 1) / images
        load_state(module, own, "the encoder's file")
        found |= {f"{name}.{k}" for k in own}
    return found


def encoders_in(
    network: nn.Module, kind: type[nn.Module], parts: tuple[str, ...]
) -> dict[str, nn.Module]:
    """The encoders of that kind, by name; EngineError if there is none."""
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, kind) and f"{name}.".startswith(parts or "")
    }
    if not found:
        raise EngineError(
            f"encoder of {type(network).__name__}",
            expected=f"a {kind.__name__}" + (f" in {', '.join(parts)}" if parts else ""),
            got="none",
            fix="A .tflite file is for MobileNets V1, .safetensors and .pth files for ResNets.",
        )
    return found


def copy_encoder(network: nn.Module, source: nn.Module, parts: tuple[str, ...]) -> None:
    """Gives the encoders of ``parts`` the weights of ``source``, one of the same kind."""
    first = "conv1.weight" if isinstance(source, ResNet) else "conv0.0.weight"
    load_encoders(network, type(source), first, source.state_dict(), parts)


def is_folded(network: nn.Module, loaded: Collection[str]) -> bool:
    """Whether batch norms among the ``loaded`` tensors were folded into the convolutions.

    Such a norm has a mean of 0 and still a shift. Those that never move do not count.
    """
    was_training = network.training
    network.train()
    found = any(
        f"{name}.running_mean" in loaded
        and not torch.any(cast(torch.Tensor, norm.running_mean))
        and bool(torch.any(norm.bias))
        for name, norm in network.named_modules()
        if isinstance(norm, nn.BatchNorm2d) and norm.training
    )
    network.train(was_training)
    return found


def restore_normalisation(
    network: nn.Module,
    images: Iterable[torch.Tensor],
    ask: Callable[[nn.Module, torch.Tensor], object] | None = None,
) -> None:
    """Give the batch norms the statistics of real images, without changing the output.

    A ``log_depth`` head, whose statistics never move, stays as it is.

    Layer by layer, statistics are measured on ``images`` ((N, 3, H, W) each) and scale and shift
    are set to undo them. Training then starts from the ImageNet features with live batch norm.
    ``ask`` runs the network on them, by default its forward; norms that then see nothing stay.
    """
    network.train()  # those that are not in training now never are
    norms: list[Any] = [
        m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.training
    ]
    seen: dict[nn.Module, list[torch.Tensor]] = {norm: [] for norm in norms}
    hooks = [norm.register_forward_hook(_recorder(seen[norm])) for norm in norms]
    network.eval()
    with torch.no_grad():
        for batch in images:
            network(batch) if ask is None else ask(network, batch)
        for norm in (n for n in norms if seen[n]):
            mean, square = torch.stack(seen[norm]).mean(dim=0)
            variance = (square - mean**2).clamp_min(1e-4)
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            norm.bias.add_(gain * (mean - norm.running_mean))
            norm.weight.copy_(gain * torch.sqrt(variance + norm.eps))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
    for hook in hooks:
        hook.remove()


def _recorder(seen: list[torch.Tensor]) -> Any:
    def record(_: nn.Module, inputs: tuple[torch.Tensor, ...], __: torch.Tensor) -> None:
        x = inputs[0]
        seen.append(torch.stack([x.mean(dim=(0, 2, 3)), (x**2).mean(dim=(0, 2, 3))]))

    return record
