# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses that compare depths: with neighbours', with the pair's, with points, with hints."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.training.losses import icp, masks, sparse, stereo
from depth_ros.training.losses.features import feature_error
from depth_ros.training.losses.photometric import (
    full_resolution,
    masked_mean,
    minimum_over_sources,
    photometric_error,
)
from depth_ros.training.methods.self_supervised.pairs import Pairs
from depth_ros.training.warp import (
    Warped,
    back_project,
    sample,
    scaled_intrinsics,
    synthesise,
)

_REACH = 0.1  # of the mean depth: points further from all others have no partner
_ICP_STEPS = 8
_FAR = 1e6


def cloud_agreement(
    pairs: Pairs, ours: Tensor, theirs: Tensor, transforms: Tensor, given: Tensor, count: int
) -> Tensor:
    """vid2depth's 3-D loss: the target's cloud, moved, against the source's (Mahjourian 2018).

    ``ours`` (P, 1, H, W) is the targets' depth and ``theirs`` the sources', both in metres;
    about ``count`` pixels of each on a grid. Points that the other image does not show are left
    out (the principled mask). ``given`` bool (P,): motions that are known, which ICP then takes
    for exact.
    """
    k = pairs.k[pairs.n]
    step = max(1, round((ours[0].numel() / count) ** 0.5))
    seen = masks.in_view(ours, transforms, k)
    source = torch.where(seen, back_project(ours, k), _FAR)[..., ::step, ::step].flatten(2)
    target = back_project(theirs, k)[..., ::step, ::step].flatten(2)
    motion = icp.as_motion(transforms)
    reach = _REACH * float(theirs.detach().mean())
    total = ours.new_zeros(())
    for which, steps in ((given, 0), (~given, _ICP_STEPS)):
        if bool(which.any()):
            loss = icp.icp_loss(
                source[which], target[which].detach(), motion[which], reach=reach, steps=steps
            )
            total = total + loss * which.sum() / len(which)
    return total


def depth_agreement(view: Warped, theirs: Tensor) -> Tensor:
    """SC-SfMLearner's geometry loss (Bian et al. 2019) of the warped views (P, ...).

    ``theirs`` (P, 1, H, W) is the sources' own depth.
    """
    there, _ = sample(theirs, view.pixels)
    return masked_mean(masks.depth_consistency(view.depth, there), view.valid)


def left_right(pairs: Pairs, ours: Tensor, theirs: Tensor) -> Tensor:
    """Monodepth's consistency (Godard et al. 2017) of the stereo pairs among the pairs.

    ``ours`` and ``theirs`` (P, 1, H, W) are inverse depths in 1/m of targets and sources. The
    paper's network gives both disparities from the left image; here it has seen both images.
    """
    baseline = pairs.truth[:, 0, 3]  # negative where the source is the right image
    focal = pairs.k[pairs.n, 0]
    width = (focal * baseline.abs())[:, None, None, None]
    total, stereo_pairs = ours.new_zeros(()), ~pairs.temporal()
    for which, swapped in ((baseline < 0, False), (baseline > 0, True)):
        which = which & stereo_pairs
        if bool(which.any()):
            a, b = (width * ours)[which], (width * theirs)[which]
            loss = (
                stereo.left_right_consistency(b, a)
                if swapped
                else (stereo.left_right_consistency(a, b))
            )
            total = total + loss * which.sum() / stereo_pairs.sum()
    return total


def feature_metric(
    pairs: Pairs, features: Tensor, inverse_depth: Tensor, transforms: Tensor
) -> Tensor:
    """FeatDepth's feature-metric loss: the least feature error of a pixel's sources.

    ``features`` (N, 1 + S, C, h, w) of all images, which are constants here.
    """
    fixed = features.detach()
    small = fixed.shape[-2:]
    k = scaled_intrinsics(
        pairs.k, small[1] / pairs.images.shape[-1], small[0] / pairs.images.shape[-2]
    )
    depth = 1 / functional.interpolate(
        inverse_depth, size=small, mode="bilinear", align_corners=False
    )
    view = synthesise(fixed[pairs.n, 1 + pairs.place], depth[pairs.n], transforms, k[pairs.n])
    error = torch.where(view.valid, feature_error(view.image, fixed[pairs.n, 0]), float("inf"))
    spread = pairs.spread(error, float("inf"))
    return masked_mean(*minimum_over_sources([spread], [spread < float("inf")]))


def sparse_points(inverse_depth: Tensor, points: Tensor, metric: Tensor, image: Tensor) -> Tensor:
    """The prior of visual odometry's points (Andraghetti et al. 2019) on full-size inverse depth.

    ``points`` (N, 2, H, W) inverse depth and variance; where not ``metric`` (N,), the points are
    first scaled by the median ratio to the prediction.
    """
    full = full_resolution(inverse_depth, image)
    known, variance = points[:, :1], points[:, 1:]
    with torch.no_grad():
        ratio = (full / known).flatten(1).nanmedian(1).values.nan_to_num(1.0)
        scale = torch.where(metric, torch.ones_like(ratio), ratio)[:, None, None, None]
    # Relative to the prediction's mean, so that the weight means the same in every unit.
    mean = full.detach().mean()
    return sparse.sparse_prior(full, known * scale, variance * scale**2) / mean


def depth_hint(
    pairs: Pairs, inverse_depth: Tensor, hint: Tensor, error: Tensor, ssim_share: float
) -> Tensor:
    """mean ln(1 + |d - h|) of depths where the hint h explains the pair better.

    Watson et al., Self-Supervised Monocular Depth Hints, ICCV 2019. ``hint`` (N, 1, H, W) inverse
    depth in 1/m, NaN unknown; ``error`` (P, 1, H, W) the prediction's photometric errors.
    """
    beside = ~pairs.temporal()
    n, h = pairs.n[beside], hint[pairs.n[beside]]
    if not len(n):
        return inverse_depth.new_zeros(())
    target, source = pairs.targets()[beside], pairs.sources()[beside]
    depth = 1 / full_resolution(inverse_depth, pairs.target)[n]
    known = h.isfinite()
    wanted = 1 / torch.where(known, h, 1.0)
    with torch.no_grad():
        view = synthesise(source, wanted, pairs.truth[beside], pairs.k[n])
        fits = photometric_error(view.image, target, ssim_share)
        better = known & view.valid & (fits < error[beside])
    loss = torch.log1p((depth - wanted).abs())
    return torch.where(better, loss, 0.0).mean()
