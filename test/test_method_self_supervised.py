# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The method "self_supervised" drives a plane to its exact depth, and each of its losses helps.

The network is a grid of numbers and a few motions, so that only the method itself is tested.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from planes import BASELINE_M, CAMERA, STEPS, PlaneVideo, beside, look, motion

torch = pytest.importorskip("torch")

from depth_ros.engines.networks.monodepth2 import Monodepth2Config  # noqa: E402
from depth_ros.training.config import TrainConfig  # noqa: E402
from depth_ros.training.data.source_config import SourceConfig  # noqa: E402
from depth_ros.training.losses.icp import as_motion  # noqa: E402
from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig  # noqa: E402
from depth_ros.training.methods.self_supervised.ego import ego_motion  # noqa: E402
from depth_ros.training.methods.self_supervised.examples import (  # noqa: E402
    Recording,
    ViewExamples,
    targets_of,
)
from depth_ros.training.methods.self_supervised.pairs import pairs_of  # noqa: E402
from depth_ros.training.methods.self_supervised.step import SelfSupervisedStep  # noqa: E402
from depth_ros.training.methods.self_supervised.structure import left_right  # noqa: E402
from depth_ros.training.methods.self_supervised.tracks import Tracks  # noqa: E402
from depth_ros.training.methods.self_supervised.views import Shots  # noqa: E402
from depth_ros.training.warp import inverse, rigid  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (CAMERA.width, CAMERA.height)
PLAIN = {"flip_chance": 0.0, "jitter_chance": 0.0, "smoothness": 0.0, "scales": 1}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Numbers(torch.nn.Module):
    """Inverse depth (M, 1, h, w) for the first M images, and motions (Q, 6) for the first Q pairs.

    The depth is that of grids whose corners are the image's, which hold a plane exactly.
    """

    def __init__(self, inverse_depth: Any, motions: Any = None) -> None:
        super().__init__()
        self.config = Monodepth2Config(unit_m=1.0)
        self.encoder = self.depth = self.pose_encoder = self.pose = torch.nn.Identity()
        self.grid = torch.nn.Parameter(inverse_depth)
        self.motions = torch.nn.Parameter(torch.zeros(1, 6) if motions is None else motions)

    def forward(self, image: Any) -> tuple[Any, ...]:
        full = torch.nn.functional.interpolate(
            self.grid[: len(image)], image.shape[-2:], mode="bilinear", align_corners=True
        )
        return (full,)

    def motion(self, images: Any) -> Any:
        assert len(images) <= len(self.motions)
        return self.motions[: len(images)]


def settings(**changes: Any) -> TrainConfig:
    own = SelfSupervisedConfig(**{**PLAIN, **changes})
    source = SourceConfig(path="unused")
    return TrainConfig(
        method="self_supervised", network="monodepth2", sources=(source,), self_supervised=own
    )


def examples(video: PlaneVideo, config: TrainConfig, only: int | None = None) -> ViewExamples:
    """Of one target if ``only`` is given; else of all."""
    own = config.self_supervised
    shots = Shots(video, SIZE, 60.0, 64, hints=own.proxy > 0)
    targets = [t for t in targets_of(shots, own) if only is None or t == (only, "left")]
    tracks = Tracks() if own.sparse_points > 0 else None
    return ViewExamples([Recording(shots, targets, 1.0, tracks)], SIZE, own, seed=0)


def batch_of(*some: dict[str, Any]) -> dict[str, Any]:
    return {key: torch.stack([s[key] for s in some]) for key in some[0]}


def true_inverse(index: int, *, right: bool = False) -> Any:
    """(1, 1, h, w) in 1/m."""
    pose = motion(*STEPS[index])
    depth = look(beside(pose) if right else pose)[1]
    return torch.from_numpy(1 / depth)[None, None]


def grids(*inverse: Any) -> Any:
    """The grids (M, 1, 4, 5) that hold these planes (1, 1, h, w)."""
    rows, columns = np.linspace(0, SIZE[1] - 1, 4), np.linspace(0, SIZE[0] - 1, 5)
    found = []
    for plane in inverse:
        a, dx, dy = plane[0, 0, 0, 0], plane[0, 0, 0, 1], plane[0, 0, 1, 0]
        y, x = torch.from_numpy(rows)[:, None], torch.from_numpy(columns)
        found.append((a + (dx - a) * x + (dy - a) * y).float()[None, None])
    return torch.cat(found)


def steps_of(index: int) -> Any:
    """The motions (2, 6) that the pose network should say for the pairs around a frame."""
    poses = [motion(*s) for s in STEPS[index - 1 : index + 2]]
    pairs = [np.linalg.inv(b) @ a for a, b in pairwise(poses)]
    return as_motion(torch.from_numpy(np.stack(pairs))).float()


