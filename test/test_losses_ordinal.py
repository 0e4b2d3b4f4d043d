# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth as classes: the bins by hand, both losses in numpy float64, and that they fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.errors import ConfigError  # noqa: E402
from depth_ros.training.losses import (  # noqa: E402
    Bins,
    bin_decode,
    bin_edges,
    bin_encode,
    bin_loss,
    ordinal_decode,
    ordinal_logits,
    ordinal_loss,
    soft_weighted_sum,
)

DORN = Bins(near=0.0, far=80.0, count=80, shift=1.0)
CAO = Bins(near=0.5, far=10.0, count=50)
FOUR = Bins(near=1.0, far=16.0, count=4)  # edges 1, 2, 4, 8, 16


def depth(values: list[float]) -> Any:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def random_case(bins: Bins, seed: int = 0) -> tuple[Any, Any]:
    """Scores (3, K, 5, 6) and metres (3, 1, 5, 6), the last image without truth."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(bins.near + 0.01, bins.far, (3, 1, 5, 6))
    t[rng.random(t.shape) < 0.2] = np.nan
    t[2] = np.nan
    scores = rng.normal(0, 2, (3, bins.count, 5, 6))
    return torch.from_numpy(scores), torch.from_numpy(t)


def test_edges_by_hand() -> None:
    assert bin_edges(FOUR).tolist() == pytest.approx([1, 2, 4, 8, 16])
    shifted = Bins(near=0.0, far=7.0, count=3, shift=1.0)
    assert bin_edges(shifted).tolist() == pytest.approx([0, 1, 3, 7])


def test_edges_are_dorns_formula() -> None:
    """t_i = exp(ln a + i ln(b / a) / K), with a = 1 and b = 81 after the shift by 1."""
    expected = [math.exp(math.log(1) + i * math.log(81 / 1) / 80) - 1 for i in range(81)]
    assert bin_edges(DORN).tolist() == pytest.approx(expected, abs=1e-12)


def test_encode_by_hand() -> None:
    values = [0.2, 1.0, 1.9, 2.0, 7.9, 8.1, 16.0, 99.0, math.nan]
    label = bin_encode(FOUR, depth(values))
    assert label.dtype == torch.int64
    assert label.flatten().tolist() == [0, 0, 0, 1, 2, 3, 3, 3, -1]
    assert bin_encode(FOUR, depth([-math.inf, math.inf])).flatten().tolist() == [-1, -1]


def test_decode_by_hand() -> None:
    assert bin_decode(FOUR, torch.tensor([0, 1, 2, 3])).tolist() == [1.5, 3, 6, 12]
    assert bin_decode(FOUR, torch.tensor([-1])).isnan().all()


@pytest.mark.parametrize("bins", [DORN, CAO, FOUR])
def test_round_trip_is_within_half_a_bin(bins: Bins) -> None:
    t = torch.linspace(bins.near, bins.far, 4001, dtype=torch.float64)
    label = bin_encode(bins, t)
    e = bin_edges(bins)
    half = (e[label + 1] - e[label]) / 2
    assert ((bin_decode(bins, label) - t).abs() <= half * (1 + 1e-6)).all()
    assert (bin_encode(bins, bin_decode(bins, torch.arange(bins.count))).diff() == 1).all()


@pytest.mark.parametrize(
    "values",
    [
        {"near": 0.0, "far": 80.0, "count": 8},
        {"near": 3.0, "far": 2.0, "count": 8},
        {"near": 1.0, "far": math.nan, "count": 8},
        {"near": 1.0, "far": math.inf, "count": 8},
        {"near": 1.0, "far": 2.0, "count": 0},
    ],
)
def test_impossible_bins_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="depth bins"):
        Bins(**values)


def test_pairs_of_channels_are_a_softmax() -> None:
    scores = torch.randn(2, 12, 3, 4, dtype=torch.float64)
    beyond = torch.sigmoid(ordinal_logits(scores)).numpy()
    e = np.exp(scores.numpy())
    for k in range(6):
        expected = e[:, 2 * k + 1] / (e[:, 2 * k] + e[:, 2 * k + 1])
        np.testing.assert_allclose(beyond[:, k], expected, rtol=1e-12)


def test_ordinal_loss_in_numpy() -> None:
    logits, t = random_case(FOUR)
    p = 1 / (1 + np.exp(-logits.numpy()))
    means = []
    for i in range(2):
        values = []
        for y, x in np.ndindex(5, 6):
            d = float(t[i, 0, y, x])
            if math.isnan(d):
                continue
            label = int(math.log2(d))
            values.append(
                -sum(math.log(p[i, k, y, x]) for k in range(label))
                - sum(math.log(1 - p[i, k, y, x]) for k in range(label, 4))
            )
        means.append(np.mean(values))
    assert ordinal_loss(logits, t, FOUR).item() == pytest.approx(np.mean(means), rel=1e-12)


def test_bin_loss_in_numpy() -> None:
    logits, t = random_case(FOUR)
    e = np.exp(logits.numpy())
    p = e / e.sum(axis=1, keepdims=True)
    means = []
    for i in range(2):
        values = []
        for y, x in np.ndindex(5, 6):
            d = float(t[i, 0, y, x])
            if math.isnan(d):
                continue
            label = int(math.log2(d))
            values.append(
                -sum(math.exp(-0.2 * (label - k) ** 2) * math.log(p[i, k, y, x]) for k in range(4))
            )
        means.append(np.mean(values))
    assert bin_loss(logits, t, FOUR).item() == pytest.approx(np.mean(means), rel=1e-12)


def test_a_sharp_bin_loss_is_cross_entropy() -> None:
    logits, t = random_case(FOUR)
    image, label = logits[:1], bin_encode(FOUR, t)[:1, 0]
    expected = torch.nn.functional.cross_entropy(image, label, ignore_index=-1)
    assert bin_loss(image, t[:1], FOUR, 50.0).item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_weight_of_a_bin_is_symmetric_and_largest_at_the_truth() -> None:
    """The gradient at even scores is the share of all weight minus each bin's own."""
    logits = torch.zeros(1, 50, 1, 1, dtype=torch.float64, requires_grad=True)
    t = depth([float(CAO.near * math.exp(20.5 * CAO.step))])
    (gradient,) = torch.autograd.grad(bin_loss(logits, t, CAO), logits)
    weight = -gradient.flatten()
    assert weight.argmax() == 20
    assert torch.allclose(weight[:20].flip(0), weight[21:41], rtol=1e-9)


