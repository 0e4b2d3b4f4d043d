# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""MobileNet V1 weights from a quantised tflite file (ImageNet) for FastDepth's encoder.

In the file batch norm is folded into the weights and a bias; here the bias becomes the batch
norm's shift again, with statistics 0 and 1. TensorFlow pads a layer of stride 2 only at the
bottom and right, torch on all sides, so features sit one pixel off: training settles that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from depth_ros.errors import EngineError

Float32 = npt.NDArray[np.float32]


def read_convolutions(path: Path) -> list[tuple[Float32, Float32]]:
    """(weight, bias) of every convolution, in order; weights (out, in / groups, k, k)."""
    import openvino

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


def load_encoder(network: nn.Module, path: Path) -> None:
    """Copy the file's convolutions into a full-width FastDepth's conv0 to conv13.

    Raises EngineError where the widths differ.
    """
    pairs = list(zip(_layers(network, nn.Conv2d), _layers(network, nn.BatchNorm2d), strict=True))
    with torch.no_grad():
        for (conv, norm), (weight, bias) in zip(pairs, read_convolutions(path), strict=True):
            if conv.weight.shape != weight.shape:
                raise EngineError(
                    f"encoder weights {path.name}",
                    expected=f"a layer of shape {tuple(conv.weight.shape)}",
                    got=weight.shape,
                    fix="Set encoder to an empty string for networks of other widths.",
                )
            conv.weight.copy_(torch.from_numpy(weight))
            norm.bias.copy_(torch.from_numpy(bias))
            norm.running_var.fill_(1.0 - norm.eps)


def _layers(network: nn.Module, kind: type[nn.Module]) -> list[Any]:
    stages = [network.get_submodule(f"conv{i}") for i in range(14)]
    return [m for stage in stages for m in stage.children() if isinstance(m, kind)]


def restore_normalisation(network: nn.Module, images: list[torch.Tensor]) -> None:
    """Give the batch norms the statistics of real images, without changing the output.

    A ``log_depth`` head, whose statistics never move, stays as it is.

    Layer by layer, statistics are measured on ``images`` ((N, 3, H, W) each) and scale and shift
    are set to undo them. Training then starts from the ImageNet features with live batch norm.
    """
    head = "decode_conv6.1"
    norms: list[Any] = [
        m for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d) and n != head
    ]
    seen: dict[nn.Module, list[torch.Tensor]] = {norm: [] for norm in norms}
    hooks = [norm.register_forward_hook(_recorder(seen[norm])) for norm in norms]
    network.eval()
    with torch.no_grad():
        for batch in images:
            network(batch)
        for norm in norms:
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
