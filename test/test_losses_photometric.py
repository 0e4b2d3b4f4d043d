# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from depth_ros.frame import Float64

torch = pytest.importorskip("torch")

from depth_ros.training import reproject, warp  # noqa: E402
from depth_ros.training.losses import features, masks, photometric, sparse, ssim  # noqa: E402
from depth_ros.training.losses.ssim import Reference  # noqa: E402

EYE = torch.eye(4)[None]
K = torch.tensor([[20.0, 20.0, 9.5, 7.5]])


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def moved_by(x: float, y: float = 0.0, z: float = 0.0) -> torch.Tensor:
    return warp.rigid(torch.tensor([[0.0, 0.0, 0.0, x, y, z]]))


def ssim_by_hand(a: Float64, b: Float64) -> Float64:
    """One channel (h, w), pixel by pixel."""
    a, b = np.pad(a, 1, mode="reflect"), np.pad(b, 1, mode="reflect")
    out = np.empty((a.shape[0] - 2, a.shape[1] - 2))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            p, q = a[i : i + 3, j : j + 3].ravel(), b[i : i + 3, j : j + 3].ravel()
            shared = ((p - p.mean()) * (q - q.mean())).mean()
            above = (2 * p.mean() * q.mean() + 1e-4) * (2 * shared + 9e-4)
            below = (p.mean() ** 2 + q.mean() ** 2 + 1e-4) * (p.var() + q.var() + 9e-4)
            out[i, j] = above / below
    return out


def test_ssim_is_its_formula() -> None:
    a, b = images(1, 2, 6, 7), images(1, 2, 6, 7, seed=1)
    found = photometric.ssim(a, b)
    for c in range(2):
        truth = ssim_by_hand(a[0, c].double().numpy(), b[0, c].double().numpy())
        np.testing.assert_allclose(found[0, c], truth, atol=1e-5)
    torch.testing.assert_close(photometric.ssim(a, a), torch.ones_like(a))


def test_the_error_mixes_ssim_and_l1() -> None:
    a, b = images(1, 1, 5, 6).double(), images(1, 1, 5, 6, seed=1).double()
    unlike = np.clip((1 - ssim_by_hand(a[0, 0].numpy(), b[0, 0].numpy())) / 2, 0, 1)
    truth = 0.85 * unlike + 0.15 * (a - b)[0, 0].abs().numpy()
    np.testing.assert_allclose(photometric.photometric_error(a, b)[0, 0], truth, atol=1e-12)
    robust = photometric.photometric_error(a, b, ssim_weight=0.0, robust=1e-6)
    np.testing.assert_allclose(robust, np.sqrt((a - b).numpy() ** 2 + 1e-6), atol=1e-12)
    assert photometric.photometric_error(a, a).abs().max() < 1e-12


