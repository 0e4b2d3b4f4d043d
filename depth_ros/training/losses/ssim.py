# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""SSIM and L1 in one pass, with their gradient written out: most of a view synthesis step.

The windows are 3x3 and the borders reflected, as in ``photometric.ssim``. Sums P = 9 mean stand
for means, so that with C1 and C2 times 81

    SSIM = (2 Pa Pb + C1)(18 Qab - 2 Pa Pb + C2) / ((Pa^2 + Pb^2 + C1)(9 Qaa - Pa^2 + Vb + C2)),

Q the sums of products and Vb = 9 Qbb - Pb^2. A sum is four additions of shifted images, and on a
CPU one image at a time goes through all of it, so that it stays in the cache: both are many times
faster than pooling the batch, with the same numbers up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

SINGLY = frozenset({"cpu"})  # devices on which one image at a time is faster than all at once
_C1, _C2 = 81 * 0.01**2, 81 * 0.03**2


class Reference:
    """An image (N, C, H, W), at least 2x2, that others are compared with; no gradient flows to it.

    What SSIM wants of its windows is computed once, for all images that are compared.
    """

    def __init__(self, image: Tensor) -> None:
        self.image = image.detach()
        self.sums, squares, room = (torch.empty_like(self.image) for _ in range(3))
        _window_sums(self.image, room, self.sums)
        _window_sums(self.image**2, room, squares)
        self.size = self.sums**2  # Pb^2 + C1
        self.spread = squares.mul_(9).sub_(self.size).add_(_C2)  # Vb + C2
        self.size += _C1

    def error(
        self, image: Tensor, of: Tensor | None, ssim_share: float, l1_share: float
    ) -> Tensor:
        """(P, 1, H, W): ssim_share clamp((1 - SSIM) / 2, 0, 1) + l1_share |difference|.

        Both are means over channels. ``of`` (P,) int64 says which image of the reference each of
        ``image`` (P, C, H, W) is compared with; None compares the n-th with the n-th.
        """
        shares = ssim_share, l1_share
        made = _Error.apply(image, self.image, self.sums, self.size, self.spread, of, shares)  # type: ignore[no-untyped-call]
        return cast(Tensor, made)


class _Error(Function):
    """Gradients flow to the first image alone."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        reference: Tensor,
        sums: Tensor,
        size: Tensor,
        spread: Tensor,
        of: Tensor | None,
        shares: tuple[float, float],
    ) -> Tensor:
        error = image.new_empty(len(image), 1, *image.shape[2:])
        slopes = image.new_empty(3, *image.shape) if ctx.needs_input_grad[0] else None
        room: list[Tensor] = []
        for m, n in _pieces(image, of):
            a, b = image[m], reference[n]
            room = room or [torch.empty_like(a) for _ in range(7)]
            into = None if slopes is None else slopes[:, m]
            alike = _ssim(a, b, sums[n], size[n], spread[n], room, into)
            unlike = alike.mul_(-0.5).add_(0.5).clamp_(0, 1).mul_(shares[0])
            unlike.add_(torch.sub(a, b, out=room[0]).abs_(), alpha=shares[1])
            torch.mean(unlike, -3, keepdim=True, out=error[m])
        ctx.save_for_backward(image, reference, slopes, of)
        ctx.shares = shares
        return error

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, reference, slopes, of = ctx.saved_tensors
        channels = image.shape[1]
        to_ssim = gradients[0] * (-ctx.shares[0] / channels)
        to_l1 = gradients[0] * (ctx.shares[1] / channels)
        total = torch.empty_like(image)
        room: list[Tensor] = []
        for m, n in _pieces(image, of):
            a, b, out = image[m], reference[n], total[m]
            room = room or [torch.empty_like(a) for _ in range(3)]
            to_sum, to_square, to_product = slopes[:, m]
            _add_up(to_sum, to_ssim[m], room, out)
            out.addcmul_(a, _add_up(to_square, to_ssim[m], room, room[2]), value=-18)
            out.addcmul_(b, _add_up(to_product, to_ssim[m], room, room[2]), value=9)
            out.addcmul_(torch.sub(a, b, out=room[0]).sign_(), to_l1[m])
        return total, None, None, None, None, None, None


def _pieces(image: Tensor, of: Tensor | None) -> Iterator[tuple[Any, Any]]:
    """Indices into the images and into the reference: singly on a CPU, else all at once."""
    if image.device.type not in SINGLY:
        yield slice(None), slice(None) if of is None else of
    else:
        yield from enumerate(range(len(image)) if of is None else of.tolist())


def _ssim(
    a: Tensor,
    b: Tensor,
    sums_b: Tensor,
    size_b: Tensor,
    spread_b: Tensor,
    room: list[Tensor],
    slopes: Tensor | None,
) -> Tensor:
    """SSIM (..., H, W), in ``room``, which the next call uses again.

    ``slopes`` (3, ..., H, W) takes half its derivatives by Pa, by Qaa over -9 and by Qab over 9.
    A clamp would stop no gradient: SSIM leaves -1 to 1 by rounding only.
    """
    shift, sums, squares, products, x, y, alike = room
    _window_sums(a, shift, sums)
    _window_sums(torch.mul(a, a, out=x), shift, squares)
    _window_sums(torch.mul(a, b, out=x), shift, products)
    torch.mul(sums, sums_b, out=x).mul_(2)
    above_1 = torch.add(x, _C1, out=shift)
    above_2 = products.mul_(18).add_(_C2).sub_(x)
    torch.mul(sums, sums, out=x)
    below_1 = torch.add(x, size_b, out=y)
    below_2 = squares.mul_(9).sub_(x).add_(spread_b)
    inverse = torch.mul(below_1, below_2, out=x).reciprocal_()
    torch.mul(above_1, above_2, out=alike).mul_(inverse)
    if slopes is not None:
        torch.mul(above_1, inverse, out=slopes[2])
        torch.mul(alike, below_1, out=slopes[1]).mul_(inverse).mul_(0.5)
        above_2.sub_(above_1).mul_(sums_b)
        below_2.sub_(below_1).mul_(sums).mul_(alike)
        torch.sub(above_2, below_2, out=slopes[0]).mul_(inverse)
    return alike


def _window_sums(x: Tensor, room: Tensor, out: Tensor) -> Tensor:
    """Sums over 3x3 windows of (..., H, W), borders reflected, into ``out``."""
    return _sums_of_three(_sums_of_three(x, -2, room), -1, out)


def _add_up(slope: Tensor, gradient: Tensor, room: list[Tensor], out: Tensor) -> Tensor:
    """The transpose of ``_window_sums`` on slope times gradient: what each pixel is told."""
    torch.mul(slope, gradient, out=room[0])
    return _sums_of_three(
        _sums_of_three(room[0], -2, room[1], transposed=True), -1, out, transposed=True
    )


def _sums_of_three(x: Tensor, axis: int, out: Tensor, *, transposed: bool = False) -> Tensor:
    """A pixel and its neighbours along an axis; the first and the last have theirs twice.

    Transposed, they are told of twice.
    """
    last = x.shape[axis] - 1
    before, middle, after = (x.narrow(axis, i, last - 1) for i in range(3))
    torch.add(before, after, out=out.narrow(axis, 1, last - 1)).add_(middle)
    ends = (0, 1), (last, last - 1)
    for end, beside in ends:
        mine, next_one = x.select(axis, end), x.select(axis, beside)
        torch.add(mine, next_one, alpha=1 if transposed else 2, out=out.select(axis, end))
    if transposed:
        for end, beside in ends:
            out.select(axis, beside).add_(x.select(axis, end))
    return out
