# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ST-CLSTM: Zhang et al., "Exploiting Temporal Consistency for Real-Time Video Depth Estimation",
ICCV 2019.

Each frame's features, of a ResNet with the decoder of Hu et al., go through a convolutional LSTM
before they become depth. Input: a clip (N, 3, T, H, W), or one frame (N, 3, H, W) and the state
that the frame before has left. Output: metres at half the size. H and W are multiples of 4.
Names and shapes of the state are the official ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.engines.networks.architecture import Architecture, Part
from depth_ros.engines.networks.encoders import (
    EncoderName,
    check_encoder,
    make_encoder,
    normalisation,
)
from depth_ros.engines.networks.upprojection import Decoder, Fusion
from depth_ros.engines.spec import TensorSpec

PAPER = (
    "Zhang et al., Exploiting Temporal Consistency for Real-Time Video Depth Estimation, ICCV 2019"
)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's

CellName = Literal[
    "R_CLSTM_1",
    "R_CLSTM_2",
    "R_CLSTM_3",
    "R_CLSTM_4",
    "R_CLSTM_5",
    "R_CLSTM_6",
    "R_CLSTM_7",
    "R_CLSTM_8",
    "R_CLSTM_9",
]
# Channels of the state, where that is narrow, and of the refinement beyond those of the features.
NARROW = {
    "R_CLSTM_3": (4, 4),
    "R_CLSTM_4": (4, 4),  # R_CLSTM_3 with dropout
    "R_CLSTM_5": (8, 8),
    "R_CLSTM_6": (8, 0),
    "R_CLSTM_7": (12, 0),
    "R_CLSTM_8": (16, 0),
    "R_CLSTM_9": (32, 0),
}


@dataclass(frozen=True)
class StClstmConfig:
    """The backbone, and which of the official code's recurrent refinements follows it.

    ``encoder`` is the paper's ResNet of ``layers``, or a MobileNet V1.
    """

    layers: Literal[18, 34, 50] = 18
    encoder: EncoderName = "resnet"
    cell: CellName = "R_CLSTM_5"

    def __post_init__(self) -> None:
        if self.layers not in (18, 34, 50):
            raise ValueError(f"layers: expected 18, 34 or 50, got {self.layers}")
        check_encoder(self.encoder)
        if self.cell not in get_args(CellName):
            raise ValueError(f"cell: expected one of {get_args(CellName)}, got {self.cell}")


class Refine(nn.Module):
    """From what the cell says to depth, and to the hidden state where that is narrow."""

    def __init__(self, c_in: int, width: int, hidden: int, dropout: bool) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(c_in, width, 5, 1, 2, bias=False)
        self.bn0 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 5, 1, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout2d(0.5) if dropout else nn.Identity()
        self.conv2 = nn.Conv2d(width, 1, 5, 1, 2)
        self.convh = nn.Conv2d(width, hidden, 3, 1, 1) if hidden else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, c_in, h, w) to depth (N, 1, h, w) and the hidden state."""
        x = functional.relu(self.bn0(self.conv0(x)))
        x = functional.relu(self.bn1(self.conv1(x)))  # N, width, h, w
        return self.conv2(self.dropout(x)), x if self.convh is None else self.convh(x)


class Cell(nn.Module):
    """The convolutional LSTM. Unlike in the books, the hidden state comes out of the refinement.

    In all variants but the first, the gate Q does not multiply the cell: it stands beside it.
    """

    def __init__(self, features: int, name: CellName) -> None:
        super().__init__()
        if name in NARROW:
            state, more = NARROW[name]
            self.widths = (state, state)  # hidden, cell
            gate, refined, hidden = features, features + more, state
        else:
            half = features // 2 if name == "R_CLSTM_2" else features
            self.widths = (features, half)
            gate, refined, hidden = half, features, 0
        self.multiplies = name == "R_CLSTM_1"
        seen, cell = features + self.widths[0], self.widths[1]
        self.F_t = nn.Sequential(nn.Conv2d(seen, cell, 3, 1, 1), nn.Sigmoid())
        self.I_t = nn.Sequential(nn.Conv2d(seen, cell, 3, 1, 1), nn.Sigmoid())
        self.C_t = nn.Sequential(nn.Conv2d(seen, cell, 3, 1, 1), nn.Tanh())
        self.Q_t = nn.Sequential(nn.Conv2d(seen, gate, 3, 1, 1), nn.Sigmoid())
        said = gate if self.multiplies else cell + gate
        self.Refine = Refine(said, refined, hidden, name == "R_CLSTM_4")

    def forward(
        self, features: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Depth (N, 1, h, w), and both states after this frame."""
        seen = torch.cat((features, hidden), 1)
        cell = self.F_t(seen) * cell + self.I_t(seen) * self.C_t(seen)
        gate = self.Q_t(seen)
        said = cell * gate if self.multiplies else torch.cat((cell, gate), 1)
        depth, hidden = self.Refine(said)
        return depth, hidden, cell


