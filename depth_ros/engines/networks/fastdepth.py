# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FastDepth: Wofk et al., "Fast Monocular Depth Estimation on Embedded Systems", ICRA 2019.

A MobileNet V1 encoder and a decoder of depthwise 5x5 and pointwise convolutions with nearest
upsampling and three additive skips. Input: (N, 3, H, W), H and W multiples of 32. Output:
(N, 1, H, W), metres, or log depth in the canonical camera. Parameter names and shapes are those
of the official MobileNetSkipAdd, so that its checkpoints fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from depth_ros.engines.networks.architecture import Architecture, Part
from depth_ros.engines.networks.mobilenet import MEAN, STD, STRIDES, WIDTHS, conv_bn, conv_dw
from depth_ros.engines.spec import TensorSpec

PAPER = "Wofk et al., FastDepth: Fast Monocular Depth Estimation on Embedded Systems, ICRA 2019"
SKIPS = {2: 5, 3: 3, 4: 1}  # the decoder stage: the encoder stage that is added after it


@dataclass(frozen=True)
class FastDepthConfig:
    """Channel widths of both halves, and what the last layer returns.

    ``metres`` is the official head: batch norm, ReLU, nearest upsampling. ``log_depth`` leaves the
    ReLU out, freezes the last batch norm's statistics, because normalising the depth of a batch
    would wash out its scale, and upsamples bilinearly.
    """

    encoder: tuple[int, ...] = WIDTHS
    decoder: tuple[int, ...] = (512, 256, 128, 64, 32, 1)
    output: Literal["metres", "log_depth"] = "metres"


PRUNED = FastDepthConfig(
    encoder=(16, 56, 88, 120, 144, 256, 408, 376, 272, 288, 296, 328, 480, 512),
    decoder=(200, 256, 120, 56, 16, 1),
)


def depthwise(channels: int) -> nn.Sequential:
    """One 5x5 filter a channel."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 5, 1, 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def pointwise(c_in: int, c_out: int) -> nn.Sequential:
    """A 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


class FastDepth(nn.Module):
    """MobileNetSkipAdd: 228 entries in its state, 3.96 million parameters at full width."""

    def __init__(self, config: FastDepthConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FastDepthConfig()
        widths = (3, *config.encoder)
        self.conv0 = conv_bn(3, widths[1], STRIDES[0])
        for i in range(1, 14):
            self.add_module(f"conv{i}", conv_dw(widths[i], widths[i + 1], STRIDES[i]))
        widths = (config.encoder[-1], *config.decoder)
        for i in range(1, 6):
            stage = nn.Sequential(depthwise(widths[i - 1]), pointwise(widths[i - 1], widths[i]))
            self.add_module(f"decode_conv{i}", stage)
        self.decode_conv6 = pointwise(widths[5], widths[6])
        if config.output == "log_depth":
            self.decode_conv6[2] = nn.Identity()

    def train(self, mode: bool = True) -> FastDepth:
        super().train(mode)
        if self.config.output == "log_depth":
            self.decode_conv6[1].eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1, H, W)."""
        half = self.forward_half(image)  # N, 1, H/2, W/2
        mode = "bilinear" if self.config.output == "log_depth" else "nearest"
        return functional.interpolate(half, scale_factor=2.0, mode=mode)

    def forward_half(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1, H/2, W/2): all that the network knows.

        The official order is upsample, then the last pointwise layer. Pointwise layers and
        nearest upsampling commute, so this order gives the same numbers at a quarter of the cost.
        """
        out: Tensor = self.decode_conv6(self.features(image))
        return out

    def features(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 32, H/2, W/2): what the last layer sees."""
        skips: dict[int, Tensor] = {}
        x = image
        for i in range(14):
            x = self.get_submodule(f"conv{i}")(x)
            if i in SKIPS.values():
                skips[i] = x  # conv1: H/2, conv3: H/4, conv5: H/8
        for i in range(1, 5):
            x = self.get_submodule(f"decode_conv{i}")(x)
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            if i in SKIPS:
                x = x + skips[SKIPS[i]]
        out: Tensor = self.get_submodule("decode_conv5")(x)
        return out


class LogDepth(nn.Module):
    """A ``log_depth`` network as its engine computes it: (N, 3, H, W) to (N, 1, H/2, W/2).

    The upsampling is left to whoever needs it. The last layer is a product and a sum instead of a
    convolution: OpenVINO keeps those in float32 where it computes convolutions in bf16, whose 8
    bits would cut the depth into steps of up to 0.8 %.
    """

    def __init__(self, network: FastDepth) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        convolution, norm, _ = self.network.decode_conv6
        x = self.network.features(image)
        out: Tensor = norm((x * cast(Tensor, convolution.weight)).sum(1, keepdim=True))
        return out


def set_constant_output(network: FastDepth, value: float) -> None:
    """Make the untrained head of a ``log_depth`` network start near ``value``."""
    nn.init.constant_(cast(Tensor, network.decode_conv6[1].bias), value)
    nn.init.constant_(cast(Tensor, network.decode_conv6[1].weight), 0.5)


def parts(network: nn.Module, width: int, height: int) -> dict[str, Part]:
    """One engine: image to depth."""
    network = cast(FastDepth, network)
    image = (TensorSpec("image", (1, 3, height, width)),)
    if network.config.output == "metres":
        depth = TensorSpec("depth", (1, 1, height, width))
        return {"depth": Part(network, image, (depth,), {"kind": "metres", "metric": True})}
    # The paper feeds pixels from 0 to 1; this head is ours and is trained from -1 to 1.
    depth = TensorSpec("log_depth", (1, 1, height // 2, width // 2))
    facts = {"kind": "log_depth", "metric": True, "mean": MEAN, "std": STD}
    return {"depth": Part(LogDepth(network), image, (depth,), facts)}


def _architecture(config: FastDepthConfig) -> Architecture:
    return Architecture(config, FastDepth, parts, (224, 224), 32, PAPER)


ARCHITECTURES = {
    "fastdepth": _architecture(FastDepthConfig()),
    "fastdepth_pruned": _architecture(PRUNED),
}
