# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The same ST-CLSTM with the same weights, computed in fewer operations while it learns.

The fusion upsamples maps of up to 512 channels by up to 16 and only then applies 5x5 convolutions
that leave 16 channels: half of all arithmetic. Both are linear, so their order is free. Here each
tap of the kernel mixes the channels where the map is small, and upsampling and shifting, which
are one matrix for the rows and one for the columns, follow. The rest is unchanged. The result is
that of StClstm.forward in training up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.engines.networks.stclstm import Cell, StClstm
from depth_ros.engines.networks.upprojection import Decoder, Fusion, UpProjection

TAPS = 5  # of the kernels, each way
LARGEST = 3.0  # upsampling by less than this is faster as it is written


def clip(network: StClstm, images: Tensor) -> Tensor:
    """(N, 3, T, H, W) to metres (N, 1, T, H/2, W/2): what network(images) is in training."""
    n, t = images.shape[0], images.shape[2]
    flat = images.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    seen = features(network, flat)
    frames = torch.unflatten(seen, 0, (n, t)).unbind(1)
    hidden, cell = network.start(images[:, :, 0])
    depths = []
    for frame in frames:
        depth, hidden, cell = recur(network.R, frame, hidden, cell)
        depths.append(depth)
    return torch.stack(depths, 2)


def features(network: StClstm, images: Tensor) -> Tensor:
    """(N, 3, H, W) to what the cell sees of it: StClstm.features."""
    blocks = network.E(images)[1:]
    size = (2 * blocks[0].shape[-2], 2 * blocks[0].shape[-1])
    return torch.cat((_decode(network.D, blocks, size), _fuse(network.MFF, blocks, size)), 1)


def recur(
    cell: Cell, features: Tensor, hidden: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Cell.forward, its four gates as one convolution."""
    gates = [cast(nn.Conv2d, gate[0]) for gate in (cell.F_t, cell.I_t, cell.C_t, cell.Q_t)]
    weight = torch.cat([gate.weight for gate in gates])
    bias = torch.cat([cast(Tensor, gate.bias) for gate in gates])
    seen = functional.conv2d(torch.cat((features, hidden), 1), weight, bias, padding=1)
    f, i, c, q = torch.split(seen, [gate.out_channels for gate in gates], 1)
    state = torch.sigmoid(f) * state + torch.sigmoid(i) * torch.tanh(c)
    gate = torch.sigmoid(q)
    said = state * gate if cell.multiplies else torch.cat((state, gate), 1)
    depth, hidden = cell.Refine(said)
    return depth, hidden, state


def up_projection(module: UpProjection, x: Tensor, size: tuple[int, int]) -> Tensor:
    """UpProjection.forward, its two branches' first convolutions as one."""
    weight = torch.cat([module.conv1.weight, module.conv2.weight])
    if size[0] >= LARGEST * x.shape[-2]:
        both = upsampled_convolution(x, weight, size)
    else:
        x = functional.interpolate(x, size=size, mode="bilinear", align_corners=True)
        both = functional.conv2d(x, weight, padding=TAPS // 2)
    first, second = both.chunk(2, 1)
    y = functional.relu(module.bn1(first))
    y = module.bn1_2(module.conv1_2(y))
    return functional.relu(y + module.bn2(second))


def upsampled_convolution(x: Tensor, weight: Tensor, size: tuple[int, int]) -> Tensor:
    """conv(upsample(x)), (N, c, h, w) to (N, o, *size), with ``weight`` (o, c, 5, 5).

    Bilinear with aligned corners, then zero padding: sum over taps of shift(upsample(W_tap x)).
    """
    n, _, h, w = x.shape
    out = weight.shape[0]
    taps = weight.permute(0, 2, 3, 1).flatten(0, 2)[..., None, None]  # o 5 5, c, 1, 1
    mixed = functional.conv2d(x, taps).contiguous().view(n, out, TAPS, TAPS, h, w)
    columns = _placing(w, size[1], x.device, mixed.dtype)  # 5 w, W
    rows = _placing(h, size[0], x.device, mixed.dtype)  # 5 h, H
    wide = mixed.transpose(3, 4).reshape(n, out, TAPS * h, TAPS * w) @ columns
    return rows.t() @ wide


def _placing(small: int, large: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(5 small, large): entry (d small + i, j) is what pixel i adds to pixel j + d - 2."""
    return _placing_float32(small, large).to(device, dtype)


@lru_cache(maxsize=64)
def _placing_float32(small: int, large: int) -> Tensor:
    eye = torch.eye(small)[None]
    up = functional.interpolate(eye, size=large, mode="linear", align_corners=True)[0]
    half = TAPS // 2
    padded = functional.pad(up, (half, half))  # small, large + 4
    return torch.cat([padded[:, d : d + large] for d in range(TAPS)])


def _decode(decoder: Decoder, blocks: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    sizes = [(b.shape[-2], b.shape[-1]) for b in blocks[2::-1]] + [size]
    x = functional.relu(decoder.bn(decoder.conv(blocks[3])))
    for i, to in enumerate(sizes, 1):
        x = up_projection(cast(UpProjection, decoder.get_submodule(f"up{i}")), x, to)
    return x


def _fuse(fusion: Fusion, blocks: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    ups = [
        up_projection(cast(UpProjection, fusion.get_submodule(f"up{i}")), block, size)
        for i, block in enumerate(blocks, 1)
    ]
    return functional.relu(fusion.bn(fusion.conv(torch.cat(ups, 1))))
