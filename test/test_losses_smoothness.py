# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.training.losses import smoothness  # noqa: E402


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).double()


def test_constant_inverse_depth_is_smooth() -> None:
    flat, image = torch.full((2, 1, 6, 8), 0.3).double(), images(2, 3, 6, 8)
    assert smoothness.edge_aware(smoothness.normalised(flat), image) == 0
    assert smoothness.edge_aware_second(smoothness.normalised(flat), image) == 0
    assert smoothness.multi_scale_smoothness([flat, flat[..., ::2, ::2]], image, 0.5) == 0
    assert smoothness.second_derivative(1 / flat) == 0


def test_the_scenes_scale_does_not_count() -> None:
    disparity, image = images(2, 1, 8, 12, seed=1), images(2, 3, 8, 12)
    scales = [disparity, disparity[..., ::2, ::2]]
    once = smoothness.multi_scale_smoothness(scales, image, 0.5)
    tenfold = smoothness.multi_scale_smoothness([10 * d for d in scales], image, 0.5)
    assert once > 0.1
    assert tenfold.item() == pytest.approx(once.item(), rel=1e-5)


def test_first_order_is_its_formula() -> None:
    values, image = images(1, 1, 4, 5, seed=1), images(1, 3, 4, 5)
    v, i = values[0, 0].numpy(), image[0].numpy()
    truth = sum(
        (np.abs(np.diff(v, axis=axis)) * np.exp(-np.abs(np.diff(i, axis=axis + 1)).mean(0))).mean()
        for axis in (0, 1)
    )
    assert smoothness.edge_aware(values, image).item() == pytest.approx(truth)


def test_second_order_is_its_formula() -> None:
    values, image = images(1, 1, 5, 6, seed=1), images(1, 3, 5, 6)
    v, i = values[0, 0].numpy(), image[0].numpy()
    weighted = plain = 0.0
    for one in (0, 1):
        for two in (0, 1):
            bend = np.abs(np.diff(np.diff(v, axis=one), axis=two))
            edge = np.abs(np.diff(np.diff(i, axis=one + 1), axis=two + 1)).mean(0)
            weighted, plain = weighted + (bend * np.exp(-edge)).mean(), plain + bend.mean()
    assert smoothness.edge_aware_second(values, image).item() == pytest.approx(weighted)
    assert smoothness.second_derivative(values).item() == pytest.approx(plain)


def test_an_image_edge_excuses_a_depth_edge_by_its_exponential() -> None:
    """A step of 1 between columns 3 and 4 of 8: the mean of 7 differences, times exp(-0.6)."""
    values, image = torch.zeros(1, 1, 4, 8).double(), torch.zeros(1, 3, 4, 8).double()
    values[..., 4:] = 1.0
    assert smoothness.edge_aware(values, image).item() == pytest.approx(1 / 7)
    image[..., 4:] = 0.6
    assert smoothness.edge_aware(values, image).item() == pytest.approx(math.exp(-0.6) / 7)
    elsewhere = image.roll(2, 3)
    assert smoothness.edge_aware(values, elsewhere).item() == pytest.approx(1 / 7)


def test_planes_are_free_in_second_order() -> None:
    """A plane's inverse depth is linear in the pixel."""
    x, y = torch.meshgrid(torch.arange(7.0), torch.arange(5.0), indexing="xy")
    plane = (0.3 + 0.02 * x - 0.01 * y)[None, None].double()
    assert smoothness.edge_aware_second(plane, images(1, 3, 5, 7)) < 1e-6
    assert smoothness.edge_aware(plane, torch.zeros(1, 3, 5, 7)).item() == pytest.approx(0.03)


def test_scales_weigh_less_the_coarser_they_are() -> None:
    """The same ramp a pixel at each scale, on grey: 1, 1/2, 1/4; and 1, 1/2.3."""
    grey = torch.full((1, 3, 8, 8), 0.5).double()
    values = [1 + torch.arange(float(n)).expand(1, 1, n, n).double() for n in (8, 4, 2)]
    each = [1 / (values[s].mean().item() + 1e-7) for s in range(3)]
    truth = (each[0] + each[1] / 2 + each[2] / 4) / 3
    found = smoothness.multi_scale_smoothness(values, grey)
    assert found.item() == pytest.approx(truth, rel=1e-6)
    squares = [v**2 for v in values[:2]]  # second difference 2 along x alone
    found = smoothness.multi_scale_second_derivative(squares)
    assert found.item() == pytest.approx(2 + 2 / 2.3)


def test_the_image_is_averaged_to_each_scale_whatever_its_size() -> None:
    """Halves are means of means; other sizes are averaged from the whole image."""
    image = images(1, 3, 12, 16)
    for sizes in ([(12, 16), (6, 8), (3, 4)], [(6, 8), (4, 5), (2, 3)]):
        scales = [images(1, 1, *size, seed=5) for size in sizes]
        truth = [
            smoothness.edge_aware(
                smoothness.normalised(d),
                torch.nn.functional.adaptive_avg_pool2d(image, d.shape[2:]),
            )
            / 2**s
            for s, d in enumerate(scales)
        ]
        found = smoothness.multi_scale_smoothness(scales, image)
        assert found.item() == pytest.approx(sum(truth).item() / 3, rel=1e-12)
