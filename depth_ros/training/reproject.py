# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where another camera sees each pixel, and what it sees there; the gradients are written out.

The point that pixel (u, v) sees at depth d has, in the other camera and times its intrinsics, the
coordinates d q + c, with q = A (u, v, 1), A = K_s R K^-1 and c = K_s t. A and c belong to the
image, so what is left for each pixel is one line; on a CPU one image at a time goes through it,
so that it stays in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

SINGLY = frozenset({"cpu"})  # devices on which one image at a time is faster than all at once
_BILINEAR = (0, 1, True)  # bilinear, border, align_corners
NEAREST = 1e-3  # points nearer than this, or behind the camera, have no pixel


def reproject(depth: Tensor, turn: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (N, 2, H, W) as x, y, and the depth (N, 1, H, W) along the other camera's axis.

    ``depth`` (N, 1, H, W), ``turn`` A (N, 3, 3), ``offset`` c (N, 3). Pixels of points that the
    other camera does not see, nearer than ``NEAREST``, mean nothing; they are NaN where depth is.
    """
    return cast(tuple[Tensor, Tensor], _Reproject.apply(depth, turn, offset))  # type: ignore[no-untyped-call]


def bilinear(image: Tensor, pixels: Tensor) -> Tensor:
    """The image (N, C, h, w) at pixels (N, 2, H, W), the border repeated; NaN is the middle."""
    return cast(Tensor, _Sample.apply(image, pixels))  # type: ignore[no-untyped-call]


def matrix(k: Tensor) -> Tensor:
    """(N, 3, 3) of intrinsics (N, 4) fx, fy, cx, cy."""
    fx, fy, cx, cy = k.unbind(-1)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    return torch.stack([fx, zero, cx, zero, fy, cy, zero, zero, one], -1).view(-1, 3, 3)


class _Reproject(Function):
    @staticmethod
    def forward(ctx: Any, depth: Tensor, turn: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        count, _, height, width = depth.shape
        pixels, axis = depth.new_empty(count, 2, height, width), torch.empty_like(depth)
        for n in _pieces(depth):
            homogeneous = _rays(turn[n], height, width).mul_(depth[n])
            homogeneous.add_(offset[n][..., None, None])
            z = homogeneous.narrow(-3, 2, 1)
            axis[n] = z
            z = torch.where(z > NEAREST, z, 1.0)
            torch.div(homogeneous.narrow(-3, 0, 2), z, out=pixels[n])
        ctx.save_for_backward(depth, turn, pixels, axis)
        return pixels, axis

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        depth, turn, pixels, axis = ctx.saved_tensors
        count, _, height, width = depth.shape
        to_depth = torch.empty_like(depth)
        to_turn, to_offset = torch.empty_like(turn), turn.new_empty(count, 3)
        for n in _pieces(depth):
            before = axis[n] > NEAREST
            to_pixels = gradients[0][n] / torch.where(before, axis[n], 1.0)
            along = (to_pixels * pixels[n]).sum(-3, keepdim=True).mul_(before)
            told = torch.cat([to_pixels, gradients[1][n] - along], -3)
            torch.sum(_rays(turn[n], height, width).mul_(told), -3, keepdim=True, out=to_depth[n])
            to_offset[n] = told.sum((-2, -1))
            told.mul_(depth[n])
            rows = told.sum(-1)  # the pixel's coordinates are constant along either axis
            down = torch.arange(height, dtype=turn.dtype, device=turn.device)
            across = torch.arange(width, dtype=turn.dtype, device=turn.device)
            to_turn[n] = torch.stack([told.sum(-2) @ across, rows @ down, rows.sum(-1)], -1)
        return to_depth, to_turn, to_offset


class _Sample(Function):
    """``grid_sample`` of pixels by axis: its gradient comes by pixel, and is turned once."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, pixels: Tensor) -> Tensor:
        grid = torch.empty_like(pixels)
        for axis, scale in enumerate(_scales(image)):
            torch.mul(pixels[:, axis], scale, out=grid[:, axis])
        grid = grid.sub_(1).nan_to_num_().permute(0, 2, 3, 1)
        ctx.save_for_backward(image, grid)
        return torch.grid_sampler_2d(image, grid, *_BILINEAR)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, grid = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad)
        to_image, to_grid = torch.ops.aten.grid_sampler_2d_backward(
            gradients[0], image, grid, *_BILINEAR, wanted
        )
        if not wanted[1]:
            return to_image, None
        to_pixels = grid.new_empty(len(grid), 2, *grid.shape[1:3])
        for axis, scale in enumerate(_scales(image)):
            torch.mul(to_grid[..., axis], scale, out=to_pixels[:, axis])
        return to_image if wanted[0] else None, to_pixels


def _scales(image: Tensor) -> list[float]:
    """With pixel centres at integers, -1 and 1 are the centres of the edge pixels."""
    return [2 / max(size - 1, 1) for size in (image.shape[-1], image.shape[-2])]


def _pieces(depth: Tensor) -> Iterator[Any]:
    """Indices of images: one by one on a CPU, else all at once."""
    yield from range(len(depth)) if depth.device.type in SINGLY else [slice(None)]


def _rays(turn: Tensor, height: int, width: int) -> Tensor:
    """(..., 3, H, W): A (u, v, 1) of all pixels."""
    across = torch.arange(width, dtype=turn.dtype, device=turn.device)
    down = torch.arange(height, dtype=turn.dtype, device=turn.device)[:, None]
    column, row, rest = turn[..., None, None].unbind(-3)
    return column * across + (row * down + rest)
