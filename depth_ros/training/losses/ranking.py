# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses on pairs of pixels, for depth that is only known relatively.

Maps are (N, 1, H, W), truth is NaN where unknown. Pairs are (N, P, 2) int64: the flat indices
y * W + x of a first and a second pixel, -1 where there is no pair. Relations are (N, P): +1 where
the first must have the larger value, -1 the smaller, 0 equal, NaN where unknown. A generator lives
on the device of the maps.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_ros.training.losses.common import error, mean, normalise_trimmed, sobel


def ranking_loss(z: Tensor, pairs: Tensor, relation: Tensor, equal: float = 1.0) -> Tensor:
    """mean of ln(1 + exp(-r (z_a - z_b))) where r is +1 or -1, of equal (z_a - z_b)^2 where 0.

    DIW, Chen et al. 2016 (a sum there), and Xian et al. 2018 and 2020. z has no unit. It is depth,
    or closeness, by what the relation means: the larger value is the farther or the closer one.
    """
    difference = _pick(z, pairs[..., 0]) - _pick(z, pairs[..., 1])
    r = torch.nan_to_num(relation)
    ordered = functional.softplus(-r * difference)
    values = torch.where(r == 0, equal * difference**2, ordered)
    return mean(values, torch.isfinite(relation) & _exists(pairs))


def relations(t: Tensor, pairs: Tensor, ratio: float = 0.03) -> Tensor:
    """+1 where t_a / t_b >= 1 + ratio, -1 where <= 1 / (1 + ratio), else 0: (N, P).

    Xian et al. 2020. t is positive, as depth in metres or disparity; pairs with an unknown or
    non-positive end are NaN.
    """
    a, b = _pick(t, pairs[..., 0]), _pick(t, pairs[..., 1])
    larger, smaller = a >= (1 + ratio) * b, (1 + ratio) * a <= b
    known = torch.isfinite(a) & torch.isfinite(b) & (a > 0) & (b > 0) & _exists(pairs)
    return torch.where(known, larger.to(t.dtype) - smaller.to(t.dtype), torch.nan)


