# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from synthetic import pose, views

from depth_ros.frame import Camera, Float32, Float64
from depth_ros.points import points

torch = pytest.importorskip("torch")

from depth_ros.training import warp  # noqa: E402

CAMERA = Camera(96, 64, 70.0, 74.0, 46.3, 30.8)


def as_image(array: Float32) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None] / 255


def as_batch(matrix: Float64) -> torch.Tensor:
    return torch.from_numpy(matrix[None]).float()


def test_back_projection_gives_the_runtimes_points() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        width, height = (int(n) for n in rng.integers(8, 40, 2))
        focal, middle = rng.uniform(20, 90, 2), rng.uniform(3, 20, 2)
        camera = Camera(width, height, *focal, *middle).scaled(2 * width, height + 3)
        size = camera.height, camera.width
        depth = rng.uniform(0.3, 9, size).astype(np.float32)
        depth[2, 3] = np.nan
        ours = points(depth, camera, np.zeros((*size, 3), np.uint8))
        theirs = warp.back_project(torch.from_numpy(depth)[None, None], warp.intrinsics(camera))
        for axis, name in enumerate("xyz"):
            np.testing.assert_allclose(theirs[0, axis], ours[name], rtol=1e-5, atol=1e-5)


def test_intrinsics_scale_like_the_runtimes_camera() -> None:
    k = warp.scaled_intrinsics(warp.intrinsics(CAMERA).double(), 0.5, 0.25)
    truth = warp.intrinsics(CAMERA.scaled(48, 16)).double()
    torch.testing.assert_close(k, truth, rtol=1e-6, atol=0)


def test_projection_undoes_back_projection() -> None:
    k = warp.intrinsics(CAMERA)
    depth = torch.rand(2, 1, 64, 96) + 0.5
    pixels, before = warp.project(warp.back_project(depth, k), k)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    torch.testing.assert_close(pixels, torch.stack([x, y]).expand_as(pixels), atol=1e-4, rtol=0)
    assert before.all()
    _, before = warp.project(-warp.back_project(depth, k), k)
    assert not before.any()


@pytest.mark.parametrize("angle", [0.0, 1e-8, 9e-4, 2e-3, 0.5, 3.0])
def test_rotation_is_the_exponential_of_its_vector(angle: float) -> None:
    vector = torch.tensor([[0.6, -0.48, 0.64]], dtype=torch.float64) * angle
    x, y, z = vector[0].tolist()
    skew = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    torch.testing.assert_close(
        warp.rotation(vector)[0], torch.linalg.matrix_exp(skew), atol=1e-12, rtol=0
    )


def test_rotation_has_its_gradient_also_at_none() -> None:
    for angle in (0.0, 9e-4, 1.1e-3, 0.7):
        vector = (torch.tensor([[0.6, -0.48, 0.64]]) * angle).double().requires_grad_()
        assert torch.autograd.gradcheck(warp.rotation, vector, atol=1e-6)


def test_a_transform_and_its_inverse_cancel() -> None:
    a_from_b = warp.rigid(torch.tensor([[0.3, -0.2, 0.5, 1.0, 2.0, -3.0]]))
    cloud = torch.randn(1, 3, 4, 5)
    back = warp.transform(warp.inverse(a_from_b), warp.transform(a_from_b, cloud))
    torch.testing.assert_close(back, cloud, atol=1e-5, rtol=0)
    assert a_from_b[0, :3, 3].tolist() == [1.0, 2.0, -3.0]


