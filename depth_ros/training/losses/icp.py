# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""3-D consistency of two clouds: iterative closest points, and vid2depth's loss made of it.

Clouds are (N, 3, M) and (N, 3, L), in one unit (metres where the scale is known). Every source
point is compared with every target point: take a few thousand pixels, not all.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_ros.training.warp import rigid, transform

_DAMPING = 1e-6  # of the normal equations' mean diagonal: planes leave motions open


class Alignment(NamedTuple):
    """How two clouds lie to each other, without gradient."""

    target_from_source: Tensor  # (N, 4, 4): what still has to be done to the source
    residual: Tensor  # (N, 3, M) target point minus moved source point
    matched: Tensor  # (N, 1, M) bool


@torch.no_grad()
def align(
    source: Tensor,
    target: Tensor,
    normals: Tensor | None = None,
    reach: float = float("inf"),
    steps: int = 20,
) -> Alignment:
    """The rigid motion that brings the source onto the target: ICP, Besl and McKay 1992.

    Point to point, or with the target's unit ``normals`` (N, 3, L) point to plane (Chen and
    Medioni 1992). Points further than ``reach`` from all others do not count. NaN points count
    nowhere.
    """
    total = torch.eye(4, dtype=source.dtype, device=source.device).repeat(source.shape[0], 1, 1)
    for _ in range(steps):
        moved = transform(total, source)
        nearest, matched, index = _nearest(moved, target, reach)
        if normals is None:
            step = _best_points(moved, nearest, matched)
        else:
            step = _best_planes(moved, nearest, _pick(normals, index), matched)
        total = step @ total
    moved = transform(total, source)
    nearest, matched, _ = _nearest(moved, target, reach)
    return Alignment(total, torch.where(matched, nearest - moved, 0.0), matched)


def icp_loss(
    source: Tensor,
    target: Tensor,
    motion: Tensor,
    normals: Tensor | None = None,
    reach: float = float("inf"),
    steps: int = 20,
) -> Tensor:
    """|T|_1 + mean |r|: vid2depth, Mahjourian et al. 2018.

    ``source`` (N, 3, M) in its own camera, ``motion`` (N, 6) target_from_source as ``warp.rigid``
    takes it. T is ICP's correction of the moved cloud as six numbers (radians, then the clouds'
    unit), r the points' residual after it: its length, where the paper adds up its coordinates,
    which can push a point of a slanted surface away along its ray. Gradients go straight through:
    to the motion from T (a step of the motion is a step less to correct) and to the source's
    points from r; the matches themselves are constant. ``steps`` 0 takes the motion for exact,
    as known poses want: T is then nothing, and absorbs no error of the depth's scale.
    """
    found = align(transform(rigid(motion), source).detach(), target, normals, reach, steps)
    correction = as_motion(found.target_from_source) + (motion.detach() - motion)
    placed = transform(found.target_from_source @ rigid(motion.detach()), source)
    left = found.residual + (placed.detach() - placed)
    far = torch.where(found.matched, _length(left), 0.0).sum((1, 2))
    return (correction.abs().sum(1) + far / found.matched.sum((1, 2)).clamp_min(1)).mean()


def surface_normals(points: Tensor) -> Tensor:
    """Unit normals (N, 3, H, W) of organised points (N, 3, H, W), away from us.

    The cross product of the differences between the neighbours left and right, above and below;
    zero, which counts nowhere, on the border and at edges: where a pixel is off the middle of its
    neighbours by more than a fifth of their distance.
    """
    middle = points[..., 1:-1, 1:-1]
    left, right = points[..., 1:-1, :-2], points[..., 1:-1, 2:]
    above, below = points[..., :-2, 1:-1], points[..., 2:, 1:-1]
    flat = _is_middle(middle, left, right) & _is_middle(middle, above, below)
    cross = torch.linalg.cross(right - left, below - above, dim=1)
    out = torch.zeros_like(points)
    out[..., 1:-1, 1:-1] = torch.where(flat, F.normalize(cross, dim=1), 0.0)
    return out


def as_motion(a_from_b: Tensor) -> Tensor:
    """(N, 6) axis times angle and translation of (N, 4, 4): what ``warp.rigid`` undoes.

    For angles below half a turn.
    """
    r = a_from_b[:, :3, :3]
    twice = torch.stack(
        [r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], 1
    )
    sine = twice.norm(dim=1, keepdim=True) / 2
    cosine = (r.diagonal(dim1=1, dim2=2).sum(1, keepdim=True) - 1) / 2
    angle = torch.atan2(sine, cosine)
    share = torch.where(sine > 1e-6, angle / sine.clamp_min(1e-6), 1.0) / 2
    return torch.cat([twice * share, a_from_b[:, :3, 3]], 1)


def _is_middle(point: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return _length(a + b - 2 * point) < 0.4 * _length(b - a)


def _length(vectors: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return length


def _nearest(moved: Tensor, target: Tensor, reach: float) -> tuple[Tensor, Tensor, Tensor]:
    known = target.isfinite().all(1)[:, None]
    gap = torch.cdist(moved.transpose(1, 2), target.nan_to_num().transpose(1, 2))
    least, index = torch.where(known & gap.isfinite(), gap, float("inf")).min(2)
    matched = (least <= reach) & least.isfinite()
    return _pick(target, index), matched[:, None], index


def _pick(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(2, index[:, None].expand(-1, values.shape[1], -1))


def _best_points(a: Tensor, b: Tensor, use: Tensor) -> Tensor:
    """b_from_a in least squares: Kabsch's rotation by singular values, means onto means."""
    a, b = torch.where(use, a, 0.0), torch.where(use, b, 0.0)
    count = use.sum(2, keepdim=True).clamp_min(1)
    mean_a, mean_b = a.sum(2, keepdim=True) / count, b.sum(2, keepdim=True) / count
    spread = torch.where(use, b - mean_b, 0.0) @ torch.where(use, a - mean_a, 0.0).transpose(1, 2)
    u, _, v = torch.linalg.svd(spread)
    flip = torch.ones_like(mean_a)
    flip[:, 2, 0] = torch.linalg.det(u @ v)
    turn = (u * flip.transpose(1, 2)) @ v
    step = torch.zeros_like(a[:, :1, :1]).expand(-1, 4, 4).clone()
    step[:, :3, :3], step[:, :3, 3:] = turn, mean_b - turn @ mean_a
    step[:, 3, 3] = 1
    return step


def _best_planes(a: Tensor, b: Tensor, normals: Tensor, use: Tensor) -> Tensor:
    """One Gauss-Newton step of sum (n . (w x a + t + a - b))^2."""
    use = use & normals.isfinite().all(1, keepdim=True)
    n, a, b = (torch.where(use, values, 0.0) for values in (normals, a, b))
    rows = torch.cat([torch.linalg.cross(a, n, dim=1), n], 1)  # (N, 6, M)
    system = rows @ rows.transpose(1, 2)
    size = system.diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp_min(1e-12)
    system = system + _DAMPING * size * torch.eye(6, dtype=a.dtype, device=a.device)
    wanted = (rows * (n * (b - a)).sum(1, keepdim=True)).sum(2, keepdim=True)
    return rigid(torch.linalg.solve(system, wanted)[..., 0])