def pooled(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The error by its formula, with autograd's gradient."""
    unlike = ((1 - photometric.ssim(a, b)) / 2).clamp(0, 1)
    return (0.85 * unlike + 0.15 * (a - b).abs()).mean(1, keepdim=True)


@pytest.mark.parametrize("shape", [(2, 3, 7, 9), (1, 2, 2, 2), (2, 1, 3, 5)])
def test_the_errors_gradient_is_that_of_its_formula(shape: tuple[int, ...]) -> None:
    a, b = (images(*shape, seed=s).double().requires_grad_() for s in (0, 1))
    weights = images(shape[0], 1, *shape[2:], seed=2).double()
    found, truth = photometric.photometric_error(a, b), pooled(a, b)
    torch.testing.assert_close(found, truth, atol=1e-13, rtol=0)
    ours = torch.autograd.grad((weights * found).sum(), (a, b))
    theirs = torch.autograd.grad((weights * truth).sum(), (a, b))
    torch.testing.assert_close(ours, theirs, atol=1e-13, rtol=0)


@pytest.mark.parametrize("robust", [0.0, 1e-3])
def test_the_errors_gradient_is_that_of_differences(robust: float) -> None:
    a, b = (images(1, 2, 4, 5, seed=s).double().requires_grad_() for s in (0, 1))
    assert torch.autograd.gradcheck(
        lambda a, b: photometric.photometric_error(a, b, robust=robust), (a, b)
    )


def test_float32_keeps_the_gradient_where_nothing_is_to_be_seen() -> None:
    """A nearly flat image has windows of almost no variance, where sums of squares cancel."""
    flat = 0.9 + 1e-3 * images(1, 3, 16, 20)
    other = (flat + 1e-3 * images(1, 3, 16, 20, seed=1)).requires_grad_()
    (ours,) = torch.autograd.grad(photometric.photometric_error(other, flat).sum(), other)
    exact = other.detach().double().requires_grad_()
    (truth,) = torch.autograd.grad(pooled(exact, flat.double()).sum(), exact)
    assert (ours - truth).abs().max() < 5e-3 * truth.abs().max()


def test_a_reference_is_compared_with_many() -> None:
    """Each with the image it names, in any order, and no gradient flows to the reference."""
    targets = images(2, 3, 6, 8).requires_grad_()
    others = images(5, 3, 6, 8, seed=1).requires_grad_()
    of = torch.tensor([1, 0, 0, 1, 1])
    found = photometric.photometric_error(others, Reference(targets), of=of)
    torch.testing.assert_close(found, pooled(others, targets[of]), atol=2e-6, rtol=0)
    torch.testing.assert_close(photometric.photometric_error(others, targets, of=of), found)
    assert torch.autograd.grad(found.sum(), targets, allow_unused=True) == (None,)


def test_all_images_at_once_as_on_a_gpu_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    target, sources = images(2, 3, 9, 12).double(), images(4, 3, 9, 12, seed=1).double()
    weights, of = images(4, 1, 9, 12, seed=2).double(), torch.tensor([0, 0, 1, 1])
    found = []
    for devices in (frozenset({"cpu"}), frozenset()):
        monkeypatch.setattr(ssim, "SINGLY", devices)
        monkeypatch.setattr(reproject, "SINGLY", devices)
        depth = (2 + images(4, 1, 9, 12, seed=3)).double().requires_grad_()
        motion = (0.05 * images(4, 6, seed=4)).double().requires_grad_()
        view = warp.synthesise(sources, depth, warp.rigid(motion), K.double())
        error = photometric.photometric_error(view.image, Reference(target), of=of)
        total = (weights * error * view.depth).sum()
        found.append([error, view.pixels, *torch.autograd.grad(total, (depth, motion))])
    torch.testing.assert_close(found[1], found[0], atol=1e-12, rtol=1e-12)


def test_the_minimum_takes_the_source_that_is_not_hidden() -> None:
    one = torch.tensor([0.1, 0.9, 0.4, 0.5]).view(1, 1, 1, 4)
    two = torch.tensor([0.8, 0.2, 0.3, 0.6]).view(1, 1, 1, 4)
    best, _ = photometric.minimum_over_sources([one, two])
    assert best.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.5])
    sees_one = torch.tensor([True, True, True, False]).view(1, 1, 1, 4)
    sees_two = torch.tensor([True, True, False, False]).view(1, 1, 1, 4)
    best, found = photometric.minimum_over_sources([one, two], [sees_one, sees_two])
    assert best.flatten().tolist() == pytest.approx([0.1, 0.2, 0.4, 0.0])
    assert found.flatten().tolist() == [True, True, True, False]


def test_what_one_source_hides_costs_nothing() -> None:
    """A block covers a part of each source at another place."""
    target = images(1, 3, 12, 16)
    left, right = target.clone(), target.clone()
    left[..., :5], right[..., -5:] = 0, 0
    depth = torch.ones(1, 1, 12, 16)
    both, seen = photometric.reprojection(target, [left, right], depth, [EYE, EYE], K)
    assert seen.all() and both.max() < 1e-5
    alone, _ = photometric.reprojection(target, [left], depth, [EYE], K)
    assert alone.mean() > 0.05


