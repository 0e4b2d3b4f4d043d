# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses of a rectified stereo pair: each image made out of the other by disparity.

Disparities (N, 1, H, W) are positive pixels of that very size: a point at x in the left image is
at x - d_left in the right, one at x in the right is at x + d_right in the left. Images are
(N, C, H, W) in [0, 1]. Depth in metres is focal (pixels) * baseline (metres) / disparity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_ros.training.losses.photometric import full_resolution, masked_mean, photometric_error
from depth_ros.training.losses.smoothness import across, down
from depth_ros.training.warp import shift


def depth_from_disparity(disparity: Tensor, focal_px: float, baseline_m: float) -> Tensor:
    """Metres from pixels, f b / d; the same formula takes metres to pixels."""
    return focal_px * baseline_m / disparity


def right_from_left(baseline_m: float, like: Tensor) -> Tensor:
    """(N, 4, 4) for ``like``'s N images: the pose that makes the pair a metric source view.

    The right camera stands ``baseline_m`` along x, so points move by minus that.
    """
    pose = torch.eye(4, dtype=like.dtype, device=like.device).repeat(like.shape[0], 1, 1)
    pose[:, 0, 3] = -baseline_m
    return pose


def garg_bilinear(left: Tensor, right: Tensor, disparity: Tensor) -> Tensor:
    """mean (I_r(x - d) - I_l)^2 over the pixels that the right image has: Garg et al. 2016."""
    made, valid = shift(right, disparity)
    return _square(made, left, valid)


def garg_linearised(
    left: Tensor, right: Tensor, disparity: Tensor, around: Tensor | None = None
) -> Tensor:
    """Garg et al. 2016: the warp as a Taylor series around a known disparity d0.

    mean (I_r(x - d0) - (d - d0) dI_r/dx(x - d0) - I_l)^2, dI/dx by central differences. ``around``
    is the last iteration's d0; None takes ``disparity`` itself without gradient: the value is
    then ``garg_bilinear``'s, and only the gradient differs, smoother than bilinear sampling's.
    """
    at = disparity.detach() if around is None else around
    made, valid = shift(right, at)
    slope, _ = shift(_central(right), at)
    return _square(made - (disparity - at) * slope, left, valid)


def garg_smoothness(disparity: Tensor) -> Tensor:
    """mean |dx d|^2 + mean |dy d|^2 (Garg et al. 2016, who weigh it by 0.01)."""
    return (across(disparity) ** 2).mean() + (down(disparity) ** 2).mean()


def reconstruction(left: Tensor, right: Tensor, d_left: Tensor, d_right: Tensor) -> Tensor:
    """Photometric error of both reconstructions, summed: Godard et al. 2017, C_ap.

    Pixels that the other image does not have are left out, so a disparity that runs out of the
    image costs nothing: begin small.
    """
    from_right, in_right = shift(right, d_left)
    from_left, in_left = shift(left, -d_right)
    of_left = masked_mean(photometric_error(from_right, left), in_right)
    return of_left + masked_mean(photometric_error(from_left, right), in_left)


def left_right_consistency(d_left: Tensor, d_right: Tensor) -> Tensor:
    """mean |d_l(x) - d_r(x - d_l(x))| and its mirror, summed, as fractions of the width.

    Godard et al. 2017, C_lr; fractions as there, so that the published weight 1 holds.
    """
    theirs, in_right = shift(d_right, d_left)
    ours, in_left = shift(d_left, -d_right)
    left = masked_mean((theirs - d_left).abs(), in_right)
    return (left + masked_mean((ours - d_right).abs(), in_left)) / d_left.shape[-1]


def monodepth(
    left: Tensor,
    right: Tensor,
    disparities: Sequence[tuple[Tensor, Tensor]],
    consistency: float = 1.0,
) -> Tensor:
    """The sum over scales of reconstruction + consistency, (d_left, d_right) finest first.

    Godard et al. 2017 without their smoothness. Disparities are pixels of their own scale; the
    reconstruction is made at full resolution (as in Monodepth2), the consistency at each scale.
    """
    total = left.new_zeros(())
    for d_left, d_right in disparities:
        grown = left.shape[-1] / d_left.shape[-1]
        full = (full_resolution(d, left) * grown for d in (d_left, d_right))
        total = total + reconstruction(left, right, *full)
        total = total + consistency * left_right_consistency(d_left, d_right)
    return total


def _square(made: Tensor, image: Tensor, valid: Tensor) -> Tensor:
    return masked_mean(((made - image) ** 2).mean(1, keepdim=True), valid)


def _central(image: Tensor) -> Tensor:
    padded = F.pad(image, (1, 1, 0, 0), mode="replicate")
    return (padded[..., 2:] - padded[..., :-2]) / 2
