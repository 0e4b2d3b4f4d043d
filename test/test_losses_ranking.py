# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses on pairs of pixels: values by hand and in numpy, where pairs lie, and what they fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from descent import fit, tiny_scene, wrong_start

torch = pytest.importorskip("torch")

from depth_ros.training.losses import (  # noqa: E402
    edge_pairs,
    normalised_regression,
    pairwise_difference,
    pairwise_normal,
    random_pairs,
    ranking_loss,
    relations,
    scale_invariant,
    structure_guided_ranking,
)


def seeded(seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed)


def row(values: list[float]) -> Any:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def pairs_of(*pairs: tuple[int, int]) -> Any:
    return torch.tensor([pairs], dtype=torch.int64)


def all_pairs(pixels: int) -> Any:
    a, b = torch.meshgrid(torch.arange(pixels), torch.arange(pixels), indexing="ij")
    return torch.stack([a.flatten(), b.flatten()], dim=-1)[None]


def test_relations_by_hand() -> None:
    """A ratio of 1.25 or more orders a pair; the limit itself does."""
    t = row([1.0, 1.25, 1.2, math.nan, -1.0])
    pairs = pairs_of((1, 0), (0, 1), (2, 0), (0, 2), (0, 3), (3, 0), (0, 4), (-1, -1))
    relation = relations(t, pairs, ratio=0.25)[0]
    assert relation[:4].tolist() == [1, -1, 0, 0]
    assert relation[4:].isnan().all()
    assert torch.equal(relations(4 * t, pairs, 0.25)[0, :4], relation[:4])


def test_ranking_loss_by_hand() -> None:
    z = row([0.0, 1.0, 3.0])
    pairs = pairs_of((1, 0), (1, 0), (2, 1), (2, 0), (-1, -1))
    relation = torch.tensor([[1.0, -1.0, 0.0, math.nan, 1.0]])
    ordered = math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))
    assert ranking_loss(z, pairs, relation).item() == pytest.approx((ordered + 4) / 3)
    assert ranking_loss(z, pairs, relation, equal=0.5).item() == pytest.approx((ordered + 2) / 3)


def test_ranking_loss_in_numpy() -> None:
    rng = np.random.default_rng(0)
    z, index = rng.normal(size=(2, 1, 5, 6)), rng.integers(0, 30, (2, 40, 2))
    relation = rng.integers(-1, 2, (2, 40)).astype(np.float64)
    relation[0, :30] = np.nan
    means = []
    for i in range(2):
        values = []
        for (a, b), r in zip(index[i], relation[i], strict=True):
            difference = z[i].ravel()[a] - z[i].ravel()[b]
            if not math.isnan(r):
                values.append(difference**2 if r == 0 else math.log(1 + math.exp(-r * difference)))
        means.append(np.mean(values))
    loss = ranking_loss(*(torch.from_numpy(x) for x in (z, index, relation)))
    assert loss.item() == pytest.approx(np.mean(means), rel=1e-12)


@pytest.mark.parametrize(("relation", "sign"), [(1.0, -1), (-1.0, 1)])
@pytest.mark.parametrize("far_apart", [0.0, 500.0, -500.0])
def test_ranking_gradients_push_the_right_way(
    relation: float, sign: int, far_apart: float
) -> None:
    """The first of a pair grows for +1 and shrinks for -1; the second does the contrary."""
    z = row([far_apart, 0.0]).float().requires_grad_(True)
    loss = ranking_loss(z, pairs_of((0, 1)), torch.tensor([[relation]]))
    (gradient,) = torch.autograd.grad(loss, z)
    first, second = gradient.flatten().tolist()
    assert loss.isfinite() and first == -second
    assert sign * first >= 0
    if far_apart * relation <= 0:
        assert abs(first) >= 0.5


