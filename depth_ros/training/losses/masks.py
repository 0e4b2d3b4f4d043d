# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which pixels can be explained at all: learnt (SfMLearner) and by geometry (vid2depth).

Error maps are (N, 1, H, W), masks bool (N, 1, H, W), logits (N, S, H, W) for S sources.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_ros.training.warp import back_project, project, sample, synthesise, transform


def source_errors(
    target: Tensor,
    sources: Sequence[Tensor],
    depth: Tensor,
    source_from_target: Sequence[Tensor],
    k: Tensor,
) -> Tensor:
    """(N, S, H, W): |I_t - I_s->t| of each source, mean over channels; 0 where it does not see.

    Zhou et al. 2017, whose photometric loss is its mean, at each scale's own resolution. Images
    (N, C, H, W) in [0, 1], depth (N, 1, H, W), transforms (N, 4, 4), k (N or 1, 4) of that size.
    """
    errors = []
    for source, pose in zip(sources, source_from_target, strict=True):
        view = synthesise(source, depth, pose, k)
        error = (view.image - target).abs().mean(1, keepdim=True)
        errors.append(torch.where(view.valid, error, 0.0))
    return torch.cat(errors, 1)


def explained(error: Tensor, logits: Tensor) -> Tensor:
    """mean sigmoid(logit) * error: Zhou et al. 2017; errors (N, S, H, W)."""
    return (torch.sigmoid(logits) * error).mean()


def explainability(logits: Tensor) -> Tensor:
    """mean -log sigmoid(logit): the cross-entropy with 1 that keeps the mask from being 0.

    Zhou et al. 2017, L_reg; their weight is 0.2.
    """
    return F.softplus(-logits).mean()


def in_view(depth: Tensor, source_from_target: Tensor, k: Tensor) -> Tensor:
    """The target's pixels that the source's image contains: vid2depth's principled mask.

    Mahjourian et al. 2018: true where 0 <= x <= W - 1, 0 <= y <= H - 1 and z > 0
    in the source. Depth (N, 1, H, W), transforms (N, 4, 4), k (N or 1, 4). No gradient.
    """
    with torch.no_grad():
        pixels, before = project(transform(source_from_target, back_project(depth, k)), k)
        return sample(depth, pixels)[1] & before


def depth_consistency(ours: Tensor, theirs: Tensor) -> Tensor:
    """(N, 1, H, W) |a - b| / (a + b), 0 to 1, without unit: Bian et al. 2019 (SC-SfMLearner).

    ``ours`` is our depth in the source's camera (``Warped.depth``), ``theirs`` the source's own
    depth sampled there. Its mean is their geometry loss, 1 minus it their soft mask.
    """
    return (ours - theirs).abs() / (ours + theirs)
