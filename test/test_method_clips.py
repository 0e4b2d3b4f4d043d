# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Learning from clips: what is minimised, who moves whom, and that memory comes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic import render_box_room, walk

torch = pytest.importorskip("torch")

from depth_ros.engines.networks.stclstm import StClstm, StClstmConfig  # noqa: E402
from depth_ros.errors import ConfigError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.data.readers.reading import Reading, motion_between  # noqa: E402
from depth_ros.training.data.source_config import SourceConfig  # noqa: E402
from depth_ros.training.methods import make_method  # noqa: E402
from depth_ros.training.methods.clips import fast  # noqa: E402
from depth_ros.training.methods.clips.carry import carried  # noqa: E402
from depth_ros.training.methods.clips.config import ClipsConfig  # noqa: E402
from depth_ros.training.methods.clips.terms import consistency, over_time  # noqa: E402


def settings(**clips: Any) -> TrainConfig:
    return TrainConfig(
        method="clips",
        network="stclstm",
        sources=(SourceConfig(kind="rendered"),),
        clips=ClipsConfig(**clips),
    )


def as_batch(images: Any, depths: Any, **more: Any) -> dict[str, Any]:
    """Clips (N, T, H, W, 3) and metres (N, T, h, w) as ClipExamples would give them."""
    n, t = images.shape[:2]
    return {
        "image": torch.as_tensor(images),
        "depth": torch.as_tensor(depths, dtype=torch.float32)[:, None],
        "metric": torch.ones(n, dtype=torch.bool),
        "intrinsics": torch.tensor([20.0, 20.0, 7.5, 5.5]).expand(n, t, 4),
        "motion": torch.eye(4).expand(n, t, 4, 4),
        **more,
    }


def descend(config: TrainConfig, batches: Any, steps: int, fixed: tuple[str, ...]) -> Any:
    """The network after ``steps`` of Adam on batches(step), and the terms of each step.

    The ``fixed`` parts keep their random weights, which are most of all and enough for so little.
    """
    rate = 3e-3
    torch.manual_seed(0)
    method = make_method(config)
    network = method.build()
    for part in fixed:
        network.get_submodule(part).requires_grad_(False)
    step = method.step(network).train()
    adam = torch.optim.Adam([p for p in step.parameters() if p.requires_grad], lr=rate)
    history = []
    for k in range(steps):
        adam.param_groups[0]["lr"] = rate * min(1.0, 2 * (1 - k / steps))
        terms = step(batches(k), k)
        adam.zero_grad()
        torch.autograd.backward(sum(terms.values()))
        torch.nn.utils.clip_grad_norm_(step.parameters(), 5.0)
        adam.step()
        history.append({name: term.item() for name, term in terms.items()})
    return network, history


def test_it_over_fits_a_clip_with_exact_truth() -> None:
    """Three frames of a furnished room, from 1 m everywhere, which is half of what is true."""
    camera = Camera(32, 24, 22.0, 22.0, 15.5, 11.5)
    poses = walk(3, 0.1)
    images = np.stack([render_box_room(camera, p)[0] for p in poses])[None]
    half = camera.scaled(16, 12)
    depths = np.stack([render_box_room(half, p)[1] for p in poses])[None]
    readings = [Reading(images[0, 0], world_from_camera=p) for p in poses]
    motion = torch.eye(4).repeat(1, 3, 1, 1)
    for k in (1, 2):
        motion[0, k] = torch.from_numpy(motion_between(readings[k - 1], readings[k]))
    k = torch.tensor([half.fx, half.fy, half.cx, half.cy]).expand(1, 3, 4)
    batch = as_batch(images, depths, motion=motion, intrinsics=k)
    config = settings(consistency=1.0, temporal_gradient_log=0.5, start_depth_m=1.0)
    _, history = descend(config, lambda step: batch, 60, ("E",))
    first, last = history[0], history[-1]
    assert first["l1_log"] > 0.5 and last["l1_log"] < 0.04
    assert last["si_log"] < 0.3 * first["si_log"]
    assert sum(last.values()) < 0.3 * sum(first.values())