def test_equal_pairs_are_pulled_together() -> None:
    z = row([3.0, 1.0]).requires_grad_(True)
    loss = ranking_loss(z, pairs_of((0, 1)), torch.zeros(1, 1))
    (gradient,) = torch.autograd.grad(loss, z)
    assert gradient.flatten().tolist() == [4, -4]


def test_ranking_ignores_a_shift() -> None:
    t = tiny_scene()
    pairs = random_pairs(t, 200, seeded())
    z = torch.randn(t.shape, generator=seeded(1), dtype=t.dtype)
    relation = relations(t, pairs)
    before = ranking_loss(z, pairs, relation).item()
    assert ranking_loss(z + 7, pairs, relation).item() == pytest.approx(before, rel=1e-12)


def test_random_pairs_are_even_and_only_of_known_pixels() -> None:
    t = torch.full((2, 1, 4, 5), math.nan)
    t[0, 0, 1:3, 2:4] = 1.0
    pairs = random_pairs(t, 10_000, seeded())
    assert pairs.shape == (2, 10_000, 2) and (pairs[1] == -1).all()
    found, count = pairs[0].unique(return_counts=True)
    assert found.tolist() == [7, 8, 12, 13]
    assert (count / 20_000).numpy() == pytest.approx(np.full(4, 0.25), abs=0.02)
    both = (pairs[0, :, 0] == 7) & (pairs[0, :, 1] == 13)
    assert both.double().mean().item() == pytest.approx(1 / 16, abs=0.01)
    assert torch.equal(pairs, random_pairs(t, 10_000, seeded()))
    assert not torch.equal(pairs, random_pairs(t, 10_000, seeded(1)))