def random_pairs(t: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """``count`` pairs of pixels of known truth, drawn evenly with replacement: (N, count, 2)."""
    known = torch.isfinite(t).flatten(1)
    some = known | ~known.any(dim=1, keepdim=True)
    drawn = torch.multinomial(some.float(), 2 * count, replacement=True, generator=generator)
    drawn = drawn.where(known.any(dim=1, keepdim=True), -1)
    return drawn.view(-1, count, 2)


def edge_pairs(
    image: Tensor,
    count: int,
    generator: torch.Generator | None = None,
    threshold: float = 0.1,
    reach: tuple[int, int] = (2, 30),
) -> Tensor:
    """Pairs across the edges of an image (N, C, H, W): (N, 3 count, 2).

    Xian et al. 2020, "Structure-Guided Ranking Loss": a pixel is an edge where Sobel's gradient of
    the mean channel is at least ``threshold`` of the image's largest. Of ``count`` edges, drawn
    with replacement, each gives four points on the line of its gradient, a and b on the dark side,
    c and d on the bright one, at two different distances of ``reach`` pixels on either side; the
    pairs are all (a, b), then all (b, c), then all (c, d). A pair that leaves the image is -1.
    """
    height, width = image.shape[-2:]
    gx, gy = (functional.pad(g, (1, 1, 1, 1)) for g in sobel(image.mean(dim=1)))
    size = torch.hypot(gx, gy).flatten(1)
    edge = (size >= threshold * size.amax(dim=1, keepdim=True)) & (size > 0)
    has_edge = edge.any(dim=1, keepdim=True)
    drawn = torch.multinomial((edge | ~has_edge).float(), count, True, generator=generator)
    length = size.gather(1, drawn).clamp_min(1e-12)
    along_x, along_y = (g.flatten(1).gather(1, drawn) / length for g in (gx, gy))
    points = []
    for offset in _offsets(drawn, reach, generator):
        x = torch.round(drawn % width + offset * along_x).long()
        y = torch.round(drawn // width + offset * along_y).long()
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & has_edge
        points.append(torch.where(inside, y * width + x, -1))
    a, b, c, d = points
    pairs = torch.cat([torch.stack(ab, dim=-1) for ab in ((a, b), (b, c), (c, d))], dim=1)
    return torch.where((pairs >= 0).all(dim=-1, keepdim=True), pairs, -1)


def structure_guided_ranking(
    z: Tensor,
    t: Tensor,
    image: Tensor,
    count: int = 1000,
    ratio: float = 0.03,
    generator: torch.Generator | None = None,
) -> Tensor:
    """``ranking_loss`` of 3 ``count`` pairs across edges and as many random ones.

    Xian et al. 2020. z is a relative depth without unit, larger where t is larger; t is depth or
    disparity, positive, NaN where unknown; image is (N, C, H, W).
    """
    pairs = torch.cat(
        [edge_pairs(image, count, generator), random_pairs(t, 3 * count, generator)], dim=1
    )
    return ranking_loss(z, pairs, relations(t, pairs, ratio))


def pairwise_difference(log_p: Tensor, log_t: Tensor, pairs: Tensor) -> Tensor:
    """mean of ((p_a - p_b) - (t_a - t_b))^2 / 2 of log depth over pairs of pixels.

    The pairwise form of Eigen et al. 2014 (eq. 3), on sampled pairs: over all n^2 pairs of an
    image it is ``scale_invariant`` at balance 1, of which LapDepth's data term (Song et al. 2021)
    is the root at balance 0.85. It ignores one factor on all depths.
    """
    e, valid = error(log_p, log_t)
    a, b = pairs[..., 0], pairs[..., 1]
    both = _pick(valid, a) & _pick(valid, b) & _exists(pairs)
    return mean((_pick(e, a) - _pick(e, b)) ** 2 / 2, both)


def normalised_regression(d: Tensor, t: Tensor) -> Tensor:
    """mean |d - z| + |tanh(d / 100) - tanh(z / 100)|, z = ``normalise_trimmed``(t).

    The image-level normalised regression of LeReS, Yin et al. 2021. d is a depth of unknown scale
    and shift, without unit; z does not see a positive affine map of t.
    """
    z = normalise_trimmed(t)
    e, valid = error(d, z)
    squashed, _ = error(torch.tanh(d / 100), torch.tanh(z / 100))
    return mean(e.abs() + squashed.abs(), valid)


def pairwise_normal(points: Tensor, true_points: Tensor, pairs: Tensor) -> Tensor:
    """mean |n_a . n_b - n*_a . n*_b| over pairs: LeReS, Yin et al. 2021.

    points, true_points: (N, 3, H, W), metres in the camera's frame, truth NaN where unknown. The
    normals are cross products of the differences of the neighbours (the paper fits planes), so
    pixels at the border or beside unknown ones do not count. Angles between surfaces are compared,
    hence a rotation or a factor on all points changes nothing.
    """
    n, _ = _normals(points)
    true, known = _normals(true_points)
    a, b = pairs[..., 0], pairs[..., 1]
    cosine, true_cosine = ((_pick(m, a) * _pick(m, b)).sum(dim=1) for m in (n, true))
    both = _pick(known, a) & _pick(known, b) & _exists(pairs)
    return mean((cosine - true_cosine).abs(), both)


def _pick(x: Tensor, index: Tensor) -> Tensor:
    """x (N, 1, H, W) or (N, 3, H, W) at flat indices (N, P): (N, P) or (N, 3, P). -1 reads 0."""
    flat = x.flatten(2)
    at = index.clamp_min(0).unsqueeze(1).expand(-1, x.shape[1], -1)
    return flat.gather(2, at).squeeze(1)


def _exists(pairs: Tensor) -> Tensor:
    return (pairs >= 0).all(dim=-1)


def _offsets(
    drawn: Tensor, reach: tuple[int, int], generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four distances along the gradient in pixels, increasing, two of either sign: (N, P) each."""
    steps = reach[1] - reach[0] + 1
    chance = torch.rand(2, *drawn.shape, steps, device=drawn.device, generator=generator)
    near, far = (chance.topk(2, dim=-1).indices + reach[0]).sort(dim=-1).values.unbind(-1)
    return -far[0], -near[0], near[1], far[1]


def _normals(points: Tensor) -> tuple[Tensor, Tensor]:
    """Unit normals (N, 3, H, W) and where they are known (N, 1, H, W); 0 elsewhere."""
    across = points[..., 1:-1, 2:] - points[..., 1:-1, :-2]
    down = points[..., 2:, 1:-1] - points[..., :-2, 1:-1]
    known = torch.isfinite(across + down).all(dim=1, keepdim=True)
    across, down = torch.where(known, across, 0.0), torch.where(known, down, 0.0)
    normals = functional.normalize(torch.linalg.cross(across, down, dim=1), dim=1)
    return functional.pad(normals, (1, 1, 1, 1)), functional.pad(known, (1, 1, 1, 1))
