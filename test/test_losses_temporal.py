# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Losses on clips: values by hand and in numpy, what they ignore, and what they fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from descent import fit, wrong_start

torch = pytest.importorskip("torch")

from depth_ros.training.losses import (  # noqa: E402
    ClipDiscriminator,
    adversarial_loss,
    as_frames,
    comparable,
    discriminator_loss,
    hu,
    temporal_consistency,
    temporal_gradient,
    visibility,
)


def seeded(seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed)


def clips(seed: int = 0) -> tuple[Any, Any]:
    """Predicted and true metres (3, 1, 4, 5, 6); a tenth is unknown, the last clip wholly."""
    rng = np.random.default_rng(seed)
    p, t = rng.uniform(1, 8, (2, 3, 1, 4, 5, 6))
    t[rng.random(t.shape) < 0.1] = np.nan
    t[-1] = np.nan
    return torch.from_numpy(p), torch.from_numpy(t)


def moving_scene() -> Any:
    """A box that moves a pixel per frame before a wall that comes nearer: (1, 1, 4, 12, 16)."""
    t = torch.empty(1, 1, 4, 12, 16, dtype=torch.float64)
    for k in range(4):
        t[:, :, k] = 4 - 0.2 * k
        t[:, :, k, 3:8, 3 + k : 8 + k] = 1.5
    t[:, :, :, 10, 12] = math.nan
    return t


def test_frames_keep_their_order() -> None:
    clip = torch.arange(2 * 3 * 2 * 2).view(2, 1, 3, 2, 2)
    frames = as_frames(clip)
    assert frames.shape == (6, 1, 2, 2)
    assert torch.equal(frames[4], clip[1, :, 1])


def test_temporal_gradient_by_hand() -> None:
    """Changes +1 and -1 against the true 0 and +2; the third pixel is known in one frame."""
    p = torch.tensor([[1.0, 4.0, 1.0], [2.0, 3.0, 9.0]], dtype=torch.float64)
    t = torch.tensor([[5.0, 1.0, 1.0], [5.0, 3.0, math.nan]], dtype=torch.float64)
    loss = temporal_gradient(p.view(1, 1, 2, 1, 3), t.view(1, 1, 2, 1, 3))
    assert loss.item() == pytest.approx((1 + 3) / 2)


def test_temporal_gradient_in_numpy() -> None:
    p, t = clips()
    expected = []
    for i in range(2):
        change = np.diff(p[i, 0].numpy(), axis=0) - np.diff(t[i, 0].numpy(), axis=0)
        expected.append(np.abs(change[np.isfinite(change)]).mean())
    assert temporal_gradient(p, t).item() == pytest.approx(np.mean(expected), rel=1e-12)
    constant = torch.randn(3, 1, 1, 5, 6, dtype=torch.float64)
    assert temporal_gradient(t + constant, t).item() == pytest.approx(0, abs=1e-12)
    assert temporal_gradient(p + constant, t).item() == pytest.approx(np.mean(expected))


def test_one_frame_has_no_change() -> None:
    p = torch.rand(2, 1, 1, 3, 4, requires_grad=True)
    loss = temporal_gradient(p, torch.ones(2, 1, 1, 3, 4))
    (gradient,) = torch.autograd.grad(loss, p)
    assert loss == 0 and (gradient == 0).all()


def test_temporal_consistency_by_hand_and_its_invariances() -> None:
    p = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).view(1, 1, 1, 3)
    q = torch.tensor([3.0, 2.0, math.nan], dtype=torch.float64).view(1, 1, 1, 3)
    assert temporal_consistency(p, q).item() == pytest.approx((2 / 4 + 0) / 2)
    weight = torch.tensor([0.5, 1.0, 1.0]).view(1, 1, 1, 3)
    assert temporal_consistency(p, q, weight).item() == pytest.approx(0.125)
    p, q = (torch.rand(2, 1, 5, 6, generator=seeded(s)) + 0.5 for s in (0, 1))
    before = temporal_consistency(p, q).item()
    assert temporal_consistency(7 * p, 7 * q).item() == pytest.approx(before, rel=1e-6)
    assert temporal_consistency(q, p).item() == pytest.approx(before, rel=1e-6)
    assert temporal_consistency(1e9 * p, q).item() < 1.0001


def test_visibility_by_hand() -> None:
    """Colours that differ by (0.1, 0, 0.2): exp(-50 * 0.05). Unknown colours are not visible."""
    image = torch.full((1, 3, 1, 3), 0.5)
    previous = image.clone()
    previous[0, :, 0, 1] += torch.tensor([0.1, 0.0, -0.2])
    previous[0, 1, 0, 2] = math.nan
    weight = visibility(image, previous)
    assert weight.shape == (1, 1, 1, 3)
    assert weight.flatten().tolist() == pytest.approx([1, math.exp(-2.5), 0], rel=1e-5)


@pytest.mark.parametrize("name", ["gradient", "consistency"])
def test_unknown_truth_costs_nothing_and_sends_nothing(name: str) -> None:
    loss = {"gradient": temporal_gradient, "consistency": temporal_consistency}[name]
    p, t = (x.float() for x in clips())
    if name == "consistency":
        p, t = as_frames(p), as_frames(t)
    p.requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(p, t), p)
    assert gradient.isfinite().all() and (gradient != 0).any()
    assert (gradient[t.isnan()] == 0).all()
    empty = loss(p, torch.full_like(t, math.nan))
    (gradient,) = torch.autograd.grad(empty, p)
    assert empty == 0 and (gradient == 0).all()


