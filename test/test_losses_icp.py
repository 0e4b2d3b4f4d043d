# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from synthetic import pose, views

from depth_ros.frame import Camera

torch = pytest.importorskip("torch")

from depth_ros.training import warp  # noqa: E402
from depth_ros.training.losses import icp, motion  # noqa: E402

SMALL = torch.tensor([[0.03, -0.02, 0.04, 0.02, -0.03, 0.05]])


def cloud(count: int = 300, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(1, 3, count, generator=generator) * 2
        - torch.tensor([1.0, 1.0, -1.0])[None, :, None]
    )


def test_clouds_that_agree_cost_nothing() -> None:
    target = cloud()
    nothing = torch.zeros(1, 6)
    assert icp.icp_loss(target, target, nothing) < 1e-5
    shuffled = target[..., torch.randperm(300, generator=torch.Generator().manual_seed(1))]
    assert icp.icp_loss(shuffled, target, nothing) < 1e-5
    source = warp.transform(warp.inverse(warp.rigid(SMALL)), target)
    assert icp.icp_loss(source, target, SMALL) < 1e-5


def test_points_find_a_small_known_transform() -> None:
    target = cloud()
    source = warp.transform(warp.inverse(warp.rigid(SMALL)), target)
    found = icp.align(source, target)
    torch.testing.assert_close(icp.as_motion(found.target_from_source), SMALL, atol=1e-5, rtol=0)
    assert found.matched.all() and found.residual.abs().max() < 1e-5
    batch = icp.align(source.repeat(2, 1, 1), torch.cat([target, source]))
    torch.testing.assert_close(
        icp.as_motion(batch.target_from_source), torch.cat([SMALL, 0 * SMALL]), atol=1e-5, rtol=0
    )


def test_points_of_one_plane_are_turned_and_never_mirrored() -> None:
    for seed in range(8):
        target = cloud(60, seed)
        target[:, 2] = 1.0 + 0.3 * target[:, 0]
        source = warp.transform(warp.inverse(warp.rigid(0.3 * SMALL)), target)
        found = icp.align(source, target).target_from_source
        assert torch.linalg.det(found[:, :3, :3]).item() == pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(icp.as_motion(found), 0.3 * SMALL, atol=1e-4, rtol=0)


def test_planes_find_the_motion_between_two_views_of_a_room() -> None:
    """Point to plane, from the exact depths alone; the views share no point, only surfaces.

    Measured: 1.2 mm of 67 mm, though neighbouring points are 40 mm apart.
    """
    camera = Camera(80, 60, 60.0, 60.0, 39.5, 29.5)
    first, second = views(camera, [pose(), pose(0.04, -0.02, 0.05, yaw=0.03, pitch=-0.02)])
    truth = np.linalg.inv(first.world_from_camera) @ second.world_from_camera
    k = warp.intrinsics(camera)
    target, source = (
        warp.back_project(torch.from_numpy(view.depth)[None, None], k) for view in (first, second)
    )
    normals = icp.surface_normals(target).flatten(2)
    found = icp.align(source[..., ::4, ::4].flatten(2), target.flatten(2), normals, 0.15, 10)
    left = np.linalg.inv(truth) @ found.target_from_source[0].double().numpy()
    assert np.linalg.norm(left[:3, 3]) < 0.002
    assert np.abs(left[:3, :3] - np.eye(3)).max() < 0.001


def test_normals_of_a_plane_are_the_planes() -> None:
    normal = torch.tensor([0.2, -0.4, 1.0])
    rays = warp.rays(torch.tensor([[20.0, 20.0, 5.5, 4.5]]), 10, 12)
    depth = 3 / (rays * normal[None, :, None, None]).sum(1, keepdim=True)
    found = icp.surface_normals(depth * rays)
    assert not found[..., 0, :].any()
    found = found[..., 1:-1, 1:-1]
    truth = (normal / normal.norm())[None, :, None, None].expand_as(found)
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=0)


def test_edges_have_no_normal() -> None:
    """A step from 2 m to 3 m between columns 5 and 6."""
    depth = torch.full((1, 1, 8, 12), 2.0)
    depth[..., 6:] = 3.0
    points = warp.back_project(depth, torch.tensor([[20.0, 20.0, 5.5, 3.5]]))
    has = icp.surface_normals(points).any(1)[0, 1:-1, 1:-1]
    assert has.all(0).tolist() == [True] * 4 + [False] * 2 + [True] * 4
    assert not has[:, 4:6].any()


