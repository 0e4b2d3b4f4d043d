# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses on clips: depth that changes as the truth does and agrees with the frame before.

Clips are (N, 1, T, H, W), as ST-CLSTM returns them; frames are (N, 1, H, W). Depth is in metres,
truth is NaN where unknown.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_ros.training.losses.common import error, mean


def as_frames(clip: Tensor) -> Tensor:
    """The frames of all clips as a batch, (N, C, T, H, W) -> (N T, C, H, W), for losses on images.

    ST-CLSTM's spatial loss is ``hu`` of them, up to the factor T: a mean over time, not a sum.
    """
    return clip.transpose(1, 2).flatten(0, 1)


def temporal_gradient(p: Tensor, t: Tensor) -> Tensor:
    """mean |(p_{k+1} - p_k) - (t_{k+1} - t_k)| over clips (N, 1, T, H, W), in metres.

    No motion is needed: the truth says how each pixel changes, occlusions included. It is the L1
    form of what the temporal consistency measure of ST-CLSTM (Zhang et al. 2019) compares, with
    its sign. A constant error of a pixel costs nothing.
    """
    e, valid = error(p, t)
    change = e[:, :, 1:] - e[:, :, :-1]
    return mean(change.abs(), valid[:, :, 1:] & valid[:, :, :-1])


def temporal_consistency(p: Tensor, previous: Tensor, weight: Tensor | None = None) -> Tensor:
    """mean w |p - q| / (p + q), q the previous frame's depth: Bian et al. 2019 (SC-SfMLearner).

    With warping, ``previous`` is the depth of the frame before, moved into this frame by flow or
    ego-motion and seen from this camera, NaN where nothing arrived. Without, it is that depth
    itself: right for a camera at rest. Both are positive metres, (N, 1, H, W). The value has no
    unit, is below 1 and ignores a factor on both. ``weight`` is ``visibility``, or 1.
    """
    valid = torch.isfinite(previous)
    q = torch.where(valid, previous, 1.0)
    ratio = (p - q).abs() / (p + q)
    return mean(ratio if weight is None else weight * ratio, valid)


def visibility(image: Tensor, previous: Tensor, sharpness: float = 50.0) -> Tensor:
    """exp(-sharpness sum_c (I - I')^2), (N, 3, H, W) -> (N, 1, H, W): Lai et al. 2018.

    1 where the previous image, moved into this one, shows the same colour, near 0 where it was
    hidden or has moved otherwise. Colours are 0 to 1. Unknown (NaN) colours give 0.
    """
    e, valid = error(image, previous)
    weight = torch.exp(-sharpness * (e**2).sum(dim=1, keepdim=True))
    return torch.where(valid.all(dim=1, keepdim=True), weight, 0.0)


class ClipDiscriminator(nn.Module):
    """Tells clips of true depth from predicted ones: (N, 1, T, H, W) metres -> (N,) logits.

    ST-CLSTM (Zhang et al. 2019) trains against a 3-D convolutional network that sees the whole
    clip. The paper leaves its layers open. These are four 3x3x3 convolutions of ``width`` doubling
    to 8 ``width`` channels, each halving height and width while time stays whole, with group norm
    of one group (which, unlike batch norm, judges every clip alone), a mean over all positions
    and one linear layer. ``width`` is at least 2; T, H and W are free.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for k in range(4):
            out = width * 2**k
            layers += [
                nn.Conv3d(channels, out, 3, (1, 2, 2), 1, bias=False),
                nn.GroupNorm(1, out),
                nn.LeakyReLU(0.2),
            ]
            channels = out
        self.features = nn.Sequential(*layers)
        self.judge = nn.Linear(channels, 1)

    def forward(self, clip: Tensor) -> Tensor:
        features = self.features(clip).mean(dim=(2, 3, 4))  # N, 8 width
        return cast(Tensor, self.judge(features)).squeeze(1)


def comparable(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Both clips with 0 where the truth is unknown, so that holes do not give the truth away."""
    valid = torch.isfinite(t)
    return torch.where(valid, p, 0.0), torch.where(valid, t, 0.0)


def discriminator_loss(true: Tensor, predicted: Tensor) -> Tensor:
    """mean -ln s(true) + mean -ln(1 - s(predicted)), halved, s the sigmoid of logits (N,).

    Goodfellow et al. 2014. The predicted clips are detached from the network that made them.
    """
    return (functional.softplus(-true).mean() + functional.softplus(predicted).mean()) / 2


def adversarial_loss(predicted: Tensor) -> Tensor:
    """mean -ln s(predicted) of logits (N,): what the depth network adds to its loss.

    ST-CLSTM's temporal loss as binary cross entropy, in the form that does not saturate; the
    weight in use is 0.1. The gradient flows through the discriminator, which is not stepped.
    """
    return functional.softplus(-predicted).mean()
