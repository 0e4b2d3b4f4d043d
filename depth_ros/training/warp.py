# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Differentiable geometry: depth to points, points to pixels, one camera's image from another's.

Axes and pixels are those of ``depth_ros.frame``: x right, y down, z forward, pixel centres at
integers, ``a_from_b`` takes points in b to points in a. Shapes: images (N, C, H, W), depth and
inverse depth (N, 1, H, W), points (N, 3, H, W), transforms (N, 4, 4), intrinsics ``k`` (N, 4) or
(1, 4) as fx, fy, cx, cy in pixels of that very image. Lengths are in one unit, metres where the
scale is known.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from depth_ros.frame import Camera
from depth_ros.training.reproject import NEAREST, bilinear, matrix, reproject

_ROUNDING = 1e-3  # pixels


class Warped(NamedTuple):
    """The view that another camera's image gives."""

    image: Tensor  # (N, C, H, W)
    valid: Tensor  # (N, 1, H, W) bool: the pixel was inside the other image and before its camera
    depth: Tensor  # (N, 1, H, W) along the other camera's axis
    pixels: Tensor  # (N, 2, H, W) where the other camera sees it, as x, y


def intrinsics(camera: Camera) -> Tensor:
    """(1, 4) float32 fx, fy, cx, cy of a rectified camera."""
    c = camera.rectified()
    return torch.tensor([[c.fx, c.fy, c.cx, c.cy]])


def scaled_intrinsics(k: Tensor, across: float, down: float) -> Tensor:
    """The intrinsics of the image resized by these factors, half a pixel minded."""
    fx, fy, cx, cy = k.unbind(-1)
    return torch.stack(
        [fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5], -1
    )


def rays(k: Tensor, height: int, width: int) -> Tensor:
    """(N, 3, H, W): what each pixel sees one unit along the axis."""
    fx, fy, cx, cy = k[..., None, None].unbind(1)
    x = torch.arange(width, dtype=k.dtype, device=k.device)[None, None]
    y = torch.arange(height, dtype=k.dtype, device=k.device)[None, :, None]
    right, down = ((x - cx) / fx).expand(-1, height, -1), ((y - cy) / fy).expand(-1, -1, width)
    return torch.stack([right, down, torch.ones_like(right)], 1)


def back_project(depth: Tensor, k: Tensor) -> Tensor:
    """The point (N, 3, H, W) that each pixel of ``depth`` sees; NaN where depth is."""
    return depth * rays(k, *depth.shape[-2:])


def project(points: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (N, 2, H, W) as x, y of points (N, 3, H, W), and which lie before the camera.

    The second is bool (N, 1, H, W). Pixels of points that do not are finite but mean nothing.
    """
    z = points[:, 2:]
    before = z > NEAREST
    scale = k[:, :2, None, None] / torch.where(before, z, 1.0)
    return points[:, :2] * scale + k[:, 2:, None, None], before


def rotation(axis_angle: Tensor) -> Tensor:
    """(N, 3, 3) from (N, 3) axis times angle in radians (Rodrigues); smooth at no rotation."""
    squared = (axis_angle**2).sum(-1)[:, None, None]
    small = squared < 1e-6
    angle = torch.where(small, 1.0, squared).sqrt()
    first = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    second = torch.where(small, 0.5 - squared / 24, 2 * (angle / 2).sin() ** 2 / angle**2)
    x, y, z = axis_angle.unbind(-1)
    o = torch.zeros_like(x)
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).view(-1, 3, 3)
    eye = torch.eye(3, dtype=cross.dtype, device=cross.device)
    return eye + first * cross + second * (cross @ cross)


def rigid(motion: Tensor) -> Tensor:
    """(N, 4, 4) from (N, 6): three of axis times angle in radians, three of translation."""
    top = torch.cat([rotation(motion[:, :3]), motion[:, 3:, None]], 2)
    bottom = torch.zeros_like(top[:, :1])
    bottom[..., 3] = 1
    return torch.cat([top, bottom], 1)


def inverse(a_from_b: Tensor) -> Tensor:
    """``b_from_a``, for rigid transforms (N, 4, 4)."""
    back = a_from_b[:, :3, :3].transpose(1, 2)
    top = torch.cat([back, -back @ a_from_b[:, :3, 3:]], 2)
    return torch.cat([top, a_from_b[:, 3:]], 1)


def transform(a_from_b: Tensor, points: Tensor) -> Tensor:
    """Points (N, 3, ...) in b as points in a."""
    flat = a_from_b[:, :3, :3] @ points.flatten(2) + a_from_b[:, :3, 3:]
    return flat.view(-1, *points.shape[1:])


def sample(image: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The image (N, C, h, w) at pixels (N, 2, H, W), bilinear, and which are inside of it.

    Returns (N, C, H, W) and bool (N, 1, H, W): inside is 0 <= x <= w - 1, 0 <= y <= h - 1, so that
    all neighbours exist, with a thousandth of a pixel forgiven to rounding; outside, the nearest
    edge pixel is repeated. NaN pixels are outside.
    """
    with torch.no_grad():
        height, width = image.shape[-2:]
        x, y = pixels[:, :1], pixels[:, 1:]
        inside = (x >= -_ROUNDING) & (x <= width - 1 + _ROUNDING)
        inside &= (y >= -_ROUNDING) & (y <= height - 1 + _ROUNDING)
    return bilinear(image, pixels), inside


def synthesise(
    source: Tensor,
    depth: Tensor,
    source_from_target: Tensor,
    k: Tensor,
    source_k: Tensor | None = None,
) -> Warped:
    """The target's view made of the source's image: I_s(project(T back_project(D_t))).

    Zhou et al. 2017 (SfMLearner). ``depth`` (N, 1, H, W) is the target's, ``source`` (N, C, h, w);
    gradients flow to the depth, the transform, the intrinsics and the source. ``source_k`` is None
    where both images have the same camera.
    """
    fx, fy, cx, cy = k.unbind(-1)
    to_rays = matrix(torch.stack([1 / fx, 1 / fy, -cx / fx, -cy / fy], -1))
    to_pixels = matrix(k if source_k is None else source_k)
    turn = to_pixels @ source_from_target[:, :3, :3] @ to_rays
    offset = (to_pixels @ source_from_target[:, :3, 3:])[..., 0]
    count = len(depth)
    pixels, along = reproject(depth, turn.expand(count, -1, -1), offset.expand(count, -1))
    image, inside = sample(source, pixels)
    return Warped(image, inside & (along > NEAREST), along, pixels)


def shift(source: Tensor, disparity: Tensor) -> tuple[Tensor, Tensor]:
    """The image at (x - disparity, y), and bool (N, 1, H, W) which of these are inside of it.

    ``disparity`` (N, 1, H, W) in pixels, positive. It makes the left view of a rectified pair out
    of the right image; minus the right's disparity makes the right view out of the left image.
    """
    height, width = disparity.shape[-2:]
    x = torch.arange(width, dtype=disparity.dtype, device=disparity.device)
    y = torch.arange(height, dtype=disparity.dtype, device=disparity.device)[:, None]
    across = x - disparity
    return sample(source, torch.cat([across, y.expand_as(across)], 1))
