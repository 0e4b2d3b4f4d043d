# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from depth_ros.training import warp  # noqa: E402
from depth_ros.training.losses import stereo  # noqa: E402

WIDTH, HEIGHT = 32, 12


def plane_pair(disparity: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Left and right (1, 3, h, w) of a fronto-parallel plane: left(x) = right(x - d)."""
    wide = torch.rand(1, 3, HEIGHT, WIDTH + disparity, generator=torch.Generator().manual_seed(0))
    return wide[..., :WIDTH], wide[..., disparity:]


def constant(value: float, shrink: int = 1) -> torch.Tensor:
    return torch.full((1, 1, HEIGHT // shrink, WIDTH // shrink), float(value))


def wave(x: torch.Tensor, wavelength: float) -> torch.Tensor:
    """A smooth grey image (1, 1, 1, w) at the columns x, level at column 0."""
    return (0.5 + 0.4 * torch.cos(2 * math.pi / wavelength * x)).expand(1, 1, 1, -1)


def test_a_plane_of_known_disparity_costs_nothing() -> None:
    left, right = plane_pair(3)
    true = constant(3)
    assert stereo.garg_bilinear(left, right, true) < 1e-10
    assert stereo.garg_linearised(left, right, true) < 1e-10
    assert stereo.left_right_consistency(true, true) == 0
    # In the 3x3 windows beside the columns that the other image lacks, these still count.
    inner = stereo.reconstruction(left, right, true, true)
    assert inner < 0.02
    assert stereo.reconstruction(left, right, constant(2), constant(2)) > 10 * inner
    assert stereo.reconstruction(left, right, -true, -true) > 10 * inner


def test_the_reconstruction_is_exactly_zero_where_the_border_repeats() -> None:
    """A pair without hidden columns: constant along x where the shift reaches over the edge."""
    x = torch.arange(WIDTH, dtype=torch.float32)
    flat_ends = (x.clamp(6, WIDTH - 10) * 0.02).expand(1, 3, HEIGHT, -1)
    shifted = ((x + 3).clamp(6, WIDTH - 10) * 0.02).expand(1, 3, HEIGHT, -1)
    true = constant(3)
    assert stereo.reconstruction(flat_ends, shifted, true, true) < 1e-6
    scales = [(true, true), (constant(1.5, 2), constant(1.5, 2))]
    assert stereo.monodepth(flat_ends, shifted, scales) < 1e-5


def test_consistency_is_a_fraction_of_the_width() -> None:
    """Left says 3, right says 5: each mean is 2 pixels, in 32."""
    found = stereo.left_right_consistency(constant(3), constant(5))
    assert found.item() == pytest.approx(2 * 2 / 32, rel=1e-6)


def test_consistency_looks_where_the_other_view_sees_the_same() -> None:
    """d_left = a x, so x_r = (1 - a) x and d_right = a x_r / (1 - a)."""
    slope = 0.2
    x = torch.arange(WIDTH, dtype=torch.float32).expand(1, 1, HEIGHT, -1)
    d_left, d_right = slope * x, slope / (1 - slope) * x
    assert stereo.left_right_consistency(d_left, d_right) < 1e-6
    assert stereo.left_right_consistency(d_left, d_left) > 1e-3


def test_consistency_at_coarse_scales_weighs_alike() -> None:
    left, right = torch.zeros(2, 1, 3, HEIGHT, WIDTH).unbind(0)
    fine = stereo.monodepth(left, right, [(constant(3), constant(5))], consistency=1.0)
    coarse = stereo.monodepth(left, right, [(constant(1.5, 2), constant(2.5, 2))], consistency=1.0)
    assert fine.item() == pytest.approx(2 * 2 / 32, rel=1e-6)
    assert coarse.item() == pytest.approx(fine.item(), rel=1e-6)


def test_the_linearised_warp_is_exact_on_a_ramp() -> None:
    x = torch.arange(WIDTH, dtype=torch.float64)
    right = (0.02 * x).expand(1, 1, HEIGHT, -1)
    left = (0.02 * (x - 2.6)).expand(1, 1, HEIGHT, -1)
    around = constant(2).double()
    use = slice(4, WIDTH - 2)  # the ramp ends at the border
    loss = stereo.garg_linearised(
        left[..., use], right[..., use], around[..., use] + 0.6, around[..., use]
    )
    edge = (0.02 * 0.6 / 2) ** 2 / (WIDTH - 8)  # there the central difference has half the slope
    assert loss.item() == pytest.approx(edge, rel=1e-6)


def test_linearised_and_bilinear_agree_to_first_order() -> None:
    """The value at the expansion is the same, the derivative up to the image's curvature.

    Halfway between pixels the mean of two central differences of a wave is cos^2(pi / wavelength)
    of the bilinear difference: 0.990 at 32 pixels, 0.998 at 64.
    """
    x = torch.arange(256, dtype=torch.float64)
    for wavelength in (32, 64):
        right, left = wave(x, wavelength), wave(x - 3, wavelength)
        slopes = []
        for loss in (stereo.garg_linearised, stereo.garg_bilinear):
            disparity = torch.full((1, 1, 1, 256), 2.5).double().requires_grad_()
            value = loss(left, right, disparity)
            value.backward()
            slopes.append((value.item(), disparity.grad.sum().item()))
        (linear, d_linear), (bilinear, d_bilinear) = slopes
        assert linear == pytest.approx(bilinear, abs=1e-15)
        assert d_linear < 0
        ratio = math.cos(math.pi / wavelength) ** 2
        assert d_linear / d_bilinear == pytest.approx(ratio, abs=1e-4)


def test_the_linearisation_errs_by_the_square_of_the_step() -> None:
    x = torch.arange(256, dtype=torch.float64)
    around = torch.full((1, 1, 1, 256), 3.0).double()
    errors = []
    for step in (1.0, 2.0, 4.0):
        loss = stereo.garg_linearised(wave(x - 3 - step, 128), wave(x, 128), around + step, around)
        errors.append(loss.item() ** 0.5)
    assert errors[1] / errors[0] == pytest.approx(4, rel=0.1)
    assert errors[2] / errors[1] == pytest.approx(4, rel=0.1)


def test_smoothness_of_garg_is_the_squared_slope() -> None:
    x = torch.arange(6.0).expand(1, 1, 4, 6)
    assert stereo.garg_smoothness(0.3 * x).item() == pytest.approx(0.09)


def test_a_baseline_makes_metres() -> None:
    """The pose of the right camera and the disparity make the same view."""
    left, right = plane_pair(4)
    k = torch.tensor([[40.0, 40.0, 15.5, 5.5]])
    depth = stereo.depth_from_disparity(constant(4), 40.0, 0.25)
    assert depth[0, 0, 0, 0].item() == pytest.approx(2.5)
    assert stereo.depth_from_disparity(depth, 40.0, 0.25)[0, 0, 0, 0].item() == pytest.approx(4)
    pose = stereo.right_from_left(0.25, right)
    seen = warp.synthesise(right, depth, pose, k)
    made, valid = warp.shift(right, constant(4))
    torch.testing.assert_close(seen.image, made, atol=1e-5, rtol=0)
    assert torch.equal(seen.valid, valid) and valid.sum() == HEIGHT * (WIDTH - 4)
    torch.testing.assert_close(made[..., 4:], left[..., 4:], atol=1e-5, rtol=0)
