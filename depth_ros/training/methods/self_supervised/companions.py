# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks that learn along and are not exported: SfMLearner's masks and FeatDepth's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.training.losses import features as feature_losses
from depth_ros.training.losses.photometric import photometric_error

_REGULAR = 1e-3  # of both regularisers of the features, FeatDepth's


def _block(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1, padding_mode="replicate"), nn.ELU(inplace=True)
    )


class Explainer(nn.Module):
    """How far a source may be trusted to explain the target, pixel by pixel: Zhou et al. 2017.

    Theirs hangs on the pose network's features; this one sees the pair for itself, so that it
    works where poses are given.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.down = nn.Sequential(
            _block(6, width, 2), _block(width, 2 * width, 2), _block(2 * width, 4 * width, 2)
        )
        self.up = nn.Sequential(_block(4 * width, 2 * width, 1), nn.Conv2d(2 * width, 1, 1))

    def forward(self, targets: Tensor, sources: Tensor) -> Tensor:
        """(P, 3, H, W) each, in [0, 1], to logits (P, 1, H, W); what is not static is low."""
        coarse = self.up(self.down(2 * torch.cat([targets, sources], 1) - 1))
        return functional.interpolate(
            coarse, size=targets.shape[-2:], mode="bilinear", align_corners=False
        )


class FeatureNet(nn.Module):
    """FeatDepth's autoencoder (Shu et al. 2020), small: features of 16 channels at half the size.

    Its own losses are the reconstruction's error and the two regularisers, weighed by 1e-3 each.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.encode = nn.Sequential(_block(3, width, 2), nn.Conv2d(width, width, 3, 1, 1))
        self.deepen = nn.Sequential(nn.ELU(), _block(width, 2 * width, 2))
        self.decode = nn.Sequential(
            _block(2 * width, width, 1),
            nn.Upsample(scale_factor=2),
            _block(width, width, 1),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, 3, 3, 1, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to features (N, 16, H/2, W/2)."""
        features: Tensor = self.encode(2 * images - 1)
        return features

    def loss(self, images: Tensor) -> Tensor:
        """What the autoencoder itself learns from; H and W are multiples of 4."""
        features = self(images)
        made = torch.sigmoid(self.decode(self.deepen(features)).float())
        small = functional.avg_pool2d(images, 2)
        regular = feature_losses.discriminative(features.float(), small)
        regular = regular + feature_losses.convergent(features.float(), small)
        return photometric_error(made, images).mean() + _REGULAR * regular
