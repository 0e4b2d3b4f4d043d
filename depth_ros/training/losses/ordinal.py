# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth as classes: DORN's ordinal regression, and Cao's bins with a soft-weighted sum.

Depth is in metres, (N, 1, H, W), NaN where unknown; scores of K bins are (N, K, H, W). Bins are
uniform in the logarithm of depth + shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.errors import ConfigError
from depth_ros.training.losses.common import mean


@dataclass(frozen=True)
class Bins:
    """``count`` bins from ``near`` to ``far`` metres, uniform in ln(depth + shift).

    DORN (Fu et al. 2018) calls this spacing-increasing discretisation and picks the shift so
    that near + shift = 1. Cao et al. 2017 use shift 0. Raises ConfigError for an empty range.
    """

    near: float
    far: float
    count: int
    shift: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.near + self.shift < self.far + self.shift < math.inf:
            raise ConfigError(
                "depth bins",
                expected="0 < near + shift < far + shift",
                got=f"near {self.near}, far {self.far}, shift {self.shift}",
                fix="Give the range of depth in metres, nearest first.",
            )
        if self.count < 1:
            raise ConfigError("depth bins: count", expected="at least 1", got=self.count)

    @property
    def step(self) -> float:
        """The width of a bin in ln(depth + shift)."""
        return math.log((self.far + self.shift) / (self.near + self.shift)) / self.count


def bin_edges(bins: Bins) -> Tensor:
    """t_i = (near + shift) exp(i step) - shift, i = 0 ... K: (K + 1,) metres, float64."""
    i = torch.arange(bins.count + 1, dtype=torch.float64)
    return (bins.near + bins.shift) * torch.exp(i * bins.step) - bins.shift


def bin_encode(bins: Bins, t: Tensor) -> Tensor:
    """The bin of each depth in metres, 0 ... K - 1, and -1 where unknown: int64, t's shape.

    Depth beyond the range goes to the nearest bin; an edge belongs to the bin beyond it.
    """
    known = torch.isfinite(t)
    inside = torch.where(known, t, bins.near).clamp(bins.near, bins.far)
    label = torch.bucketize(inside.double(), bin_edges(bins).to(t.device), right=True) - 1
    return torch.where(known, label.clamp(0, bins.count - 1), -1)


def bin_decode(bins: Bins, label: Tensor) -> Tensor:
    """(t_l + t_{l+1}) / 2, the middle of bin l in metres: DORN's decoding. float32, NaN for -1."""
    e = bin_edges(bins).to(label.device)
    middle = ((e[1:] + e[:-1]) / 2).float()
    return torch.where(label >= 0, middle[label.clamp(0, bins.count - 1)], torch.nan)


def ordinal_logits(scores: Tensor) -> Tensor:
    """DORN's 2 K channels, (N, 2 K, H, W) -> (N, K, H, W): ln P_k / (1 - P_k), P_k = P(l > k).

    Channels 2 k and 2 k + 1 go through a softmax of their own, whose second value is P_k.
    """
    return scores[:, 1::2] - scores[:, ::2]


def ordinal_loss(logits: Tensor, t: Tensor, bins: Bins) -> Tensor:
    """-mean over pixels of sum_{k < l} ln P_k + sum_{k >= l} ln(1 - P_k): DORN, Fu et al. 2018.

    logits: (N, K, H, W), of P_k, the probability that the pixel lies beyond bin k. t: (N, 1, H, W)
    metres, l its bin.
    """
    label = bin_encode(bins, t)
    k = torch.arange(bins.count, device=t.device).view(1, -1, 1, 1)
    beyond = (k < label).to(logits.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, beyond, reduction="none")
    return mean(each.sum(dim=1, keepdim=True), label >= 0)


def ordinal_decode(logits: Tensor, bins: Bins) -> Tensor:
    """Metres, (N, 1, H, W): the middle of bin l, l the number of k with P_k >= 1/2. DORN."""
    return bin_decode(bins, (logits >= 0).sum(dim=1, keepdim=True).clamp_max(bins.count - 1))


def bin_loss(logits: Tensor, t: Tensor, bins: Bins, sharpness: float = 0.2) -> Tensor:
    """-mean over pixels of sum_k exp(-sharpness (l - k)^2) ln P_k: Cao et al. 2017.

    P is the softmax of ``logits`` (N, K, H, W), l the bin of t (N, 1, H, W) in metres. The weight
    (information gain) lets bins near the true one count as nearly right. A large sharpness makes
    it cross entropy.
    """
    label = bin_encode(bins, t)
    k = torch.arange(bins.count, device=t.device).view(1, -1, 1, 1)
    gain = torch.exp(-sharpness * (label - k).to(logits.dtype) ** 2)
    each = -(gain * torch.log_softmax(logits, dim=1)).sum(dim=1, keepdim=True)
    return mean(each, label >= 0)


def soft_weighted_sum(logits: Tensor, bins: Bins) -> Tensor:
    """exp(sum_k P_k ln c_k) - shift in metres, (N, 1, H, W): Li et al. 2018.

    "Monocular Depth Estimation with Hierarchical Fusion of Dilated CNNs and Soft-Weighted-Sum
    Inference". c_k = (near + shift) exp((k + 1/2) step) is the centre of bin k in the logarithm,
    so that a P of one bin gives that bin's centre, c_k - shift.
    """
    k = torch.arange(bins.count, device=logits.device, dtype=logits.dtype).view(1, -1, 1, 1)
    position = (torch.softmax(logits, dim=1) * (k + 0.5)).sum(dim=1, keepdim=True)
    return (bins.near + bins.shift) * torch.exp(position * bins.step) - bins.shift