def test_samples_lie_between_pixel_centres() -> None:
    image = torch.tensor([[[[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]]])
    x = torch.tensor([0.0, 1.25, 2.0, 2.5, -0.5, 1.0, float("nan")])
    y = torch.tensor([0.0, 0.5, 1.0, 0.0, 0.0, 1.5, 0.0])
    found, inside = warp.sample(image, torch.stack([x, y])[None, :, None])
    assert found[0, 0, 0, :6].tolist() == pytest.approx([0, 6.25, 12, 2, 0, 11])
    assert inside[0, 0, 0].tolist() == [True, True, True, False, False, False, False]


def reconstruction_error(camera: Camera) -> tuple[float, float]:
    """Grey levels of 255 where both views see the same: reconstructed, and not warped at all."""
    target, source = views(camera, [pose(), pose(0.1, -0.03, 0.08, yaw=0.05, pitch=0.03)])
    source_from_target = np.linalg.inv(source.world_from_camera) @ target.world_from_camera
    depths = [torch.from_numpy(view.depth)[None, None] for view in (target, source)]
    images = [as_image(view.frame.image) for view in (target, source)]
    seen = warp.synthesise(
        images[1], depths[0], as_batch(source_from_target), warp.intrinsics(camera)
    )
    unhidden = (warp.sample(depths[1], seen.pixels)[0] / seen.depth - 1).abs() < 0.01
    both = seen.valid & unhidden
    assert both.float().mean() > 0.8
    made, unmoved = ((image - images[0]).abs().mean(1, True) for image in (seen.image, images[1]))
    return 255 * made[both].mean().item(), 255 * unmoved[both].mean().item()


def test_the_other_view_of_a_room_is_reconstructed() -> None:
    """What is left is bilinear sampling, whose error falls with the square of the pixel.

    Measured: 2.2 grey levels at 192x128, 0.67 at 384x256, 86 without a warp; half a pixel of
    difference in the conventions would give 6.0 at 384x256.
    """
    coarse, _ = reconstruction_error(CAMERA.scaled(192, 128))
    fine, unmoved = reconstruction_error(CAMERA.scaled(384, 256))
    assert fine < 0.8 and unmoved > 50
    assert coarse / fine > 3


def test_a_source_may_have_another_camera_and_size() -> None:
    """A zoom by half without motion is the same image at every second pixel."""
    image = torch.rand(1, 3, 64, 96)
    half = CAMERA.scaled(48, 32)
    seen = warp.synthesise(
        image, torch.ones(1, 1, 32, 48), torch.eye(4)[None], *map(warp.intrinsics, (half, CAMERA))
    )
    mean = torch.nn.functional.avg_pool2d(image, 2)  # the middle of four pixels
    torch.testing.assert_close(seen.image, mean, atol=1e-4, rtol=0)
    assert seen.valid.all()


def test_depth_behind_the_camera_and_unknown_depth_are_not_valid() -> None:
    depth = torch.full((1, 1, 4, 5), 2.0)
    depth[..., 0, 0] = torch.nan
    back = torch.eye(4)[None].clone()
    back[0, 2, 3] = -3.0
    k = torch.tensor([[5.0, 5.0, 2.0, 1.5]])
    image = torch.rand(1, 3, 4, 5)
    still = warp.synthesise(image, depth, torch.eye(4)[None], k)
    assert not still.valid[..., 0, 0] and still.valid.sum() == 19
    assert not warp.synthesise(image, depth, back, k).valid.any()


def test_shift_moves_by_the_disparity() -> None:
    right = torch.arange(12.0).repeat(2, 1)[None, None] ** 2
    left, valid = warp.shift(right, torch.full((1, 1, 2, 12), 2.0))
    assert left[0, 0, 0, 2:].tolist() == pytest.approx(right[0, 0, 0, :10].tolist(), rel=1e-6)
    assert valid[0, 0, 1].tolist() == [False] * 2 + [True] * 10
    half, valid = warp.shift(right, torch.full((1, 1, 2, 12), -0.5))
    assert half[0, 0, 0, 3].item() == pytest.approx((9 + 16) / 2)
    assert valid[0, 0, 0].tolist() == [True] * 11 + [False]


def test_gradients_of_the_synthesis_are_those_of_differences() -> None:
    torch.manual_seed(0)
    x = torch.linspace(0, 6, 12, dtype=torch.float64)
    image = (x.sin()[None] * x[:9, None].cos())[None, None]
    depth = (2 + torch.rand(1, 1, 9, 12, dtype=torch.float64)).requires_grad_()
    motion = torch.tensor([[0.01, 0.02, 0.03, 0.05, 0.04, 0.1]]).double().requires_grad_()
    k = torch.tensor([[10.0, 10.0, 5.5, 4.0]]).double()
    assert torch.autograd.gradcheck(
        lambda d, m: warp.synthesise(image, d, warp.rigid(m), k).image, (depth, motion)
    )


def test_depth_and_pixels_of_a_synthesis_have_their_gradients() -> None:
    """By depth, transform, both cameras and the source, whichever output is used."""
    torch.manual_seed(0)
    depth = 2 + torch.rand(2, 1, 4, 5, dtype=torch.float64)
    motion = torch.tensor([[0.01, 0.02, 0.03, 0.05, 0.04, 0.1], [0.02, 0, 0.01, -0.1, 0, 0]])
    k, source_k = torch.tensor([[6.0, 5.0, 2.2, 1.4]]), torch.tensor([[7.0, 8.0, 3.1, 2.3]])
    source = torch.rand(2, 2, 6, 7, dtype=torch.float64)
    inputs = [x.double().requires_grad_() for x in (source, depth, motion, k, source_k)]

    def outputs(source: torch.Tensor, depth: torch.Tensor, *rest: torch.Tensor) -> object:
        made = warp.synthesise(source, depth, warp.rigid(rest[0]), *rest[1:])
        return made.image, made.depth, made.pixels

    assert torch.autograd.gradcheck(outputs, inputs)


def test_a_synthesis_is_its_steps_one_by_one() -> None:
    """Back-project, transform, project, sample: also out of view and behind the source."""
    depth = 0.2 + 3 * torch.rand(2, 1, 9, 12, dtype=torch.float64)
    pose = warp.rigid(torch.tensor([[0.3, -0.2, 0.5, 1.0, 0.4, -1.5]] * 2).double())
    k = torch.tensor([[10.0, 11.0, 5.5, 4.0]]).double()
    source = torch.rand(2, 3, 9, 12, dtype=torch.float64)
    made = warp.synthesise(source, depth, pose, k)
    moved = warp.transform(pose, warp.back_project(depth, k))
    pixels, before = warp.project(moved, k)
    image, inside = warp.sample(source, pixels)
    assert 0.1 < before.double().mean() < 0.9
    torch.testing.assert_close(made.depth, moved[:, 2:])
    seen = before.expand_as(pixels)
    torch.testing.assert_close(made.pixels[seen], pixels[seen])
    assert torch.equal(made.valid, inside & before)
    everywhere = before.expand_as(image)
    torch.testing.assert_close(made.image[everywhere], image[everywhere])