def uniform_clips(step: int, clips: int = 8, frames: int = 5) -> tuple[dict[str, Any], Any]:
    """Grey walls whose level tells their distance, seen in light that flickers: the level of a
    single frame is off by noise, that of many frames is not."""
    rng = np.random.default_rng((7, step))
    level = rng.uniform(0.25, 0.75, clips)
    seen = level[:, None] + rng.normal(0, 0.08, (clips, frames))
    images = np.clip(255 * seen, 0, 255).astype(np.uint8)
    images = np.broadcast_to(images[:, :, None, None, None], (clips, frames, 8, 8, 3)).copy()
    metres = 1 + 4 * level
    depths = np.broadcast_to(metres[:, None, None, None], (clips, frames, 4, 4)).copy()
    return as_batch(images, depths), metres


def test_the_stream_is_steadier_than_its_frames_alone_and_nearer_to_the_truth() -> None:
    """The mean of k frames has a k-th of one frame's variance; the network runs in evaluation,
    where its norms may not look at the clip."""
    config = settings(si_log=0.0, gradient_log=0.0, consistency=0.5, norm_steps=20)
    fixed = ("E", "D", "MFF")
    network, _ = descend(config, lambda step: uniform_clips(step)[0], 90, fixed)
    network.eval()
    batch, metres = uniform_clips(10**6, clips=32, frames=12)
    images = make_method(config).step(network).meaning.normalise(batch["image"])
    with torch.no_grad():
        streamed = network(images)[:, 0].mean((2, 3)).numpy()  # clips, frames
        alone = np.stack(
            [network(images[:, :, k : k + 1])[:, 0].mean((2, 3)).numpy()[:, 0] for k in range(12)],
            1,
        )
    late = slice(4, None)
    flicker, flicker_alone = (np.abs(np.diff(x[:, late])).mean() for x in (streamed, alone))
    assert flicker < 0.6 * flicker_alone
    off, off_alone = (np.abs(x[:, late] - metres[:, None]).mean() for x in (streamed, alone))
    assert off < 0.85 * off_alone


def test_neither_player_moves_the_other() -> None:
    method = make_method(settings(adversarial=0.1, consistency=0.0, l1_log=1.0))
    torch.manual_seed(0)
    step = method.step(method.build()).train()
    terms = step(uniform_clips(0, clips=2, frames=2)[0], 0)
    assert {name for name in terms if name.startswith("adversary.")} == {"adversary.clips"}
    network, judge = list(step.network.parameters()), list(step.discriminator.parameters())
    own = torch.autograd.grad(
        terms["adversary.clips"], network, retain_graph=True, allow_unused=True
    )
    assert all(g is None for g in own)
    other = torch.autograd.grad(terms["adversarial"], judge, retain_graph=True, allow_unused=True)
    assert all(g is None for g in other)
    own = torch.autograd.grad(terms["adversarial"], network, retain_graph=True, allow_unused=True)
    assert any(g is not None and (g != 0).any() for g in own)
    other = torch.autograd.grad(terms["adversary.clips"], judge)
    assert all(g.isfinite().all() for g in other) and any((g != 0).any() for g in other)
    assert method.share("discriminator.judge.weight") == pytest.approx(0.3)
    assert method.share("network.E.conv1.weight") == 1.0  # nothing has trained the encoder before


@pytest.mark.parametrize("cell", ["R_CLSTM_1", "R_CLSTM_5"])
def test_the_fast_computation_is_the_same_network(cell: str) -> None:
    """Outputs and gradients in float64, where the order of additions does not show."""
    torch.manual_seed(0)
    network = StClstm(StClstmConfig(cell=cell)).double().train()
    images = torch.randn(2, 3, 2, 20, 28, dtype=torch.float64)
    out = torch.randn(2, 1, 2, 10, 14, dtype=torch.float64)
    found = []
    for compute in (network, lambda x: fast.clip(network, x)):
        network.load_state_dict({k: v.clone() for k, v in network.state_dict().items()})
        depth = compute(images)
        gradients = torch.autograd.grad((depth * out).sum(), list(network.parameters()))
        found.append([depth.detach(), *gradients])
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6 * float(a.abs().max()) + 1e-12)


@pytest.mark.parametrize("size", [(60, 80), (7, 9)])
def test_convolution_of_an_upsampled_map(size: tuple[int, int]) -> None:
    x = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    weight = torch.randn(3, 6, 5, 5, dtype=torch.float64)
    large = torch.nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=True)
    expected = torch.nn.functional.conv2d(large, weight, padding=2)
    assert torch.allclose(fast.upsampled_convolution(x, weight, size), expected, atol=1e-5)