def fit(module: Any, batch: dict[str, Any], steps: int, rate: float) -> None:
    """Adam with a rate that falls to nothing, as the trainer would."""
    adam = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=rate)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        adam.zero_grad()
        sum(module(batch, step).values()).backward()
        adam.step()


def off(network: Numbers, truth: Any, *, scaled: bool = False) -> float:
    """The mean of |d / d* - 1| of the first image, after median scaling if asked for."""
    with torch.no_grad():
        (inverse,) = network(torch.zeros(1, 3, SIZE[1], SIZE[0]))
    ratio = truth / inverse
    return float((ratio / (ratio.median() if scaled else 1.0) - 1).abs().mean())


WRONG = torch.full((1, 1, 4, 5), 0.7)  # of 1/m; the plane has 0.24 to 0.66


@pytest.mark.parametrize("combine", ["minimum", "mean"])
def test_given_poses_give_metric_depth(combine: str) -> None:
    config = settings(poses="given", combine=combine, stereo=False)
    network = Numbers(WRONG.clone())
    network.motions.requires_grad_(False)
    batch = batch_of(examples(PlaneVideo(), config, only=2)[0])
    assert off(network, true_inverse(2)) > 0.3
    fit(SelfSupervisedStep(network, config), batch, 120, 0.04)
    assert off(network, true_inverse(2)) < 0.02


def test_a_stereo_pair_gives_metric_depth() -> None:
    config = settings(neighbours=(), auto_mask=False)
    network = Numbers(WRONG.clone())
    network.motions.requires_grad_(False)
    batch = batch_of(examples(PlaneVideo(stereo=True), config, only=2)[0])
    fit(SelfSupervisedStep(network, config), batch, 120, 0.04)
    assert off(network, true_inverse(2)) < 0.02


def test_a_pose_network_learns_along_and_the_shape_is_right() -> None:
    """Depth starts flat, motions at two thirds of their length and without their turns."""
    config = settings(stereo=False, everywhere=False)
    truth = steps_of(2)
    start = truth * torch.tensor([0.0, 0, 0, 0.67, 0.67, 0.67])
    network = Numbers(WRONG.clone(), start)
    assert off(network, true_inverse(2), scaled=True) > 0.08
    batch = batch_of(examples(PlaneVideo(known=False), config, only=2)[0])
    fit(SelfSupervisedStep(network, config), batch, 200, 0.01)
    assert off(network, true_inverse(2), scaled=True) < 0.03
    said = network.motions.detach()
    torch.testing.assert_close(said[:, :3], truth[:, :3], atol=0.015, rtol=0)
    assert torch.cosine_similarity(said[:, 3:], truth[:, 3:]).min() > 0.98


def test_known_poses_teach_the_pose_network() -> None:
    """Metres and radians, of both time orders and of the frames that are two apart."""
    config = settings(poses="given", pose=1.0, stereo=False, pose_reverse_chance=0.0)
    truth = steps_of(2)
    poses = [motion(*s) for s in STEPS[1:4]]
    far = as_motion(torch.from_numpy(np.linalg.inv(poses[2]) @ poses[0])[None]).float()
    network = Numbers(grids(true_inverse(2)), torch.zeros(3, 6))
    step = SelfSupervisedStep(network, config)
    batch = batch_of(examples(PlaneVideo(), config, only=2)[0])
    terms = step(batch)
    terms["pose"].backward()
    assert (network.motions.grad.norm(dim=1) > 0).all()
    assert network.grid.grad is None
    fit(step, batch, 200, 0.02)
    torch.testing.assert_close(
        network.motions.detach(), torch.cat([truth, far]), atol=2e-3, rtol=0
    )


def test_a_pair_shown_backwards_has_the_inverse_motion() -> None:
    config = settings(poses="given", pose=1.0, stereo=False, pose_reverse_chance=1.0)
    poses = [motion(*s) for s in STEPS[1:4]]
    back = [np.linalg.inv(poses[a]) @ poses[b] for a, b in ((0, 1), (1, 2), (0, 2))]
    said = as_motion(torch.from_numpy(np.stack(back))).float()
    network = Numbers(grids(true_inverse(2)), said)
    batch = batch_of(examples(PlaneVideo(), config, only=2)[0])
    assert SelfSupervisedStep(network, config)(batch)["pose"].item() < 1e-5


def test_a_velocity_makes_the_pose_network_metric() -> None:
    config = settings(stereo=False, velocity=1.0, poses="network")
    truth = steps_of(2)
    batch = batch_of(examples(PlaneVideo(), config, only=2)[0])

    def term(factor: float) -> float:
        scaled = truth * torch.tensor([1.0] * 3 + [factor] * 3)
        network = Numbers(grids(true_inverse(2)), scaled)
        return SelfSupervisedStep(network, config)(batch)["velocity"].item()

    assert term(1.0) < 1e-6
    assert term(0.5) == pytest.approx(0.5 * float(truth[:, 3:].norm(dim=1).mean()), rel=1e-5)


