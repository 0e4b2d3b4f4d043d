# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Monodepth2: Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation", ICCV 2019.

A ResNet encoder and a decoder with skips that gives inverse depth at four scales, and a second
ResNet that sees two frames and gives the motion between them. Input: (N, 3, H, W), H and W
multiples of 32, at least 64. Output: inverse depth (N, 1, H, W); axis-angle and translation
(N, 6).

The state is that of the four official files, each under its file's name: ``encoder.``,
``depth.``, ``pose_encoder.`` and ``pose.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from depth_ros.engines.networks.architecture import Architecture, Part, State
from depth_ros.engines.networks.encoders import (
    EncoderName,
    check_encoder,
    make_encoder,
    normalisation,
)
from depth_ros.engines.networks.monodepth2_decoders import DepthDecoder, PoseDecoder
from depth_ros.engines.spec import TensorSpec
from depth_ros.errors import EngineError

PAPER = "Godard et al., Digging Into Self-Supervised Monocular Depth Estimation, ICCV 2019"
STEREO_UNIT_M = 5.4  # trained as if KITTI's stereo pairs, 0.54 m apart, were 0.1 apart
MEAN, STD = 0.45, 0.225
SMALLEST = 64  # below it, the deepest features are one pixel wide, which has no mirror image
CLASSIFIER = ("encoder.fc.weight", "encoder.fc.bias")
DROPPED = {"encoder": ("height", "width", "use_stereo", *CLASSIFIER), "pose_encoder": CLASSIFIER}


@dataclass(frozen=True)
class Monodepth2Config:
    """``scales`` are those with a head: scale s gives inverse depth at 1 / 2^s of the size.

    ``unit_m`` says how many metres the network's unit of length is, where that is known: 5.4 for
    the official weights that were trained with stereo pairs.
    """

    layers: Literal[18, 50] = 18
    encoder: EncoderName = "resnet"
    scales: tuple[int, ...] = (0, 1, 2, 3)
    min_depth: float = 0.1
    max_depth: float = 100.0
    pose: bool = True
    unit_m: float | None = None

    def __post_init__(self) -> None:
        if self.layers not in (18, 50):
            raise ValueError(f"layers: expected 18 or 50, got {self.layers}")
        check_encoder(self.encoder)
        if not {0} <= set(self.scales) <= {0, 1, 2, 3}:
            raise ValueError(f"scales: expected 0 and others up to 3, got {self.scales}")
        if not 0 < self.min_depth < self.max_depth:
            raise ValueError(f"depth from {self.min_depth} to {self.max_depth}")
        if self.unit_m is not None and not self.unit_m > 0:
            raise ValueError(f"unit_m: expected more than 0, got {self.unit_m}")


class Encoder(nn.Module):
    """A ResNet or MobileNet for one image, or for several that are stacked."""

    def __init__(self, config: Monodepth2Config, images: int = 1) -> None:
        super().__init__()
        self.encoder = make_encoder(config.encoder, config.layers, images)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Five feature maps, the largest first."""
        features: tuple[Tensor, ...] = self.encoder(image)
        return features


class DepthHalf(nn.Module):
    """The depth network alone, at full scale: what runs on the robot."""

    def __init__(self, config: Monodepth2Config, encoder: Encoder, depth: DepthDecoder) -> None:
        super().__init__()
        self.config, self.training = config, encoder.training
        self.encoder = encoder
        self.depth = depth

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to inverse depth (N, 1, H, W)."""
        (logit,) = self.depth(self.encoder(image), (0,))
        return inverse_depth(logit, self.config)


class PoseHalf(nn.Module):
    """The pose network alone."""

    def __init__(self, pose_encoder: Encoder, pose: PoseDecoder) -> None:
        super().__init__()
        self.training = pose_encoder.training
        self.pose_encoder = pose_encoder
        self.pose = pose

    def forward(self, images: Tensor) -> Tensor:
        """(N, 6, H, W), the earlier frame first, to (N, 6): the motion first -> second."""
        motion: Tensor = self.pose(self.pose_encoder(images)[-1])
        return motion