def test_temporal_gradient_over_fits_up_to_the_first_frame() -> None:
    """Flickering log depth, from which the changes are learnt; a first frame fixes the rest."""
    t = moving_scene()
    start = 1.0 + wrong_start(t)
    valid = t.isfinite()

    def error(log_p: Any) -> float:
        moved = log_p.exp() - log_p.exp()[:, :, :1] + t[:, :, :1]
        return float(((moved - t).abs() / t)[valid].mean())

    assert error(start) > 0.2
    assert error(fit(lambda x: temporal_gradient(x.exp(), t), start)) < 0.01


def test_the_loss_of_st_clstm_over_fits_a_clip() -> None:
    """Its frames' loss and the change in time together, in metres, on a moving scene."""
    t = moving_scene()
    valid = t.isfinite()
    start = wrong_start(t)

    def loss(x: Any) -> Any:
        return hu(as_frames(x.exp()), as_frames(t)) + temporal_gradient(x.exp(), t)

    log_p = fit(loss, start, steps=1000)
    assert ((log_p.exp() - t).abs() / t)[valid].mean() < 0.01


def test_temporal_consistency_over_fits_the_warped_frame() -> None:
    """Of a wall that moves 0.2 m nearer; where the box hid it before, the weight is 0."""
    clip = moving_scene()
    before, now = clip[:, :, 0], clip[:, :, 1]
    warped = now.clone()
    warped[:, :, 3:8, 3] = before[:, :, 3:8, 3]  # the box has left this column
    shown = torch.where(warped == now, 1.0, 0.0)
    start = wrong_start(now)
    log_p = fit(lambda x: temporal_consistency(x.exp(), warped, shown), start)
    fitted = shown > 0
    assert ((log_p.exp() - now).abs() / now)[fitted].mean() < 0.01
    hidden = ~fitted & warped.isfinite()
    assert hidden.sum() == 5 and torch.equal(log_p[hidden], start[hidden])


def test_without_warping_a_camera_at_rest_stops_flickering() -> None:
    """Two frames of one image: pulled together; the other half has changed and stays free."""
    before, now = (1 + torch.rand(1, 1, 6, 8, generator=seeded(s)) for s in (0, 1))
    image = torch.rand(1, 3, 6, 8, generator=seeded(2))
    changed = image.clone()
    changed[..., 4:] = (image[..., 4:] + 0.5) % 1
    weight = visibility(changed, image)
    after = fit(lambda x: temporal_consistency(x, before, weight), now)
    assert (after - before)[..., :4].abs().mean() < 0.01
    assert (after - before)[..., 4:].abs().mean() > 0.1


def test_adversarial_values_by_hand() -> None:
    true, predicted = torch.tensor([0.0, 2.0]), torch.tensor([-1.0])
    expected = (math.log(2) + math.log(1 + math.exp(-2))) / 2 + math.log(1 + math.exp(-1))
    assert discriminator_loss(true, predicted).item() == pytest.approx(expected / 2)
    assert adversarial_loss(predicted).item() == pytest.approx(math.log(1 + math.e))
    wrong = torch.tensor([-300.0], requires_grad=True)  # does not saturate
    (gradient,) = torch.autograd.grad(adversarial_loss(wrong), wrong)
    assert gradient.item() == pytest.approx(-1.0)


def test_holes_are_the_same_in_both_clips() -> None:
    p, t = clips()
    shown, true = comparable(p, t)
    assert ((shown == 0) == t.isnan()).all() and torch.equal(true, t.nan_to_num())
    assert torch.equal(shown[t.isfinite()], p[t.isfinite()])


def test_the_discriminator_judges_each_clip_alone() -> None:
    torch.manual_seed(0)
    judge = ClipDiscriminator(4)
    batch = torch.rand(3, 1, 5, 28, 38, generator=seeded())
    logits = judge(batch)
    assert logits.shape == (3,)
    assert torch.allclose(judge(batch[1:2]), logits[1:2], atol=1e-6)
    assert judge(torch.rand(1, 1, 1, 3, 3)).isfinite().all()
    order = torch.tensor([3, 0, 4, 1, 2])
    assert not torch.allclose(judge(batch[:, :, order]), logits, atol=1e-4)


@pytest.mark.usefixtures("one_thread")
def test_the_discriminator_learns_flicker_and_its_gradient_steadies_a_clip() -> None:
    """Each frame of a flickering clip is a valid frame: only time gives it away."""
    torch.manual_seed(0)
    generator = seeded()
    judge = ClipDiscriminator(4)
    adam = torch.optim.Adam(judge.parameters(), lr=3e-3)

    def draw(flicker: bool) -> Any:
        """Sixteen flat walls at 1 to 4 m, at rest or each frame at a distance of its own."""
        walls = 1 + 3 * torch.rand(16, 1, 4 if flicker else 1, 1, 1, generator=generator)
        return walls.expand(16, 1, 4, 8, 8).contiguous()

    for _ in range(300):
        adam.zero_grad()
        torch.autograd.backward(discriminator_loss(judge(draw(False)), judge(draw(True))))
        adam.step()
    right = torch.cat([judge(draw(False)) > 0, judge(draw(True)) < 0])
    assert right.double().mean() > 0.9
    levels = torch.tensor([1.5, 3.0, 2.0, 3.5]).view(1, 1, 4, 1, 1)
    after = fit(lambda x: adversarial_loss(judge(x.expand(1, 1, 4, 8, 8))), levels, 100)
    assert after.std() < 0.7 * levels.std()