def at(factor: float, config: TrainConfig, video: PlaneVideo) -> tuple[Any, Numbers]:
    """The terms where all depths are ``factor`` times the truth, and the network."""
    inverse = [true_inverse(2), true_inverse(1), true_inverse(3), true_inverse(2, right=True)]
    if not config.self_supervised.neighbours:
        inverse = [inverse[0], inverse[3]]
    network = Numbers(grids(*inverse) / factor, steps_of(2).repeat(2, 1))
    batch = batch_of(examples(video, config, only=2)[0])
    return SelfSupervisedStep(network, config)(batch), network


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("photometric", {}),
        ("photometric", {"neighbours": (), "auto_mask": False}),
        ("icp", {"icp": 1.0}),
        ("features", {"features": 1.0}),
        ("sparse_points", {"sparse_points": 1.0}),
        ("stereo_consistency", {"stereo_consistency": 1.0, "neighbours": (), "auto_mask": False}),
        ("consistency", {"consistency": 1.0}),
        ("proxy", {"proxy": 1.0, "neighbours": (), "auto_mask": False}),
    ],
)
@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_every_loss_pulls_the_depth_to_the_truth(
    name: str, changes: dict[str, Any], factor: float
) -> None:
    config = settings(poses="given", **changes)
    video = PlaneVideo(stereo=True)
    right, _ = at(1.0, config, video)
    wrong, network = at(factor, config, video)
    assert 0 <= right[name] < wrong[name]
    wrong[name].backward()
    slope = (network.grid.grad[0] * network.grid[0].detach()).sum().item()
    assert slope * (factor - 1) < 0  # more inverse depth is less depth


def test_sparse_points_of_unknown_length_leave_the_scale_open() -> None:
    config = settings(stereo=False, sparse_points=1.0)
    video = PlaneVideo(known=False)
    terms = [at(factor, config, video)[0]["sparse_points"].item() for factor in (0.5, 1.0, 2.0)]
    assert 0 < max(terms) < 0.2
    assert max(terms) - min(terms) < 1e-3


def test_masks_learn_what_cannot_be_explained() -> None:
    """A stain that only one source has is trusted less than the rest."""
    config = settings(
        poses="given", stereo=False, explainability=0.02, combine="mean", ssim_share=0.0
    )
    network = Numbers(grids(true_inverse(2)))
    for p in network.parameters():
        p.requires_grad_(False)
    made = examples(PlaneVideo(), config, only=2)[0]
    made["images"][1, :, 16:32, 24:48] = 0
    module = SelfSupervisedStep(network, config)
    assert module.explainer is not None
    fit(module, batch_of(made), 100, 0.01)
    images = made["images"].float() / 255
    with torch.no_grad():
        trust = torch.sigmoid(module.explainer(images[:1].expand(2, -1, -1, -1), images[1:3]))
    assert trust[0, 0, 20:28, 28:44].mean() < 0.5
    assert trust[1].mean() > 0.8


def test_a_batch_of_all_kinds_is_the_mean_of_its_parts() -> None:
    """Video, a pair, and both; the number of sources differs."""
    config = settings(poses="given", smoothness=0.1)
    video = examples(PlaneVideo(), config, only=2)[0]
    both = examples(PlaneVideo(stereo=True), config, only=3)[0]
    pair = copy.deepcopy(both)
    pair["exists"] &= pair["order"] == 0
    assert [int(e["exists"].sum()) for e in (video, both, pair)] == [2, 3, 1]
    inverse = grids(true_inverse(2), true_inverse(3), true_inverse(3)) * 0.9

    def terms(which: list[int]) -> dict[str, float]:
        some = [[video, both, pair][i] for i in which]
        module = SelfSupervisedStep(Numbers(inverse[which]), config)
        torch.manual_seed(0)
        return {k: v.item() for k, v in module(batch_of(*some)).items()}

    alone = [terms([i]) for i in range(3)]
    for name, value in terms([0, 1, 2]).items():
        assert value == pytest.approx(np.mean([a[name] for a in alone]), rel=1e-3)


def test_a_camera_at_rest_teaches_nothing() -> None:
    """All its frames are the same, and so the auto-mask leaves no pixel."""
    still = PlaneVideo(poses=[motion(*STEPS[0])] * 3)
    truth = true_inverse(0)
    start = torch.tensor([[0.0, 0, 0, 0.05, 0, 0], [0.0, 0, 0, 0, 0.05, 0]])
    grads = {}
    for mask in (True, False):
        config = settings(stereo=False, auto_mask=mask)
        network = Numbers(grids(truth) * 1.3, start.clone())
        batch = batch_of(examples(still, config, only=1)[0])
        SelfSupervisedStep(network, config)(batch)["photometric"].backward()
        grads[mask] = float(network.grid.grad.abs().max())
    assert grads[True] == 0
    assert grads[False] > 0