def test_ordinal_decode_counts() -> None:
    """P over 1/2 for 0, 2 and 4 of 4 bins: bin 0, bin 2, and the last bin."""
    logits = torch.tensor([[-1.0, -1, -1, -1], [2, 0.1, -0.1, -3], [1, 1, 1, 1]]).T
    decoded = ordinal_decode(logits.reshape(1, 4, 1, 3), FOUR)
    assert decoded.flatten().tolist() == [1.5, 6.0, 12.0]


@pytest.mark.parametrize("bins", [CAO, FOUR, DORN])
def test_soft_weighted_sum_of_one_bin_is_its_centre(bins: Bins) -> None:
    one = torch.full((bins.count, bins.count), -1e4, dtype=torch.float64)
    one.fill_diagonal_(0.0)
    decoded = soft_weighted_sum(one.view(1, bins.count, 1, bins.count), bins).flatten()
    e = bin_edges(bins) + bins.shift
    centres = (e[1:] * e[:-1]).sqrt() - bins.shift
    assert decoded.numpy() == pytest.approx(centres.numpy(), rel=1e-9, abs=1e-12)
    assert (bin_encode(bins, decoded) == torch.arange(bins.count)).all()


def test_soft_weighted_sum_between_two_bins() -> None:
    """Half in 1..2 and half in 4..8: centres 2^0.5 and 2^2.5, together 2^1.5."""
    logits = torch.tensor([0.0, -1e4, 0.0, -1e4], dtype=torch.float64).view(1, 4, 1, 1)
    assert soft_weighted_sum(logits, FOUR).item() == pytest.approx(2**1.5)


@pytest.mark.parametrize("loss", [ordinal_loss, bin_loss])
def test_unknown_truth_costs_nothing_and_sends_nothing(loss: Any) -> None:
    logits, t = random_case(FOUR)
    logits = (40 * logits).float().requires_grad_(True)
    value = loss(logits, t.float(), FOUR)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite() and gradient.isfinite().all()
    assert (gradient[t.isnan().expand_as(gradient)] == 0).all() and (gradient[0] != 0).any()
    value = loss(logits, torch.full_like(t, math.nan).float(), FOUR)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value == 0 and (gradient == 0).all()


def test_ordinal_gradients_push_towards_the_truth() -> None:
    logits = torch.zeros(1, 4, 1, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(ordinal_loss(logits, depth([5.0]).float(), FOUR), logits)
    assert gradient.flatten().tolist() == pytest.approx([-0.5, -0.5, 0.5, 0.5])


def over_fit(loss: Any, bins: Bins) -> tuple[Any, Any]:
    """Descends on the scores of 12x16 pixels from random ones; scores, truth."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:12, :16]
    t = torch.from_numpy((1.5 + 0.2 * x + 0.1 * y)[None, None])
    t[..., 3:8, 4:9] = 0.9
    logits = torch.from_numpy(rng.normal(0, 2, (1, bins.count, 12, 16))).requires_grad_(True)
    adam = torch.optim.Adam([logits], lr=0.3)
    for _ in range(150):
        adam.zero_grad()
        torch.autograd.backward(loss(logits, t, bins))
        adam.step()
    return logits.detach(), t


def test_ordinal_over_fits_to_half_a_bin() -> None:
    bins = Bins(near=0.0, far=9.0, count=60, shift=1.0)
    logits, t = over_fit(ordinal_loss, bins)
    e = bin_edges(bins)
    label = bin_encode(bins, t)
    error = (ordinal_decode(logits, bins) - t).abs()
    assert (error <= (e[label + 1] - e[label]) / 2 * (1 + 1e-6)).all()
    assert (error / t).mean() < 0.02


def test_bins_over_fit_to_half_a_bin() -> None:
    """The best P is symmetric about the true bin, so that the soft sum finds its centre."""
    bins = Bins(near=0.3, far=15.0, count=60)
    logits, t = over_fit(bin_loss, bins)
    error = (torch.log(soft_weighted_sum(logits, bins)) - t.log()).abs()
    assert error.max() < 0.51 * bins.step
    assert ((soft_weighted_sum(logits, bins) - t).abs() / t).mean() < 0.02