def test_a_camera_that_stands_still_is_masked_everywhere() -> None:
    target = images(1, 3, 12, 16)
    depth = torch.full((1, 1, 12, 16), 2.0)
    best, seen = photometric.reprojection(target, [target], depth, [moved_by(0.05)], K)
    still = [photometric.photometric_error(target, target)]
    noise = photometric.tie_noise(best, seed=4)
    assert seen.float().mean() > 0.9
    assert not (seen & photometric.moving(best, still, noise)).any()
    loss = photometric.multi_scale_photometric(
        target, [target], [1 / depth], [moved_by(0.05)], K, seed=4
    )
    assert loss == 0


def test_a_camera_that_moves_as_said_is_masked_nowhere_in_view() -> None:
    """2 pixels: 20 px focal length, 2 m, 0.2 m to the right."""
    wide = images(1, 3, 12, 20)
    target, source = wide[..., :16], wide[..., 2:18]
    depth = torch.full((1, 1, 12, 16), 2.0)
    best, seen = photometric.reprojection(target, [source], depth, [moved_by(-0.2)], K)
    still = [photometric.photometric_error(source, target)]
    moves = photometric.moving(best, still, photometric.tie_noise(best, seed=4))
    assert seen[0, 0, 5].tolist() == [False] * 2 + [True] * 14
    assert moves[..., 3:].all()  # a window beside the unseen columns still feels them
    assert best[..., 3:].max() < 1e-4


def test_noise_breaks_ties_both_ways_and_is_that_of_its_seed() -> None:
    noise = photometric.tie_noise(torch.empty(2, 1, 40, 50), seed=7)
    assert torch.equal(noise, photometric.tie_noise(noise, seed=7))
    assert not torch.equal(noise, photometric.tie_noise(noise, seed=8))
    assert noise.std().item() == pytest.approx(1e-5, rel=0.1)
    flat = torch.zeros_like(noise)
    assert not photometric.moving(flat, [flat]).any()
    assert 0.4 < photometric.moving(flat, [flat], noise).float().mean() < 0.6