def test_stereo_teaches_where_the_neighbours_stand_still() -> None:
    """A parked stereo camera: its neighbours are masked, the other image of the pair is not."""
    config = settings(poses="given")
    still = PlaneVideo(poses=[motion(*STEPS[0])] * 3, stereo=True)
    network = Numbers(grids(true_inverse(0)) * 1.2)
    batch = batch_of(examples(still, config, only=1)[0])
    SelfSupervisedStep(network, config)(batch)["photometric"].backward()
    assert float((network.grid.grad * network.grid.detach()).sum()) > 0


def test_the_other_image_is_a_baseline_away() -> None:
    """Of both sides, with the sign that each needs."""
    config = settings(neighbours=())
    made = examples(PlaneVideo(stereo=True), config)
    seen = {}
    for index in range(40):
        one = made[index]
        seen[float(one["source_from_target"][0, 0, 3])] = one
    assert sorted(seen) == pytest.approx([-BASELINE_M, BASELINE_M])


def test_poses_can_learn_alone() -> None:
    """Without any loss of depth, its network is only looked at, or not run at all."""
    for changes, said in (
        ({"pose": 1.0, "pose_skip": False, "pose_reverse_chance": 0.0}, {"pose"}),
        ({"pose_photometric": 1.0}, {"pose_photometric"}),
    ):
        config = settings(poses="given", stereo=False, photometric=0.0, **changes)
        off_by = torch.tensor([0.01, -0.01, 0.0, 0.03, -0.02, 0.01])
        network = Numbers(grids(true_inverse(2)), steps_of(2) + off_by)
        if "pose" in changes:
            network.grid.data = WRONG[:, :, :0]  # which no network could resize
        module = SelfSupervisedStep(network, config)
        batch = batch_of(examples(PlaneVideo(), config, only=2)[0])
        assert module(batch).keys() == said
        before = sum(module(batch).values()).item()
        fit(module, batch, 60, 0.004)
        assert network.grid.grad is None
        assert sum(module(batch).values()).item() < 0.5 * before


def test_a_share_of_the_poses_is_learnt() -> None:
    """At least one pair, and no more than were asked for; the rest is not shown."""
    batch = batch_of(examples(PlaneVideo(), settings(stereo=False), only=2)[0])
    for share, count in ((0.01, 1), (0.5, 1), (1.0, 2)):
        config = settings(poses="given", pose=1.0, pose_share=share, pose_skip=False, stereo=False)
        network = Numbers(grids(true_inverse(2)), torch.zeros(2, 6))
        SelfSupervisedStep(network, config)(batch)["pose"].backward()
        assert int((network.motions.grad.norm(dim=1) > 0).sum()) == count


@pytest.mark.parametrize("side", ["left", "right"])
def test_left_and_right_agree_from_both_sides(side: str) -> None:
    """Of true depths little is left, but for the borders; of wrong ones much."""
    config = settings(neighbours=(), auto_mask=False)
    shots = Shots(PlaneVideo(stereo=True), SIZE, 60.0, 64)
    made = ViewExamples(
        [Recording(shots, [(2, side)], 1.0)], SIZE, config.self_supervised, seed=0
    )[0]
    pairs = pairs_of(batch_of(made))
    ours, theirs = true_inverse(2, right=side == "right"), true_inverse(2, right=side == "left")
    right = float(left_right(pairs, ours, theirs))
    assert right < 1e-3
    for a, b in ((1.2, 1.0), (1.0, 1.2), (0.8, 1.0)):
        assert float(left_right(pairs, a * ours, b * theirs)) > 10 * right


def test_mixed_poses_trust_the_known_and_ask_for_the_others() -> None:
    config = settings(poses="mixed", stereo=False)
    known = examples(PlaneVideo(), config, only=2)[0]
    unknown = examples(PlaneVideo(known=False), config, only=2)[0]
    said = torch.tensor([[0.1, 0, 0, 0, 0, 0.2], [0, 0.1, 0, 0.3, 0, 0]])
    network = Numbers(grids(true_inverse(2), true_inverse(2)), said)
    module = SelfSupervisedStep(network, config)
    pairs = pairs_of(batch_of(known, unknown))
    seen = module.reading.normalised(pairs.images.flatten(0, 1)).view(pairs.images.shape)
    ego = ego_motion(module.reading, network, seen, pairs, config.self_supervised)
    torch.testing.assert_close(ego.transforms[:2], pairs.truth[:2])
    expected = rigid(said.detach())
    torch.testing.assert_close(ego.transforms[2], inverse(expected[:1])[0])  # the earlier one
    torch.testing.assert_close(ego.transforms[3], expected[1])