class Monodepth2(nn.Module):
    """Both networks: all that is trained."""

    def __init__(self, config: Monodepth2Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Monodepth2Config()
        self.encoder = Encoder(config)
        self.depth = DepthDecoder(self.encoder.encoder.widths, config.scales)
        if config.pose:
            self.pose_encoder = Encoder(config, images=2)
            self.pose = PoseDecoder(self.pose_encoder.encoder.widths[-1])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) to inverse depth at every scale, the largest first."""
        logits = self.depth(self.encoder(image), self.config.scales)
        return tuple(inverse_depth(logit, self.config) for logit in logits)

    def motion(self, images: Tensor) -> Tensor:
        """(N, 6, H, W), the earlier frame first, to (N, 6): the motion first -> second."""
        motion: Tensor = self.pose(self.pose_encoder(images)[-1])
        return motion


def inverse_depth(logit: Tensor, config: Monodepth2Config) -> Tensor:
    """One over depth, from 1 / max_depth to 1 / min_depth."""
    low, high = 1 / config.max_depth, 1 / config.min_depth
    return low + (high - low) * torch.sigmoid(logit)


def parts(network: nn.Module, width: int, height: int) -> dict[str, Part]:
    """Image to inverse depth and, with a pose network, two images to their motion."""
    if min(width, height) < SMALLEST:
        raise EngineError(
            "image size of Monodepth2",
            expected=f"at least {SMALLEST}x{SMALLEST}",
            got=f"{width}x{height}",
        )
    whole = cast(Monodepth2, network)
    unit = whole.config.unit_m
    seen = normalisation(whole.config.encoder, (MEAN,) * 3, (STD,) * 3)
    pixels = {**seen, "smallest": SMALLEST}
    common = {**pixels, "metric": unit is not None}
    depth = Part(
        DepthHalf(whole.config, whole.encoder, whole.depth),
        (TensorSpec("image", (1, 3, height, width)),),
        (TensorSpec("inverse_depth", (1, 1, height, width)),),
        {**common, "kind": "inverse_depth", "gain": 1 / (unit or 1.0)},
    )
    if not whole.config.pose:
        return {"depth": depth}
    pose = Part(
        PoseHalf(whole.pose_encoder, whole.pose),
        (TensorSpec("images", (1, 6, height, width)),),
        (TensorSpec("motion", (1, 6)),),
        {**common, "kind": "motion", "gain": unit or 1.0},
    )
    return {"depth": depth, "pose": pose}


def read(files: Mapping[str, State]) -> State:
    """encoder.pth, depth.pth, pose_encoder.pth and pose.pth, each under its name.

    The image size and the training mode that encoder.pth says, and the classifiers ``fc`` of both
    encoders, which are not used, have no place here.
    """
    state: State = {}
    for name, tensors in files.items():
        stem = PurePath(name).stem
        dropped = DROPPED.get(stem, ())
        state |= {f"{stem}.{k}": v for k, v in tensors.items() if k not in dropped}
    return state


def options(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The config that the official files imply: with a pose network or not, and the unit."""
    stems = {PurePath(name).stem: values for name, values in files.items()}
    said: dict[str, Any] = {}
    if not {"pose_encoder", "pose"} <= stems.keys():
        said["pose"] = False
    if bool(stems.get("encoder", {}).get("use_stereo", False)):
        said["unit_m"] = STEREO_UNIT_M
    return said


def _architecture(config: Monodepth2Config) -> Architecture:
    return Architecture(
        config,
        Monodepth2,
        parts,
        (640, 192),
        32,
        PAPER,
        files=("encoder", "depth"),
        optional_files=("pose_encoder", "pose"),
        read=read,
        options=options,
    )


ARCHITECTURES = {
    "monodepth2": _architecture(Monodepth2Config()),
    "monodepth2_r50": _architecture(Monodepth2Config(layers=50)),
    "monodepth2_mobilenet": _architecture(Monodepth2Config(encoder="mobilenet_v1")),
}
