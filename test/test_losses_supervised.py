# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses against true depth: values in numpy float64, invariances, and that they fit a scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from descent import fit, tiny_scene, wrong_start

torch = pytest.importorskip("torch")

from depth_ros.training import losses  # noqa: E402
from depth_ros.training.losses import common  # noqa: E402

# Every loss of the module, and whether it takes log depth or metres.
LOG = ("l1_log", "scale_invariant", "si_log", "silog", "gradient_log", "gradient_squared_log")
METRES = ("l1", "berhu", "hu_depth", "hu_gradient", "hu_normal", "hu")
AFFINE = ("gradient_normalised",)


def maps(seed: int = 0, shape: tuple[int, ...] = (3, 1, 9, 11)) -> tuple[Any, Any]:
    """Predicted and true metres in float64; a tenth is unknown, the last image wholly."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(1, 8, shape)
    t = p * np.exp(rng.normal(0, 0.3, shape))
    t[rng.random(shape) < 0.1] = np.nan
    t[-1] = np.nan
    return p, t


def tensors(*arrays: Any) -> Any:
    return [torch.from_numpy(np.array(a)) for a in arrays]


def per_image(value: Callable[[Any, Any], float], p: Any, t: Any) -> float:
    """The mean over the images with truth, image by image and in numpy."""
    known = [i for i in range(len(t)) if np.isfinite(t[i]).any()]
    return float(np.mean([value(p[i, 0], t[i, 0]) for i in known]))


def known_error(p: Any, t: Any) -> Any:
    return (p - t)[np.isfinite(t)]


def sobel_at(x: Any, y: int, u: int) -> tuple[float, float]:
    kernel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    window = x[y - 1 : y + 2, u - 1 : u + 2]
    return float((kernel * window).sum()), float((kernel.T * window).sum())


def over_windows(value: Callable[[int, int], float], t: Any) -> float:
    height, width = t.shape
    return float(
        np.mean(
            [
                value(y, u)
                for y in range(1, height - 1)
                for u in range(1, width - 1)
                if np.isfinite(t[y - 1 : y + 2, u - 1 : u + 2]).all()
            ]
        )
    )


def numpy_differences(e: Any) -> list[Any]:
    """Of neighbours along x and along y; NaN beside what is unknown is left out."""
    return [d[np.isfinite(d)] for d in (np.diff(e, axis=1), np.diff(e, axis=0))]


def numpy_multi_scale(e: Any) -> list[float]:
    return [np.abs(d).mean() for k in range(4) for d in numpy_differences(e[:: 2**k, :: 2**k])]


def numpy_si(p: Any, t: Any, balance: float) -> float:
    e = known_error(np.log(p), np.log(t))
    return float((e**2).mean() - balance * e.mean() ** 2)


def numpy_hu_depth(p: Any, t: Any) -> float:
    return float(np.log(np.abs(known_error(p, t)) + 0.5).mean())


def numpy_hu_gradient(p: Any, t: Any) -> float:
    def value(y: int, u: int) -> float:
        return sum(math.log(abs(g) + 0.5) for g in sobel_at(p - t, y, u))

    return over_windows(value, t)


def numpy_hu_normal(p: Any, t: Any) -> float:
    def value(y: int, u: int) -> float:
        a, b = (np.array([*(-g for g in sobel_at(x, y, u)), 1.0]) for x in (p, t))
        return 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    return over_windows(value, t)


def numpy_normalised(t: Any) -> Any:
    values = np.sort(t[np.isfinite(t)])
    cut = len(values) // 10
    kept = values[cut : len(values) - cut]
    return (t - kept.mean()) / kept.std()


EXPECTED: dict[str, Callable[[Any, Any], float]] = {
    "l1": lambda p, t: np.abs(known_error(p, t)).mean(),
    "l1_log": lambda p, t: np.abs(known_error(np.log(p), np.log(t))).mean(),
    "scale_invariant": lambda p, t: numpy_si(p, t, 0.5),
    "si_log": lambda p, t: math.sqrt(numpy_si(p, t, 1.0) + 1e-6),
    "silog": lambda p, t: 10 * math.sqrt(numpy_si(p, t, 0.85)),
    "gradient_log": lambda p, t: sum(numpy_multi_scale(np.log(p) - np.log(t))),
    "gradient_squared_log": lambda p, t: sum(
        (d**2).mean() for d in numpy_differences(np.log(p) - np.log(t))
    ),
    "gradient_normalised": lambda p, t: sum(numpy_multi_scale(p - numpy_normalised(t))),
    "hu_depth": numpy_hu_depth,
    "hu_gradient": numpy_hu_gradient,
    "hu_normal": numpy_hu_normal,
    "hu": lambda p, t: numpy_hu_depth(p, t) + numpy_hu_gradient(p, t) + numpy_hu_normal(p, t),
}


def call(name: str, p: Any, t: Any, **options: Any) -> Any:
    if name in LOG:
        p, t = p.log(), t.log()
    return getattr(losses, name)(p, t, **options)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_value_in_numpy(name: str) -> None:
    p, t = maps()
    expected = per_image(EXPECTED[name], p, t)
    assert call(name, *tensors(p, t)).item() == pytest.approx(expected, rel=1e-10)


def test_values_by_hand() -> None:
    p = torch.tensor([[[[1.0, 2.0, 5.0]]]], dtype=torch.float64)
    t = torch.tensor([[[[2.0, 2.0, math.nan]]]], dtype=torch.float64)
    two = math.log(2)
    assert losses.l1(p, t).item() == pytest.approx(0.5)  # errors -1 and 0
    assert losses.l1_log(p.log(), t.log()).item() == pytest.approx(two / 2)
    assert call("scale_invariant", p, t).item() == pytest.approx(two**2 * (1 / 2 - 1 / 8))
    # c = 0.2, and the error 1 lies beyond: (1 + 0.04) / 0.4 = 2.6
    assert losses.berhu(p, t).item() == pytest.approx(2.6 / 2)
    assert call("silog", p, t, balance=0.5, factor=1).item() == pytest.approx(
        two * math.sqrt(3 / 8)
    )
    assert losses.hu_depth(p, t).item() == pytest.approx((math.log(1.5) + math.log(0.5)) / 2)
    # One neighbouring pair is known, its errors differ by ln 2; coarser scales have no pairs.
    assert call("gradient_log", p, t).item() == pytest.approx(two)
    assert call("gradient_squared_log", p, t).item() == pytest.approx(two**2)


def test_sobel_of_a_ramp() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
    gx, gy = common.sobel(3 * x - 2 * y)
    assert gx.shape == gy.shape == (3, 4)
    assert (gx == 24).all() and (gy == -16).all()
    # Normals of the ramps 3 x and 0: (-24, 0, 1) and (0, 0, 1).
    loss = losses.hu_normal((3 * x).view(1, 1, 5, 6), torch.zeros(1, 1, 5, 6))
    assert loss.item() == pytest.approx(1 - 1 / math.sqrt(577), rel=1e-6)


def test_weights_of_hus_terms() -> None:
    p, t = tensors(*maps())
    terms = [losses.hu_depth(p, t), losses.hu_gradient(p, t), losses.hu_normal(p, t)]
    expected = terms[0] + 0.5 * terms[1] + 3 * terms[2]
    assert losses.hu(p, t, gradient=0.5, normal=3.0).item() == pytest.approx(expected.item())


def test_use_picks_images() -> None:
    p, t = tensors(*maps())
    use = torch.tensor([False, True, True])
    expected = losses.l1_log(p[1:2].log(), t[1:2].log())
    assert losses.l1_log(p.log(), t.log(), use).item() == pytest.approx(expected.item())
    assert losses.l1_log(p.log(), t.log(), torch.zeros(3, dtype=torch.bool)) == 0


def test_the_three_forms_of_eigens_loss_agree() -> None:
    p, t = maps(shape=(2, 1, 6, 7))
    e = known_error(np.log(p[0, 0]), np.log(t[0, 0]))
    alpha = -e.mean()  # eq. 1: the best factor
    pairs = ((e[:, None] - e[None, :]) ** 2).sum() / (2 * len(e) ** 2)  # eq. 3
    ours = call("scale_invariant", *tensors(p, t), balance=1.0).item()
    # With lambda 1, eq. 1's mean (e + alpha)^2, eq. 3 and eq. 4 are one number.
    assert ours == pytest.approx(((e + alpha) ** 2).mean(), rel=1e-12)
    assert ours == pytest.approx(pairs, rel=1e-12)
    assert call("scale_invariant", *tensors(p, t), balance=0.0).item() == pytest.approx(
        (e**2).mean(), rel=1e-12
    )


@pytest.mark.parametrize("factor", [1e-3, 0.5, 40.0])
def test_one_factor_on_all_depths(factor: float) -> None:
    """In float32, as in training."""
    p, t = (x.float() for x in tensors(*maps()))
    for name, options in (
        ("scale_invariant", {"balance": 1.0}),
        ("si_log", {"balance": 1.0}),
        ("silog", {"balance": 1.0}),
        ("gradient_log", {}),
        ("gradient_squared_log", {}),
    ):
        before, after = call(name, p, t, **options), call(name, p * factor, t, **options)
        assert after.item() == pytest.approx(before.item(), rel=2e-6), name
    shift = math.log(factor)
    # A factor on the truth itself leaves (1 - balance) of its squared logarithm.
    assert call("scale_invariant", t * factor, t, balance=0.25).item() == pytest.approx(
        0.75 * shift**2, rel=1e-5
    )
    for name in ("l1", "l1_log", "berhu"):
        assert call(name, t * factor, t).item() > 0.1


def test_a_shift_changes_no_normal_and_affine_maps_of_truth_change_nothing() -> None:
    p, t = tensors(*maps())
    for name in ("hu_normal", "hu_gradient", "gradient_normalised"):
        before = call(name, p, t).item()
        assert call(name, p + 7, t).item() == pytest.approx(before, rel=1e-9), name
    before = call("gradient_normalised", p, t).item()
    assert call("gradient_normalised", p, 3 * t + 5).item() == pytest.approx(before, rel=1e-9)
    assert call("gradient_normalised", p, -t).item() != pytest.approx(before, rel=1e-2)


def test_normalise_trimmed() -> None:
    """Of 0 ... 9 and two outliers the middle ten stay: mean 4.5, variance 8.25."""
    values = torch.tensor([-1e6, *range(10), 1e6, math.nan], dtype=torch.float64)
    z = common.normalise_trimmed(values.view(1, 1, 1, -1)).flatten()
    assert z[1:11].numpy() == pytest.approx((np.arange(10) - 4.5) / math.sqrt(8.25))
    assert z[-1].isnan() and z[:-1].isfinite().all()
    flat = common.normalise_trimmed(torch.full((1, 1, 4, 5), 2.7))
    assert flat.abs().max() < 0.01
    assert common.normalise_trimmed(torch.full((1, 1, 4, 5), math.nan)).isnan().all()


def test_berhu_joins_smoothly() -> None:
    """The largest error, 5, sets c = 1: value and slope of the other pixel meet there.

    The largest one's own slope is 5 / c, because c counts as a constant.
    """

    def at(error: float) -> tuple[float, float]:
        p = torch.tensor([[[[error, 5.0]]]], dtype=torch.float64, requires_grad=True)
        loss = 2 * losses.berhu(p, torch.zeros_like(p))
        (slope,) = torch.autograd.grad(loss, p)
        assert slope[0, 0, 0, 1] == 5
        return loss.item() - (25 + 1) / 2, slope[0, 0, 0, 0].item()

    assert at(0.5) == pytest.approx((0.5, 1.0))
    assert at(1 - 1e-9) == pytest.approx((1.0, 1.0))
    assert at(1 + 1e-9) == pytest.approx((1.0, 1.0))
    assert at(-3.0) == pytest.approx((5.0, -3.0))


@pytest.mark.parametrize("name", [*LOG, *METRES, *AFFINE])
def test_unknown_truth_costs_nothing_and_sends_nothing(name: str) -> None:
    p, t = (x.float() for x in tensors(*maps()))
    p.requires_grad_(True)
    loss = call(name, p, t)
    (gradient,) = torch.autograd.grad(loss, p)
    assert loss.shape == () and loss.isfinite() and gradient.isfinite().all()
    assert (gradient[t.isnan()] == 0).all() and (gradient[0] != 0).any()
    changed = torch.where(t.isnan(), 77.0, p.detach())
    assert call(name, changed, t).item() == pytest.approx(loss.item(), rel=1e-6)
    empty = call(name, p, torch.full_like(t, math.nan))
    (gradient,) = torch.autograd.grad(empty, p)
    assert empty == 0 and (gradient == 0).all()


@pytest.mark.parametrize("name", [*LOG, *METRES, *AFFINE])
def test_predictions_of_half_precision(name: str) -> None:
    """Errors of 100 m, whose squares and Sobel sums overflow in float16."""
    p, t = (x.float() for x in tensors(*maps()))
    p = (40 * p).half().requires_grad_(True)
    loss = call(name, p, t)
    (gradient,) = torch.autograd.grad(loss, p)
    assert loss.dtype == torch.float32 and gradient.isfinite().all()
    assert loss.item() == pytest.approx(call(name, p.detach().float(), t).item(), rel=5e-3)


@pytest.mark.parametrize("name", [*LOG, *METRES])
def test_truth_itself_is_the_minimum(name: str) -> None:
    _, t = (x.float() for x in tensors(*maps()))
    best = torch.where(t.isnan(), 1.0, t).requires_grad_(True)
    loss = call(name, best, t)
    (gradient,) = torch.autograd.grad(loss, best)
    assert gradient.isfinite().all()
    least = {"hu_depth": math.log(0.5), "hu_gradient": 2 * math.log(0.5), "si_log": 1e-3}
    least |= {"hu": 3 * math.log(0.5), "silog": 1e-5}
    assert loss.item() == pytest.approx(least.get(name, 0.0), abs=1e-6)


def abs_rel(log_p: Any, t: Any, aligned: bool) -> float:
    """Mean |p - t| / t over the known pixels, after one factor if ``aligned``."""
    valid = t.isfinite()
    ratio = log_p.exp()[valid] / t[valid]
    return float(
        (ratio / ratio.median() - 1).abs().mean() if aligned else (ratio - 1).abs().mean()
    )


@pytest.mark.parametrize(
    ("name", "options", "aligned"),
    [
        ("l1", {}, False),
        ("l1_log", {}, False),
        ("berhu", {}, False),
        ("scale_invariant", {}, False),
        ("scale_invariant", {"balance": 1.0}, True),
        ("si_log", {}, True),
        ("silog", {}, False),
        ("gradient_log", {}, True),
        ("gradient_squared_log", {}, True),
        ("hu_depth", {}, False),
        ("hu", {}, False),
    ],
)
def test_over_fits_a_scene(name: str, options: dict[str, float], aligned: bool) -> None:
    t = tiny_scene()
    start = wrong_start(t)
    assert abs_rel(start, t, aligned) > 0.3
    steps = 1000 if name == "hu" else 400  # its logarithms are not convex
    log_p = fit(lambda x: call(name, x.exp(), t, **options), start, steps)
    assert abs_rel(log_p, t, aligned) < 0.01
    if aligned:
        assert abs_rel(log_p, t, False) > 0.1  # the scale is free, and started wrong


def test_over_fits_up_to_a_shift() -> None:
    """Gradients of the depth of unknown scale: right after a shift and a factor."""
    t = tiny_scene()
    valid = t.isfinite()
    d = fit(lambda x: losses.gradient_normalised(x, t), wrong_start(t))
    a, b = np.polyfit(d[valid].numpy(), t[valid].numpy(), 1)
    assert a > 0
    assert ((a * d + b - t)[valid] / t[valid]).abs().mean() < 0.01


def test_over_fits_normals() -> None:
    """The tilt of a plane, from a wrong one."""
    y, x = tensors(*np.mgrid[:12, :16].astype(np.float64))

    def plane(tilt: Any) -> Any:
        return (3 + tilt[0] * x + tilt[1] * y).view(1, 1, 12, 16)

    true, start = torch.tensor([[0.05, -0.03], [-0.04, 0.05]], dtype=torch.float64)
    tilt = fit(lambda tilt: losses.hu_normal(plane(tilt), plane(true)), start, rate=0.01)
    assert (tilt - true).abs().max() < 1e-3