def moving_pair() -> tuple[Any, Any, Any, Any]:
    """True depth before and now (1, 1, 60, 80), the motion between and the intrinsics."""
    camera = Camera(80, 60, 55.0, 60.0, 38.0, 31.0)
    poses = walk(8, 0.08)[-2:]
    before, now = (torch.from_numpy(render_box_room(camera, p)[1])[None, None] for p in poses)
    motion = torch.from_numpy(np.linalg.inv(poses[1]) @ poses[0]).float()[None]
    return before, now, motion, torch.tensor([[camera.fx, camera.fy, camera.cx, camera.cy]])


def test_true_depth_carried_by_true_motion_is_the_true_depth() -> None:
    before, now, motion, k = moving_pair()
    moved = carried(before, now, before, motion, (k, k), 0.05)
    seen = moved.isfinite()
    assert 0.7 < seen.float().mean() < 1
    assert ((moved - now).abs() / now)[seen].mean() < 2e-3
    unmoved = ((before - now).abs() / now)[seen].mean()
    assert unmoved > 0.02  # what it would be without the motion
    wrong = carried(before, now, before, torch.full_like(motion, torch.nan), (k, k), 0.05)
    assert wrong.isnan().all()
    hidden = now.clone()
    hidden[..., 10:20, 10:20] = torch.nan
    assert carried(before, hidden, before, motion, (k, k), 0.05)[..., 10:20, 10:20].isnan().all()


def test_consistency_of_the_truth_of_a_factor_and_of_a_flicker() -> None:
    before, now, motion, k = moving_pair()
    depth = torch.stack([before, now], 2)
    motion = torch.stack([torch.full_like(motion, torch.nan), motion], 1)
    batch = {"depth": depth, "motion": motion, "intrinsics": k[:, None].expand(1, 2, 4)}
    truth = consistency(depth.log(), batch, 0.05).item()
    assert truth < 1e-3
    flicker = depth.log() + torch.tensor([0.0, 0.1]).view(1, 1, 2, 1, 1)
    ratio = np.exp(0.1)
    assert consistency(flicker, batch, 0.05).item() == pytest.approx(
        (ratio - 1) / (ratio + 1), abs=1.5e-3
    )
    factor = consistency(depth.log() + 0.1, batch, 0.05).item()
    assert factor < 0.01  # nearly free: only the translation is not multiplied


def test_the_first_frame_counts_by_its_own_weight() -> None:
    p = torch.tensor([4.0, 1.0, 2.0]).view(1, 1, 3, 1, 1)
    t = torch.zeros_like(p)

    def mean(a: Any, b: Any) -> Any:
        return (a - b).abs().mean()

    assert over_time(mean, p, t, 0.5).item() == pytest.approx((0.5 * 4 + 1 + 2) / 2.5)
    assert over_time(mean, p, t, 0.0).item() == pytest.approx(1.5)
    assert over_time(mean, p, t, 1.0).item() == pytest.approx(7 / 3)
    assert over_time(mean, p[:, :, :1], t[:, :, :1], 0.0).item() == pytest.approx(4)


def test_images_without_scale_only_see_what_ignores_a_factor() -> None:
    config = settings(hu=1.0, temporal_gradient=1.0, adversarial=0.1)
    torch.manual_seed(0)
    method = make_method(config)
    step = method.step(method.build()).eval()
    batch, _ = uniform_clips(0, clips=2, frames=2)
    batch["metric"] = torch.zeros(2, dtype=torch.bool)
    batch["depth"] *= torch.linspace(0.5, 1.5, 4)
    with torch.no_grad():
        terms = step(batch, 0)
        batch["depth"] *= 3
        other = step(batch, 0)
    assert terms["l1_log"] == terms["hu"] == terms["temporal_gradient"] == 0
    for name in ("si_log", "gradient_log"):
        assert terms[name] > 0 and other[name].item() == pytest.approx(
            terms[name].item(), rel=1e-4
        )


def test_a_network_without_memory_is_refused() -> None:
    config = TrainConfig(
        method="clips", network="fastdepth", sources=(SourceConfig(kind="rendered"),)
    )
    with pytest.raises(ConfigError, match="stclstm"):
        make_method(config).build()
