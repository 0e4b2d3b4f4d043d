# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The choice of encoder that Monodepth2 and ST-CLSTM share: five feature maps from an image."""

from __future__ import annotations

from typing import Literal, get_args

from depth_ros.engines.networks import mobilenet
from depth_ros.engines.networks.mobilenet import MobileNet
from depth_ros.engines.networks.resnet import ResNet

EncoderName = Literal["resnet", "mobilenet_v1"]
Colors = tuple[float, ...]


def check_encoder(name: str) -> None:
    """Raises ValueError for a name that is none."""
    if name not in get_args(EncoderName):
        raise ValueError(f"encoder: expected {' or '.join(get_args(EncoderName))}, got {name}")


def make_encoder(name: EncoderName, layers: int, images: int = 1) -> ResNet | MobileNet:
    """A ResNet of ``layers`` or a MobileNet V1, for ``images`` RGB images, stacked."""
    return MobileNet(images) if name == "mobilenet_v1" else ResNet(layers, images)


def normalisation(name: EncoderName, mean: Colors, std: Colors) -> dict[str, Colors]:
    """What a part says of its images: the network's own mean and std with a ResNet."""
    if name == "mobilenet_v1":
        mean, std = mobilenet.MEAN, mobilenet.STD
    return {"mean": mean, "std": std}
