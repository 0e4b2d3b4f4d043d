# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Each self-supervised loss drives a tiny scene from a wrong start to its exact depth.

The scene is a slanted textured plane in closed form, so there is no network, no data and no
rendering error but bilinear sampling's.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

from depth_ros.training import warp  # noqa: E402
from depth_ros.training.losses import (  # noqa: E402
    features,
    icp,
    masks,
    motion,
    photometric,
    smoothness,
    sparse,
    stereo,
)

pytestmark = pytest.mark.usefixtures("one_thread")
HEIGHT, WIDTH, FOCAL, BASELINE = 24, 32, 30.0, 0.15
K = torch.tensor([[FOCAL, FOCAL, 15.5, 11.5]])
NORMAL = torch.tensor([0.25, -0.35, 0.9])
MOTIONS = torch.tensor(
    [[0.01, -0.02, 0.01, -BASELINE, 0.03, 0.02], [-0.01, 0.01, 0.0, 0.1, -0.1, -0.04]]
)
POSES = [warp.rigid(m[None]) for m in MOTIONS]


def true_depth(source_from_target: torch.Tensor, k: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Depth (1, 1, h, w) of the plane NORMAL . p = 2 m that a source sees."""
    turn, place = source_from_target[0, :3, :3], source_from_target[0, :3, 3]
    normal = turn @ NORMAL
    return (2.0 + normal @ place) / (warp.rays(k, h, w) * normal[:, None, None]).sum(1, True)


def look(
    source_from_target: torch.Tensor, k: torch.Tensor = K, h: int = HEIGHT, w: int = WIDTH
) -> torch.Tensor:
    """The image (1, 3, h, w): waves of 0.5 to 1 m, 8 to 16 pixels."""
    seen = warp.back_project(true_depth(source_from_target, k, h, w), k)
    x, y, z = warp.transform(warp.inverse(source_from_target), seen).unbind(1)
    waves = [
        torch.sin(9 * x + 5 * y + phase) + torch.sin(4 * x - 10 * y + 2 * phase + z)
        for phase in (0.0, 1.3, 2.9)
    ]
    return 0.5 + 0.22 * torch.stack(waves, 1)


STILL = torch.eye(4)[None]
TARGET, SOURCES = look(STILL), [look(p) for p in POSES]
DEPTH = true_depth(STILL, K, HEIGHT, WIDTH)


def fit(
    loss: Callable[..., torch.Tensor], *start: torch.Tensor, steps: int, rate: float = 0.03
) -> list[torch.Tensor]:
    """Adam from ``start``, with a rate that falls to nothing."""
    values = [s.clone().requires_grad_() for s in start]
    optimiser = torch.optim.Adam(values, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(*values).backward()
        optimiser.step()
        schedule.step()
    return [v.detach() for v in values]


def worst_off(depth: torch.Tensor, truth: torch.Tensor = DEPTH) -> float:
    """The mean of |d / d* - 1|."""
    return (depth / truth - 1).abs().mean().item()


def bent(inverse_depth: torch.Tensor, image: torch.Tensor = TARGET) -> torch.Tensor:
    """What a plane does not pay: it settles the pixels that no source sees."""
    return smoothness.edge_aware_second(smoothness.normalised(inverse_depth), image)


def spanned(grid: torch.Tensor) -> torch.Tensor:
    """(1, 1, 24, 32) of a coarse grid whose corners are the image's: planes fit exactly."""
    size = (HEIGHT, WIDTH)
    return torch.nn.functional.interpolate(grid, size, mode="bilinear", align_corners=True)


START = torch.full((1, 1, HEIGHT, WIDTH), 0.7)  # of 1 / m; the plane has 0.24 to 0.66


@pytest.mark.parametrize(("seed", "everywhere"), [(None, False), (0, False), (0, True)])
def test_photometric_minimum_reprojection(seed: int | None, everywhere: bool) -> None:
    def loss(inverse: torch.Tensor) -> torch.Tensor:
        fits = photometric.multi_scale_photometric(
            TARGET, SOURCES, [inverse], POSES, K, seed, everywhere
        )
        return fits + 0.1 * bent(inverse)

    (found,) = fit(loss, START, steps=100)
    assert worst_off(1 / START) > 0.3
    assert worst_off(1 / found) < 0.01


def test_photometric_at_four_scales() -> None:
    def loss(*inverse: torch.Tensor) -> torch.Tensor:
        fits = photometric.multi_scale_photometric(TARGET, SOURCES, inverse, POSES, K)
        return fits + 0.03 * sum(bent(i, photometric.full_resolution(TARGET, i)) for i in inverse)

    start = [torch.full((1, 1, HEIGHT >> s, WIDTH >> s), 0.7) for s in range(3)]
    for found in fit(loss, *start, steps=100):
        full = photometric.full_resolution(found, TARGET)
        assert worst_off(1 / full) < 0.02


def test_explained_l1() -> None:
    """SfMLearner's loss; a stain on one source has to be left unexplained."""
    stained = SOURCES[0].clone()
    stained[..., 8:14, 10:17] = 0

    def loss(grid: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        depth = 1 / spanned(grid)
        error = masks.source_errors(TARGET, [stained, SOURCES[1]], depth, POSES, K)
        return masks.explained(error, logits) + 0.05 * masks.explainability(logits)

    blank = torch.zeros(1, 2, HEIGHT, WIDTH)
    grid, logits = fit(loss, torch.full((1, 1, 4, 5), 0.7), blank, steps=150, rate=0.04)
    assert worst_off(1 / spanned(grid)) < 0.01
    trust = torch.sigmoid(logits)
    assert trust[0, 0].median() > 0.85 and trust[0, 1].median() > 0.85
    assert trust[0, 0].min() < 0.2


def test_feature_metric() -> None:
    """Six features at half the resolution of a camera of 2 * 32 x 2 * 24 pixels."""
    k = warp.scaled_intrinsics(warp.scaled_intrinsics(K, 2, 2), 0.5, 0.5)

    def describe(image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image, torch.tanh(2 * image - 1)], 1)

    target, sources = describe(TARGET), [describe(s) for s in SOURCES]

    def loss(inverse: torch.Tensor) -> torch.Tensor:
        return features.feature_metric(target, sources, 1 / inverse, POSES, k) + 0.1 * bent(
            inverse
        )

    (found,) = fit(loss, START, steps=100)
    assert worst_off(1 / found) < 0.01


RIGHT = look(stereo.right_from_left(BASELINE, TARGET))
LEFT_DISPARITY = FOCAL * BASELINE / DEPTH
RIGHT_DISPARITY = (
    FOCAL * BASELINE / true_depth(stereo.right_from_left(BASELINE, TARGET), K, HEIGHT, WIDTH)
)
COARSE = torch.full((1, 1, 4, 5), 1.2)  # a grid of disparities in pixels; the plane has 1.1 to 3


def metres(disparity: torch.Tensor) -> torch.Tensor:
    return stereo.depth_from_disparity(disparity, FOCAL, BASELINE)


@pytest.mark.parametrize("warped", [stereo.garg_bilinear, stereo.garg_linearised])
def test_garg(warped: Callable[..., torch.Tensor]) -> None:
    assert worst_off(metres(spanned(COARSE))) > 0.5
    (found,) = fit(lambda d: warped(TARGET, RIGHT, spanned(d)), COARSE, steps=150, rate=0.05)
    assert worst_off(metres(spanned(found))) < 0.02


def test_monodepth() -> None:
    """Both disparities at once, from reconstruction and consistency."""

    def loss(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return stereo.monodepth(TARGET, RIGHT, [(spanned(left), spanned(right))])

    left, right = map(spanned, fit(loss, COARSE, COARSE, steps=150, rate=0.05))
    assert worst_off(metres(left)) < 0.02
    assert worst_off(right, RIGHT_DISPARITY) < 0.02


def test_left_right_consistency() -> None:
    """The right's exact disparity gives the left's."""

    def loss(left: torch.Tensor) -> torch.Tensor:
        return stereo.left_right_consistency(spanned(left), RIGHT_DISPARITY)

    (found,) = fit(loss, COARSE, steps=150, rate=0.05)
    assert worst_off(metres(spanned(found))) < 0.02


def corner(source_from_target: torch.Tensor, k: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Depth (1, 1, h, w) of a room's corner, three walls about 2 m away."""
    walls = torch.tensor([[0.7, 0.1, 0.7], [-0.7, 0.2, 0.7], [0.0, -0.7, 0.7]])
    walls = walls @ source_from_target[0, :3, :3].T
    away = torch.tensor([1.5, 1.6, 1.4]) + walls @ source_from_target[0, :3, 3]
    facing = torch.einsum("pc,chw->phw", walls, warp.rays(k, h, w)[0])
    hit = torch.where(facing > 0.05, away[:, None, None] / facing, torch.inf)
    return hit.amin(0)[None, None]


class TestIcp:
    """A fine cloud of a corner, and another view's coarse depth of a part of it."""

    k = warp.scaled_intrinsics(K, 0.5, 0.5)
    fine = torch.tensor([[60.0, 60.0, 47.5, 35.5]])
    cloud = warp.back_project(corner(STILL, fine, 72, 96), fine)
    normals = icp.surface_normals(cloud)[..., 1:-1, 1:-1].flatten(2)
    target = cloud[..., 1:-1, 1:-1].flatten(2)
    true_motion = MOTIONS[:1]  # target_from_source
    depth = corner(warp.inverse(warp.rigid(true_motion)), k, 12, 16)

    def test_depth(self) -> None:
        """It starts 2 % too near and 8 % too far by turns; the motion is known."""
        x = torch.arange(16.0).expand(1, 1, 12, 16)
        y = torch.arange(12.0)[:, None]
        start = 1 / (self.depth * (1.03 + 0.05 * torch.sin(x + 2 * y).sign()))

        def loss(inverse: torch.Tensor) -> torch.Tensor:
            source = warp.back_project(1 / inverse, self.k).flatten(2)
            return icp.icp_loss(source, self.target, self.true_motion, reach=0.3, steps=0)

        (inverse,) = fit(loss, start, steps=40, rate=0.005)
        assert worst_off(1 / start, self.depth) > 0.045
        assert worst_off(1 / inverse, self.depth) < 0.005

    def test_motion(self) -> None:
        """It starts 4 cm and 1 degree off."""
        off = torch.tensor([[0.01, -0.01, 0.01, 0.03, -0.02, 0.02]])
        source = warp.back_project(self.depth, self.k).flatten(2)

        def loss(guess: torch.Tensor) -> torch.Tensor:
            return icp.icp_loss(source, self.target, guess, self.normals, reach=0.3, steps=4)

        (guess,) = fit(loss, self.true_motion + off, steps=40, rate=0.004)
        torch.testing.assert_close(guess, self.true_motion, atol=2e-3, rtol=0)


def test_velocity_makes_depth_metric() -> None:
    """Images leave the scale open; the speed sets it: the poses start at half their length."""

    def poses(log_scale: torch.Tensor) -> list[torch.Tensor]:
        lengths = torch.exp(log_scale).expand(2, 3)
        return [
            warp.rigid(torch.cat([m[:3], m[3:] * s])[None])
            for m, s in zip(MOTIONS, lengths, strict=True)
        ]

    speed = MOTIONS[:, 3:].norm(dim=1) / 0.1
    period = torch.full((2,), 0.1)

    def loss(inverse: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
        told = poses(log_scale)
        fits = photometric.multi_scale_photometric(TARGET, SOURCES, [inverse], told, K)
        going = torch.cat([pose[:, :3, 3] for pose in told])
        return fits + 0.1 * bent(inverse) + motion.velocity(going, speed, period)

    half = torch.full((1, 1), 0.5).log()
    inverse, log_scale = fit(loss, 1 / (1.2 * DEPTH), half, steps=150)
    assert log_scale.exp().item() == pytest.approx(1, abs=0.01)
    assert worst_off(1 / inverse) < 0.01


def test_a_known_pose_is_learnt() -> None:
    truth = torch.cat(POSES)
    (found,) = fit(
        lambda guess: motion.pose(warp.rigid(guess), truth), torch.zeros(2, 6), steps=150
    )
    torch.testing.assert_close(found, MOTIONS, atol=1e-3, rtol=0)


def test_sparse_points_settle_the_depth_between_them() -> None:
    """One pixel in eight, a tenth of them far off but known to be uncertain."""
    draw = torch.rand(DEPTH.shape, generator=torch.Generator().manual_seed(0))
    wrong = draw < 0.0125
    points = torch.where(draw < 0.125, torch.where(wrong, 2 / DEPTH, 1 / DEPTH), torch.nan)
    variance = torch.where(wrong, 1.0, 1e-4)

    def loss(grid: torch.Tensor) -> torch.Tensor:
        return sparse.sparse_prior(spanned(grid), points, variance)

    (found,) = fit(loss, torch.full((1, 1, 4, 5), 0.7), steps=150)
    assert worst_off(1 / spanned(found)) < 0.005