class StClstm(nn.Module):
    """A clip to its depths, for training; frame by frame it is ``step``."""

    def __init__(self, config: StClstmConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StClstmConfig()
        self.E = make_encoder(config.encoder, config.layers)
        self.D = Decoder(self.E.widths[-1])
        self.MFF = Fusion(self.E.widths[1:])
        self.R = Cell(self.D.width + self.MFF.width, config.cell)

    def forward(self, clip: Tensor) -> Tensor:
        """(N, 3, T, H, W) to metres (N, 1, T, H/2, W/2), from a state of zeros."""
        hidden, cell = self.start(clip[:, :, 0])
        depths = []
        for features in self.features_of_clip(clip):
            depth, hidden, cell = self.R(features, hidden, cell)
            depths.append(depth)
        return torch.stack(depths, 2)

    def step(self, image: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) and the states to metres (N, 1, H/2, W/2) and the next states."""
        depth, hidden, cell = self.R(self.features(image), hidden, cell)
        return depth, hidden, cell

    def start(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden and the cell state before the first image."""
        size = [2 * -(-s // 4) for s in image.shape[-2:]]
        hidden, cell = (image.new_zeros(len(image), width, *size) for width in self.R.widths)
        return hidden, cell

    def features(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to what the cell sees of it: (N, 80 or 128, H/2, W/2)."""
        blocks = self.E(image)[1:]
        size = [2 * s for s in blocks[0].shape[-2:]]
        return torch.cat((self.D(blocks, size), self.MFF(blocks, size)), 1)

    def features_of_clip(self, clip: Tensor) -> tuple[Tensor, ...]:
        """The features of each frame.

        Batch norm in training needs the statistics of the whole clip. In evaluation the frames go
        through one by one: a batch may be rounded otherwise, and a clip is to be the stream bit
        for bit.
        """
        if not self.training:
            return tuple(self.features(image) for image in clip.unbind(2))
        n, t = clip.shape[0], clip.shape[2]
        features = self.features(clip.transpose(1, 2).flatten(0, 1))
        return tuple(features.view(n, t, *features.shape[1:]).unbind(1))


class Streaming(StClstm):
    """The same network with ``step`` as its forward; it shares the weights."""

    def __init__(self, network: StClstm) -> None:
        nn.Module.__init__(self)
        self.config, self.training = network.config, network.training
        self.E, self.D, self.MFF, self.R = network.E, network.D, network.MFF, network.R

    def forward(  # type: ignore[override]
        self, image: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See StClstm.step."""
        return self.step(image, hidden, cell)


def parts(network: nn.Module, width: int, height: int) -> dict[str, Part]:
    """One engine: an image and two states to depth and the next states."""
    whole = cast(StClstm, network)
    size = (height // 2, width // 2)
    widths = dict(zip(("hidden", "cell"), whole.R.widths, strict=True))
    facts = {
        "kind": "metres",
        "metric": True,
        **normalisation(whole.config.encoder, MEAN, STD),
        "states": tuple((name, f"{name}_next") for name in widths),
    }
    inputs = tuple(TensorSpec(name, (1, c, *size)) for name, c in widths.items())
    outputs = tuple(TensorSpec(f"{name}_next", (1, c, *size)) for name, c in widths.items())
    image = TensorSpec("image", (1, 3, height, width))
    depth = TensorSpec("depth", (1, 1, *size))
    part = Part(Streaming(whole), (image, *inputs), (depth, *outputs), facts)
    return {"depth": part}


def _architecture(config: StClstmConfig) -> Architecture:
    return Architecture(config, StClstm, parts, (304, 228), 4, PAPER)


ARCHITECTURES = {
    "stclstm": _architecture(StClstmConfig()),
    "stclstm_r34": _architecture(StClstmConfig(layers=34)),
    "stclstm_r50": _architecture(StClstmConfig(layers=50)),
    "stclstm_mobilenet": _architecture(StClstmConfig(encoder="mobilenet_v1")),
}