def test_edge_pairs_lie_across_a_vertical_edge() -> None:
    """Dark up to column 49, bright from 50: a and b on the left, c and d on the right."""
    image = torch.zeros(1, 3, 20, 100)
    image[..., 50:] = 1.0
    pairs = edge_pairs(image, 500, seeded())
    assert pairs.shape == (1, 1500, 2) and (pairs >= 0).all()
    (a, b), (b2, c), (c2, d) = (
        (part[:, 0], part[:, 1]) for part in pairs[0].view(3, 500, 2).unbind(0)
    )
    assert torch.equal(b, b2) and torch.equal(c, c2)
    rows = [p // 100 for p in (a, b, c, d)]
    assert all(torch.equal(rows[0], r) for r in rows) and rows[0].unique().tolist() == [
        *range(1, 19)
    ]
    ax, bx, cx, dx = (p % 100 for p in (a, b, c, d))
    # The edge's two columns, 49 and 50, are 2 to 30 away, and the far points are farther.
    assert (ax < bx).all() and (cx < dx).all()
    assert ax.min() >= 49 - 30 and bx.max() <= 50 - 2
    assert cx.min() >= 49 + 2 and dx.max() <= 50 + 30
    assert len((50 - bx).unique()) > 20


def test_edge_pairs_follow_the_gradient() -> None:
    """A diagonal edge, brighter to the lower left: points lie on the diagonal of the gradient."""
    y, x = np.mgrid[:90, :90]
    image = torch.from_numpy((y > x).astype(np.float32)).view(1, 1, 90, 90)
    pairs = edge_pairs(image, 300, seeded(), reach=(3, 9))
    across = pairs[0, 300:600]  # (b, c)
    across = across[across[:, 0] >= 0]
    assert len(across) > 200
    step_y = across[:, 1] // 90 - across[:, 0] // 90
    step_x = across[:, 1] % 90 - across[:, 0] % 90
    assert (step_y > 0).all() and ((step_y + step_x).abs() <= 1).all()
    bright = image.flatten()[across]
    assert (bright[:, 0] == 0).all() and (bright[:, 1] == 1).all()


def test_edge_pairs_keep_to_strong_edges_and_to_the_image() -> None:
    image = torch.zeros(2, 1, 30, 40)
    image[0, :, :, 3:] = 1.0
    image[0, :, :, 30:] = 1.05  # below a tenth of the strongest
    pairs = edge_pairs(image, 400, seeded(), reach=(2, 5))
    assert (pairs[1] == -1).all()  # no edge at all
    a, d = pairs[0, :400, 0], pairs[0, 800:, 1]
    assert (d % 40).max() <= 3 + 5
    assert (a == -1).any()  # beyond the left border
    gone = (pairs == -1).any(dim=-1)
    assert torch.equal(gone, (pairs == -1).all(dim=-1))


def test_pairwise_difference_over_all_pairs_is_eigens_loss() -> None:
    rng = np.random.default_rng(1)
    p, t = (torch.from_numpy(rng.normal(size=(2, 1, 4, 5))) for _ in range(2))
    t[0, 0, 1, :3] = math.nan
    pairs = all_pairs(20).expand(2, -1, -1)
    expected = scale_invariant(p, t, balance=1.0).item()
    assert pairwise_difference(p, t, pairs).item() == pytest.approx(expected, rel=1e-12)
    shifted = p + torch.tensor([3.0, -1.0]).view(2, 1, 1, 1)
    assert pairwise_difference(shifted, t, pairs).item() == pytest.approx(expected, rel=1e-9)


def test_pairwise_difference_by_hand() -> None:
    p, t = row([0.0, 1.0, 5.0]), row([0.0, 3.0, math.nan])
    pairs = pairs_of((0, 1), (1, 1), (0, 2), (-1, -1))
    assert pairwise_difference(p, t, pairs).item() == pytest.approx((2**2 / 2 + 0) / 2)


def test_normalised_regression_in_numpy() -> None:
    rng = np.random.default_rng(2)
    d, t = rng.normal(0, 60, (1, 1, 6, 7)), rng.uniform(1, 9, (1, 1, 6, 7))
    kept = np.sort(t.ravel())[4:-4]
    z = (t - kept.mean()) / kept.std()
    expected = (np.abs(d - z) + np.abs(np.tanh(d / 100) - np.tanh(z / 100))).mean()
    args = [torch.from_numpy(x) for x in (d, t)]
    assert normalised_regression(*args).item() == pytest.approx(expected, rel=1e-10)
    assert normalised_regression(args[0], 0.3 * args[1] + 2).item() == pytest.approx(expected)


def wall_points(slant: float) -> Any:
    """A roof of two walls seen from 12x16 pixels: z = 4 + slant |x|, in metres."""
    v, u = torch.meshgrid(
        torch.linspace(-0.4, 0.4, 12, dtype=torch.float64),
        torch.linspace(-0.5, 0.5, 16, dtype=torch.float64),
        indexing="ij",
    )
    z = 4 / (1 - slant * u.abs())  # z = 4 + slant |u| z
    return torch.stack([u * z, v * z, z])[None]


def test_pairwise_normal_compares_angles() -> None:
    """Walls at +-45 degrees are at right angles, walls without slant are parallel."""
    left, right = 5 * 16 + 3, 5 * 16 + 12
    pairs = pairs_of((left, right), (left, left + 16))
    roof, flat = wall_points(1.0), wall_points(0.0)
    assert pairwise_normal(flat, roof, pairs).item() == pytest.approx((1 - 0) / 2, abs=1e-9)
    assert pairwise_normal(roof, roof, pairs).item() == pytest.approx(0, abs=1e-12)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded(), dtype=torch.float64))[0]
    turned = 3 * torch.einsum("ij,njhw->nihw", turn, roof)
    assert pairwise_normal(turned, roof, pairs).item() == pytest.approx(0, abs=1e-9)
    outside = pairs_of((0, left), (-1, -1))  # no normals at the border
    assert pairwise_normal(flat, roof, outside) == 0