def test_what_is_out_of_reach_or_unknown_does_not_count() -> None:
    target = cloud()
    source = warp.transform(warp.inverse(warp.rigid(0.2 * SMALL)), target)
    source[..., :20] += 5.0
    source[..., 20:30] = torch.nan
    spoilt = target.clone()
    spoilt[..., 30:40] = torch.nan
    found = icp.align(source, spoilt, reach=0.1)
    assert found.matched[..., 40:].all() and not found.matched[..., :30].any()
    torch.testing.assert_close(
        icp.as_motion(found.target_from_source), 0.2 * SMALL, atol=3e-3, rtol=0
    )


def test_unknown_target_points_attract_nothing_to_the_camera() -> None:
    target = cloud(50)
    target[..., :10] = torch.nan
    source = torch.cat([target[..., 10:], torch.full((1, 3, 1), 0.01)], 2)
    found = icp.align(source, target, steps=0)
    assert found.matched.all()
    assert found.residual[0, :, -1].norm() > 0.1 and not found.residual[..., :-1].any()
    alone = icp.align(source, target, reach=0.1, steps=0)
    assert alone.matched.flatten().tolist() == [True] * 40 + [False]
    nothing = icp.align(source, torch.full_like(target, torch.nan))
    assert not nothing.matched.any() and torch.equal(nothing.target_from_source[0], torch.eye(4))


def test_motion_numbers_and_matrices_are_one() -> None:
    for size in (0.0, 1e-4, 1.0, 30.0):
        there = icp.as_motion(warp.rigid(size * SMALL.double()))
        torch.testing.assert_close(there, size * SMALL.double(), atol=1e-9, rtol=1e-6)


def test_the_loss_is_what_is_left_to_correct() -> None:
    """Without motion, T is the whole transform; its gradient says: do that."""
    target = cloud()
    source = warp.transform(warp.inverse(warp.rigid(SMALL)), target)
    guess = torch.zeros(1, 6, requires_grad=True)
    loss = icp.icp_loss(source, target, guess)
    assert loss.item() == pytest.approx(SMALL.abs().sum().item(), rel=1e-3)
    loss.backward()
    assert torch.equal(guess.grad, -SMALL.sign())


def test_the_residual_pulls_points_to_their_match() -> None:
    """One point in 300 is 0.02 too far along z: its gradient is 1 / 300.

    Its loss is 0.02 / 300, and as much again or more for the correction that it provokes.
    """
    target = cloud()
    source = target.clone()
    source[0, 2, 7] += 0.02
    source.requires_grad_()
    loss = icp.icp_loss(source, target, torch.zeros(1, 6))
    loss.backward()
    assert source.grad[0, 2, 7].item() == pytest.approx(1 / 300, rel=1e-2)
    assert 0.02 / 300 < loss.item() < 20 * 0.02 / 300


def test_a_known_speed_is_a_length() -> None:
    translation = torch.tensor([[0.3, 0.0, 0.4], [0.0, 1.0, 0.0], [9.0, 9.0, 9.0]])
    speed = torch.tensor([10.0, -12.0, torch.nan])
    loss = motion.velocity(translation, speed, torch.full((3,), 0.1))
    assert loss.item() == pytest.approx((0.5 + 0.2) / 2)


def test_a_known_pose_is_matched_in_place_and_angle() -> None:
    """0.5 m and 0.2 rad off; 2 sin(0.1) = 0.19967."""
    truth = warp.rigid(torch.tensor([[0.3, -0.1, 0.2, 1.0, 2.0, 3.0]]).double())
    turn = torch.tensor([[0.12, 0.0, 0.16, 0.0, 0.0, 0.0]]).double()
    predicted = truth @ warp.rigid(turn)
    predicted[:, :3, 3] += torch.tensor([0.3, 0.4, 0.0])
    loss = motion.pose(predicted, truth, metres_per_radian=2.0)
    assert loss.item() == pytest.approx(0.5 + 2 * 0.1996668, rel=1e-6)
    assert motion.pose(truth, truth) == 0


def test_the_ratio_of_lengths_is_the_metric_scale() -> None:
    truth = torch.tensor([[0.0, 0.0, 1.0], [0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    predicted = truth / 5.4
    predicted[0] *= 3
    assert motion.length_ratio(predicted, truth).item() == pytest.approx(5.4)