def test_coarse_scales_warp_at_full_resolution() -> None:
    """Constant depth is the same at every scale, so every scale gives the same loss."""
    wide = images(1, 3, 12, 20)
    target, source = wide[..., :16], wide[..., 2:18]
    scales = [torch.full((1, 1, 12 // 2**s, 16 // 2**s), 0.4) for s in range(3)]
    losses = [
        photometric.multi_scale_photometric(target, [source], chosen, [moved_by(-0.2)], K)
        for chosen in (scales, scales[:1], scales[2:])
    ]
    assert losses[0] > 0.01
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-5)
    assert losses[2].item() == pytest.approx(losses[0].item(), rel=1e-5)


def test_the_loss_is_the_mean_where_pixels_move_and_are_seen() -> None:
    """A smooth scene of 2 m shifts by 2 pixels; for 1.6 m, by 2.5. Rows 0 to 3 go with us."""
    x = torch.arange(20.0).expand(1, 3, 12, 20)
    wide = 0.5 + 0.4 * torch.sin(0.5 * x + torch.arange(12.0)[:, None])
    target, source = wide[..., :16], wide[..., 2:18].clone()
    source[..., :4, :] = target[..., :4, :]
    depth, pose = torch.full((1, 1, 12, 16), 1.6), moved_by(-0.2)
    best, seen = photometric.reprojection(target, [source], depth, [pose], K)
    still = photometric.photometric_error(source, target)
    use = (seen & (best < still))[0, 0].numpy()
    assert 0.5 < use.mean() < 0.9 * seen.float().mean() < 0.9
    loss = photometric.multi_scale_photometric(target, [source], [1 / depth], [pose], K, seed=1)
    assert loss.item() == pytest.approx(best[0, 0].numpy()[use].mean(), rel=1e-3)


def test_pixels_out_of_view_count_where_asked() -> None:
    """A depth of 0.2 m would shift by 20 of 16 columns: nothing is seen, no border is alike."""
    target = images(1, 3, 12, 16)
    near = [torch.full((1, 1, 12, 16), 5.0)]
    told = (target, [target], near, [moved_by(-0.2)], K)
    assert photometric.multi_scale_photometric(*told) == 0
    loss = photometric.multi_scale_photometric(*told, everywhere=True)
    border = target[..., :1].expand_as(target)
    truth = photometric.photometric_error(border, target).mean()
    assert loss.item() == pytest.approx(truth.item(), rel=1e-5) and truth > 0.1


def test_resizing_keeps_the_images_edges() -> None:
    """Pixel centres at 0 and 1 of 2 are at 0.5 and 2.5 of 4."""
    grown = photometric.full_resolution(torch.tensor([[[[0.0, 1.0]]]]), torch.zeros(1, 3, 1, 4))
    assert grown.flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


def test_a_mean_over_nothing_is_zero() -> None:
    values = torch.full((1, 1, 2, 2), torch.nan, requires_grad=True)
    mean = photometric.masked_mean(values, torch.zeros(1, 1, 2, 2, dtype=torch.bool))
    mean.backward()
    assert mean == 0 and torch.equal(values.grad, torch.zeros(1, 1, 2, 2))


def test_explainability_is_the_cross_entropy_with_one() -> None:
    logits = torch.tensor([-1.0, 0.0, 2.0]).double().view(1, 1, 1, 3)
    chance = 1 / (1 + np.exp(-logits.numpy()))
    assert masks.explainability(logits).item() == pytest.approx(-np.log(chance).mean())
    error = torch.tensor([0.3, 0.2, 0.6]).double().view(1, 1, 1, 3)
    assert masks.explained(error, logits).item() == pytest.approx((chance * error.numpy()).mean())


def test_a_mask_learns_what_cannot_be_explained() -> None:
    """The minimum of w * m e - 0.2 log m is m = 0.2 / e, or 1 where that is more."""
    error = torch.tensor([0.1, 0.4, 2.0]).view(1, 1, 1, 3)
    logits = torch.zeros_like(error, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(150):
        optimiser.zero_grad()
        (masks.explained(error, logits) + 0.2 * masks.explainability(logits)).backward()
        optimiser.step()
    learnt = torch.sigmoid(logits).flatten().tolist()
    assert learnt[0] > 0.98
    assert learnt[1:] == pytest.approx([0.5, 0.1], abs=0.01)


def test_pixels_out_of_view_are_those_that_leave_the_image() -> None:
    """Shifted by 3 px to the right and 1 px up (20 px focal length, 2 m)."""
    depth = torch.full((1, 1, 16, 20), 2.0)
    seen = masks.in_view(depth, moved_by(0.3, -0.1), K)
    truth = torch.ones(16, 20, dtype=torch.bool)
    truth[:, -3:] = truth[0] = False
    assert torch.equal(seen[0, 0], truth)
    assert not masks.in_view(depth, moved_by(0, 0, -2.5), K).any()


def test_depths_that_agree_are_consistent() -> None:
    ours, theirs = torch.tensor([2.0, 1.0]), torch.tensor([2.0, 3.0])
    assert masks.depth_consistency(ours, theirs).tolist() == [0.0, 0.5]


def test_feature_error_is_a_robust_mean_over_channels() -> None:
    a, b = images(1, 4, 3, 5).double(), images(1, 4, 3, 5, seed=1).double()
    truth = np.sqrt((a - b).numpy() ** 2 + 1e-6).mean(1, keepdims=True)
    np.testing.assert_allclose(features.feature_error(a, b), truth, atol=1e-12)


def test_the_feature_metric_takes_the_best_source_in_view() -> None:
    wide = images(1, 4, 8, 20)
    target, source, dark = wide[..., :16], wide[..., 2:18], torch.zeros(1, 4, 8, 16)
    depth = torch.full((1, 1, 8, 16), 2.0)
    pose = moved_by(-0.2)
    alone = features.feature_metric(target, [source], depth, [pose], K)
    assert alone.item() == pytest.approx(1e-3, rel=0.02)  # sqrt(1e-6) where all agrees
    assert features.feature_metric(target, [dark, source], depth, [pose, pose], K) == alone
    assert features.feature_metric(target, [dark], depth, [pose], K) > 0.3


def test_feature_regularisers_reward_even_slopes() -> None:
    """A slope of 0.1 a column on a grey image: first order 0.1, second order 0."""
    ramp = (0.1 * torch.arange(9.0)).expand(1, 2, 6, 9)
    grey = torch.full((1, 3, 6, 9), 0.5)
    assert features.discriminative(ramp, grey).item() == pytest.approx(-0.1)
    assert features.convergent(ramp, grey).item() == pytest.approx(0, abs=1e-6)
    assert features.convergent(ramp**2, grey).item() == pytest.approx(0.02, rel=1e-4)


def test_sparse_points_count_by_their_variance_and_not_by_their_number() -> None:
    predicted = torch.tensor([[0.5, 0.7, 0.9, 0.2], [0.4, 0.4, 0.4, 0.4]]).double()
    points = torch.tensor([[0.4, torch.nan, 0.5, torch.nan], [torch.nan] * 4]).double()
    variance = torch.tensor([[0.01, 0.01, 0.04, torch.nan], [0.01] * 4]).double()
    maps = [m.view(2, 1, 2, 2) for m in (predicted, points, variance)]
    truth = (100 * 0.1 + 25 * 0.4) / 125
    assert sparse.sparse_prior(*maps, floor=0).item() == pytest.approx(truth)
    twice = [torch.cat([m, m], 3) for m in maps]
    assert sparse.sparse_prior(*twice, floor=0).item() == pytest.approx(truth)
    nothing = torch.full_like(maps[1], torch.nan)
    assert sparse.sparse_prior(maps[0], nothing, maps[2]) == 0


def test_sparse_convolution_does_not_see_unknown_values() -> None:
    """Bit for bit, and equal to a plain convolution / 9 where all is known."""
    values, weight, bias = images(2, 3, 7, 8), images(4, 3, 3, 3, seed=1), images(4, seed=2)
    known = images(2, 1, 7, 8, seed=3) < 0.4
    other = torch.where(known, values, torch.nan)
    once, where = sparse.sparse_convolution(values, known, weight, bias)
    again, _ = sparse.sparse_convolution(other, known, weight, bias)
    assert torch.equal(once, again)
    grown = torch.nn.functional.max_pool2d(known.float(), 3, 1, 1) > 0
    assert torch.equal(where, grown)
    full, _ = sparse.sparse_convolution(values, torch.ones_like(known), weight)
    plain = torch.nn.functional.conv2d(values, weight) / 9
    torch.testing.assert_close(full[..., 1:-1, 1:-1], plain)


def test_sparse_values_spread_and_stay() -> None:
    values = torch.full((1, 1, 1, 6), torch.nan)
    values[..., 0], values[..., 3] = 1.0, 3.0
    once = sparse.spread(values, values.isfinite(), steps=1)
    assert once[0, 0, 0, :5].tolist() == [1.0, 1.0, 3.0, 3.0, 3.0]
    assert once[..., 5].isnan()
    all_over = sparse.spread(values, values.isfinite(), steps=2)
    assert all_over.flatten().tolist() == [1.0, 1.0, 3.0, 3.0, 3.0, 3.0]