def test_pairwise_normal_straightens_a_roof() -> None:
    pairs = torch.randint(0, 12 * 16, (1, 300, 2), generator=seeded())
    true = wall_points(0.7)

    def loss(slant: Any) -> Any:
        return pairwise_normal(wall_points(slant), true, pairs)

    slant = fit(loss, torch.tensor(0.2, dtype=torch.float64), steps=200, rate=0.05)
    assert slant.item() == pytest.approx(0.7, abs=0.01)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "ranking_loss": lambda p, t: ranking_loss(
        p, random_pairs(t, 90, seeded()), relations(t, random_pairs(t, 90, seeded()))
    ),
    "structure_guided_ranking": lambda p, t: structure_guided_ranking(
        p, t, torch.rand(3, 3, 12, 16, generator=seeded()), 50, generator=seeded()
    ),
    "pairwise_difference": lambda p, t: pairwise_difference(
        p, t, all_pairs(192).expand(3, -1, -1)
    ),
    "normalised_regression": normalised_regression,
    "pairwise_normal": lambda p, t: pairwise_normal(
        p * wall_points(0.5).to(p.dtype),
        t * wall_points(0.5).to(p.dtype),
        all_pairs(192).expand(3, -1, -1),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_truth_costs_nothing_and_sends_nothing(name: str) -> None:
    p = (1 + torch.rand(3, 1, 12, 16, generator=seeded())).requires_grad_(True)
    t = 1 + torch.rand(3, 1, 12, 16, generator=seeded(1))
    t[0, 0, 2:6, 2:8] = math.nan
    t[1] = math.nan
    (gradient,) = torch.autograd.grad(LOSSES[name](p, t), p)
    assert gradient.isfinite().all() and (gradient[0] != 0).any()
    assert (gradient[1] == 0).all() and (gradient[0, 0, 3:5, 3:7] == 0).all()
    empty = LOSSES[name](p, torch.full_like(t, math.nan))
    (gradient,) = torch.autograd.grad(empty, p)
    assert empty == 0 and (gradient == 0).all()


def test_pairwise_difference_over_fits_up_to_a_factor() -> None:
    t = tiny_scene()
    pairs = random_pairs(t, 1500, seeded())
    log_p = fit(lambda x: pairwise_difference(x, t.log(), pairs), wrong_start(t))
    ratio = (log_p - t.log())[t.isfinite()].exp()
    assert (ratio / ratio.median() - 1).abs().mean() < 0.01
    assert (ratio.median() - 1).abs() > 0.1


def test_normalised_regression_over_fits_up_to_an_affine_map() -> None:
    t = tiny_scene()
    valid = t.isfinite()
    d = fit(lambda x: normalised_regression(x, t), wrong_start(t))
    a, b = np.polyfit(d[valid].numpy(), t[valid].numpy(), 1)
    assert a > 0 and ((a * d + b - t)[valid] / t[valid]).abs().mean() < 0.01


@pytest.mark.parametrize("structure_guided", [False, True])
def test_ranking_over_fits_the_order(structure_guided: bool) -> None:
    """From a random order to one that nearly all pairs of truth agree with (WHDR near 0)."""
    t = tiny_scene()
    image = (t.nan_to_num(2.0) / 6).float().expand(1, 3, 12, 16)

    def loss(z: Any) -> Any:
        if structure_guided:
            return structure_guided_ranking(z, t, image, 400, generator=generator)
        pairs = random_pairs(t, 2000, generator)
        return ranking_loss(z, pairs, relations(t, pairs))

    def wrong(z: Any) -> float:
        pairs = all_pairs(192)
        relation = relations(t, pairs)
        agree = torch.sign(z.flatten()[pairs[..., 0]] - z.flatten()[pairs[..., 1]]) == relation
        return float((~agree[relation.abs() == 1]).double().mean())

    generator = seeded(4)
    start = wrong_start(t)
    assert wrong(start) > 0.4
    assert wrong(fit(loss, start, steps=200)) < 0.01
