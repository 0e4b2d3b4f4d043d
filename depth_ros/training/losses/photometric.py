# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How well a reconstructed image fits: SSIM and L1, the best source, what does not move.

Images are (N, C, H, W) in [0, 1], error maps (N, 1, H, W) without unit, masks bool (N, 1, H, W).
Everything wants float32: in half precision SSIM's variances are rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_ros.training.losses.ssim import Reference
from depth_ros.training.warp import synthesise

_C1, _C2 = 0.01**2, 0.03**2
_NO_SOURCE = float("inf")


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """(N, C, H, W) structural similarity, -1 to 1, over 3x3 windows, borders reflected.

    (2 m_a m_b + C1)(2 s_ab + C2) / ((m_a^2 + m_b^2 + C1)(s_a + s_b + C2)) with means m and
    (co)variances s (over 9, not 8), C1 = 0.01^2, C2 = 0.03^2. Wang et al. 2004, with the window
    of Godard et al. 2017. Wants images of at least 2x2.
    """
    a, b = (F.pad(image, (1, 1, 1, 1), mode="reflect") for image in (a, b))
    mean_a, mean_b = _window(a), _window(b)
    spread = _window(a * a) - mean_a**2 + _window(b * b) - mean_b**2
    shared = _window(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * shared + _C2)
    return above / ((mean_a**2 + mean_b**2 + _C1) * (spread + _C2))


def photometric_error(
    a: Tensor,
    b: Tensor | Reference,
    ssim_weight: float = 0.85,
    robust: float = 0.0,
    of: Tensor | None = None,
) -> Tensor:
    """(N, 1, H, W): w clamp((1 - SSIM) / 2, 0, 1) + (1 - w) |a - b|, mean over channels.

    Godard et al. 2017 and 2019 with w = 0.85. ``robust`` makes |x| to sqrt(x^2 + robust):
    FeatDepth (Shu et al. 2020) takes 1e-6. Where much is compared with the same ``b``, a
    ``Reference`` of it saves a part of the work; ``of`` (N,) int64 then says which of its images.
    """
    if isinstance(b, Tensor) and of is not None:
        b, of = b[of], None
    reference = b if isinstance(b, Reference) else Reference(b)
    error = reference.error(a, of, ssim_weight, 0.0 if robust else 1 - ssim_weight)
    if isinstance(b, Tensor) and b.requires_grad and torch.is_grad_enabled():
        of_b = Reference(a).error(b, None, ssim_weight, 0.0 if robust else 1 - ssim_weight)
        error = error + (of_b - of_b.detach())  # the same number: it is symmetric
    if robust:
        whole = b.image if isinstance(b, Reference) else b
        difference = a - (whole if of is None else whole[of])
        size = (difference**2 + robust).sqrt().mean(1, keepdim=True)
        error = error + (1 - ssim_weight) * size
    return error


def minimum_over_sources(
    errors: Sequence[Tensor], valid: Sequence[Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """The error of the best source at each pixel, and whether any source is valid there.

    min_s e_s, Godard et al. 2019: what one source hides, another shows. Without ``valid`` every
    source counts everywhere (as published). Where none is valid the error is 0.
    """
    stacked = torch.cat(list(errors), 1)
    if valid is None:
        return stacked.amin(1, keepdim=True), torch.ones_like(stacked[:, :1], dtype=torch.bool)
    seen = torch.cat(list(valid), 1)
    found = seen.any(1, keepdim=True)
    best = torch.where(seen, stacked, _NO_SOURCE).amin(1, keepdim=True)
    return torch.where(found, best, 0.0), found


def tie_noise(like: Tensor, seed: int, scale: float = 1e-5) -> Tensor:
    """Normal noise of one seed in ``like``'s shape: what breaks ties in ``moving``."""
    generator = torch.Generator(like.device).manual_seed(seed)
    noise = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
    return scale * noise


def moving(best: Tensor, unmoved: Sequence[Tensor], noise: Tensor | None = None) -> Tensor:
    """bool (N, 1, H, W): the auto-mask of Godard et al. 2019, min_s e_s < min_s e(I_t, I_s).

    False where the unmoved sources fit at least as well as the best warped one: the camera stands
    still, the pixel moves with it, or there is no texture. ``noise`` from ``tie_noise`` is added
    to the unmoved errors.
    """
    still = torch.cat(list(unmoved), 1).amin(1, keepdim=True)
    return best < (still if noise is None else still + noise)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of (N, 1, H, W) where the mask is true; 0 where it is nowhere."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp_min(1)


def reprojection(
    target: Tensor | Reference,
    sources: Sequence[Tensor],
    depth: Tensor,
    source_from_target: Sequence[Tensor],
    k: Tensor,
    everywhere: bool = False,
) -> tuple[Tensor, Tensor]:
    """The best source's photometric error at each pixel, and whether any source sees it.

    Target and sources (N, C, H, W), depth (N, 1, H, W), transforms (N, 4, 4), k (N or 1, 4).
    ``everywhere`` compares pixels out of view with the source's repeated border.
    """
    views = [synthesise(s, depth, t, k) for s, t in zip(sources, source_from_target, strict=True)]
    errors = [photometric_error(view.image, target) for view in views]
    return minimum_over_sources(errors, None if everywhere else [view.valid for view in views])


def multi_scale_photometric(
    target: Tensor,
    sources: Sequence[Tensor],
    inverse_depths: Sequence[Tensor],
    source_from_target: Sequence[Tensor],
    k: Tensor,
    seed: int | None = None,
    everywhere: bool = False,
) -> Tensor:
    """Mean over scales of the auto-masked minimum reprojection error, all at full resolution.

    ``inverse_depths`` (N, 1, h, w), finest first, are upsampled to the target's size before they
    warp (Godard et al. 2019). The mean is over the pixels that move and that some source sees, so
    a scene can lower it by leaving the view; ``everywhere`` counts such pixels too, as published.
    ``seed`` is the auto-mask's noise; None leaves the auto-mask out, as stereo pairs want.
    """
    reference = Reference(target)
    unmoved = sources if seed is not None else []
    still = [photometric_error(source, reference) for source in unmoved]
    total = target.new_zeros(())
    for scale, inverse_depth in enumerate(inverse_depths):
        depth = 1 / full_resolution(inverse_depth, target)
        best, use = reprojection(reference, sources, depth, source_from_target, k, everywhere)
        if seed is not None:
            use = use & moving(best, still, tie_noise(best, seed + scale))
        total = total + masked_mean(best, use)
    return total / len(inverse_depths)


def full_resolution(values: Tensor, image: Tensor) -> Tensor:
    """(N, 1, h, w) resized to the image's (H, W), bilinear, pixel edges aligned."""
    size = image.shape[-2:]
    if values.shape[-2:] == size:
        return values
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)


def _window(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 3, 1)
