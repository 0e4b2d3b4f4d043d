# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The renderer's truth: closed forms, reprojection between views, colour constancy, files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import ConfigError, FrameError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.training.render import (
    RENDERER_VERSION,
    Rendered,
    Scene,
    photograph,
    random_camera,
    random_scene,
    random_view,
    render,
    trajectory,
    write_sequence,
)
from depth_ros.training.render.__main__ import main
from depth_ros.training.render.build import Builder, turn_z
from depth_ros.training.render.motion import spline
from depth_ros.training.render.raster import Eye, cast
from depth_ros.training.render.sequence import to_millimetres
from depth_ros.training.render.views import clearance, look

CAMERA = Camera(160, 120, 150.0, 152.0, 80.3, 58.9)
SEEDS = [(3, "room"), (11, "room"), (4, "corridor"), (5, "street")]


def rng_of(*seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(list(seed)))


def rays(camera: Camera) -> tuple[Float64, Float64]:
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    return np.meshgrid(x, y)  # type: ignore[return-value]


def bare(b: Builder) -> Scene:
    extent = np.array([[-5.0, -5.0, 0.0], [5.0, 5.0, 3.0]])
    ambient = np.ones((2, 3))
    return b.finish("room", 0, extent=extent, ambient=ambient)


def bilinear(image: Float32 | UInt8, u: Float64, v: Float64) -> Float64:
    """Plain bilinear lookup in float64 (remap rounds positions to 1/32 pixel)."""
    x, y = np.floor(u).astype(int), np.floor(v).astype(int)
    fx, fy = u - x, v - y
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    values = image.astype(np.float64)
    top = values[y, x] * (1 - fx) + values[y, x + 1] * fx
    return (1 - fy) * top + fy * (values[y + 1, x] * (1 - fx) + values[y + 1, x + 1] * fx)


def matches(
    scene: Scene, pose_a: Float64, pose_b: Float64
) -> tuple[Float64, Float64, Float64, Float64]:
    """Of A's pixels that B sees among four pixels of the same surface: their depth in B's camera,
    what B says there, and both colours."""
    a, b = (render(scene, CAMERA, pose) for pose in (pose_a, pose_b))
    surface_a, surface_b = (cast(scene, Eye.of(CAMERA, p)).index for p in (pose_a, pose_b))
    x, y = rays(CAMERA)
    z = a.depth.astype(np.float64)
    at = np.stack([x * z, y * z, z, np.ones_like(z)])
    moved = np.einsum("ij,jhw->ihw", np.linalg.inv(pose_b) @ pose_a, at)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = moved[0] / moved[2] * CAMERA.fx + CAMERA.cx
        v = moved[1] / moved[2] * CAMERA.fy + CAMERA.cy
        inside = (moved[2] > 0.1) & (u > 0) & (v > 0)
        inside &= (u < CAMERA.width - 1) & (v < CAMERA.height - 1)
    u, v, expected = u[inside], v[inside], moved[2][inside]
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    four = [surface_b[row + i, column + j] for i in (0, 1) for j in (0, 1)]
    same = np.all([one == surface_a[inside] for one in four], axis=0)
    # 1/z of a plane is linear in pixels, so that bilinear lookup of it is exact.
    found = 1 / bilinear(1 / b.depth.astype(np.float64), u, v)
    colour = bilinear(b.image, u, v)
    return expected[same], found[same], a.image[inside][same].astype(np.float64), colour[same]


@pytest.mark.parametrize(("seed", "kind"), SEEDS)
def test_depth_of_one_view_reprojects_onto_another(seed: int, kind: str) -> None:
    scene = random_scene(seed, kind)
    speed = "drive" if kind == "street" else "handheld"
    poses = trajectory(scene, rng_of(seed), 30, 15.0, speed)
    for first, second in ((0, 7), (29, 15)):
        expected, found, _, _ = matches(scene, poses[first], poses[second])
        error = np.abs(found / expected - 1)
        assert len(error) > 0.25 * CAMERA.width * CAMERA.height
        assert np.median(error) <= 1e-5
        assert np.percentile(error, 95) <= 1e-3


@pytest.mark.parametrize(("seed", "kind"), SEEDS)
def test_colour_of_one_view_reprojects_onto_another(seed: int, kind: str) -> None:
    scene = random_scene(seed, kind)
    speed = "drive" if kind == "street" else "handheld"
    poses = trajectory(scene, rng_of(seed), 30, 15.0, speed)
    _, _, seen, warped = matches(scene, poses[0], poses[4])
    aligned = np.median(np.abs(seen - warped))
    shuffled = np.median(np.abs(seen - rng_of(1).permutation(warped)))
    assert aligned <= 4.0  # of 255
    assert aligned < 0.25 * shuffled


def test_a_tilted_wall_has_the_depth_of_its_equation() -> None:
    b = Builder(rng_of(1))
    with b.at(0.3, 2.5, 0.0, turn=turn_z(0.4)):
        b.facing(0, 0, -50, 100, 100, b.palette.fresh("wall"))
    pose = look(np.array([0.1, -0.2, 1.2]), 0.15, -0.2, 0.05)
    depth = render(bare(b), CAMERA, pose).depth
    normal = pose[:3, :3].T @ turn_z(0.4) @ np.array([0.0, -1.0, 0.0])
    offset = (np.array([0.3, 2.5, 0.0]) - pose[:3, 3]) @ turn_z(0.4) @ np.array([0.0, -1.0, 0.0])
    x, y = rays(CAMERA)
    expected = offset / (normal[0] * x + normal[1] * y + normal[2])
    np.testing.assert_allclose(depth, expected, rtol=1e-5)


def test_a_box_ends_exactly_where_it_ends() -> None:
    b = Builder(rng_of(2))
    b.box(0, 3.0, 0.5, 1.0, 1.0, 1.0, b.palette.fresh("wood"))
    depth = render(bare(b), CAMERA, look(np.array([0.0, 0.0, 1.0]), 0, 0)).depth
    x, y = rays(CAMERA)
    face = (np.abs(x * 2.5) <= 0.5) & (np.abs(y * 2.5) <= 0.5)
    np.testing.assert_array_equal(np.isfinite(depth), face)
    np.testing.assert_allclose(depth[face], 2.5, rtol=1e-6)


def test_a_ball_and_a_pole_have_the_depth_of_their_equations() -> None:
    b = Builder(rng_of(3))
    b.ball(-0.8, 3.0, 1.0, 0.6, 0.6, 0.6, b.palette.fresh("thing"))
    b.tube(0.9, 3.0, -50, 0.3, 0.3, 100, b.palette.fresh("metal"))
    depth = render(bare(b), CAMERA, look(np.array([0.0, 0.0, 1.0]), 0, 0)).depth
    x, y = rays(CAMERA)

    def first_hit(a: Float64, half_b: Float64, c: float) -> Float64:
        square = half_b**2 - a * c
        return np.where(square >= 0, (half_b - np.sqrt(np.maximum(square, 0))) / a, np.nan)

    ball = first_hit(x * x + y * y + 1, -0.8 * x + 3.0, 0.64 + 9 - 0.36)
    pole = first_hit(x * x + 1, 0.9 * x + 3.0, 0.81 + 9 - 0.09)
    np.testing.assert_allclose(depth, np.fmin(ball, pole), rtol=1e-5)


def test_a_cone_narrows_to_its_tip() -> None:
    b = Builder(rng_of(4))
    b.tube(0, 3.0, 0.0, 0.5, 0.0, 2.0, b.palette.fresh("metal"))
    camera = Camera(201, 201, 150.0, 150.0, 100.0, 100.0)
    depth = render(bare(b), camera, look(np.array([0.0, 0.0, 1.0]), 0, 0)).depth
    # Straight ahead the cone has radius 0.25 and slants backwards with height.
    assert depth[100, 100] == pytest.approx(2.75, rel=1e-6)
    column = depth[:, 100]
    seen = np.isfinite(column)
    assert 100 <= seen.sum() < 201
    height = 1.0 - (np.arange(201) - 100) / 150.0 * column
    np.testing.assert_allclose(column[seen], 3.0 - (0.5 - 0.25 * height[seen]), rtol=1e-5)


def test_a_seed_is_a_scene() -> None:
    def picture(seed: int, kind: str | None = None) -> Rendered:
        scene = random_scene(seed, kind)
        rng = rng_of(seed)
        camera = random_camera(rng, 96, 72)
        return render(scene, camera, random_view(scene, rng))

    first, again, other = picture(21), picture(21), picture(22)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.depth, again.depth)
    assert np.abs(first.image.astype(int) - other.image).mean() > 10
    kinds = {random_scene(seed).kind for seed in range(40)}
    assert kinds == {"room", "corridor", "street"}


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("room", 0.8, 5.0), ("corridor", 0.8, 9.0), ("street", 2.5, 60.0)]
)
def test_views_are_free_and_sensible(kind: str, low: float, high: float) -> None:
    medians = []
    for seed in range(8):
        scene, rng = random_scene(seed, kind), rng_of(seed, 7)
        pose = random_view(scene, rng)
        depth = render(scene, random_camera(rng, 80, 60), pose).depth
        np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-12)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
        if kind != "street":
            assert not np.isnan(depth).any()  # rooms are closed
        assert (depth < 0.25).mean() < 0.1
        medians.append(np.nanmedian(depth))
    assert low < np.median(medians) < high


def test_cameras_have_ordinary_fields_of_view() -> None:
    rng = rng_of(5)
    cameras = [random_camera(rng, 256, 192) for _ in range(300)]
    fov = np.degrees([2 * np.arctan(c.width / 2 / c.fx) for c in cameras])
    assert fov.min() >= 44.9
    assert fov.max() <= 95.1
    assert np.mean((fov > 55) & (fov < 75)) > 0.6


@pytest.mark.parametrize(
    ("kind", "speed", "slow", "fast"),
    [("room", "handheld", 0.0, 1.0), ("room", "robot", 0.0, 1.0), ("street", "drive", 4.0, 10.5)],
)
def test_paths_are_smooth_and_free(kind: str, speed: str, slow: float, fast: float) -> None:
    scene = random_scene(9, kind)
    poses = np.array(trajectory(scene, rng_of(9), 90, 30.0, speed))
    places = poses[:, :3, 3]
    assert clearance(scene, places).min() > 0.1
    velocity = np.diff(places, axis=0) * 30
    pace = np.linalg.norm(velocity, axis=1)
    assert slow <= pace.mean() <= fast
    # Twice differentiable: acceleration is bounded and changes by small steps.
    acceleration = np.diff(velocity, axis=0) * 30
    assert np.abs(acceleration).max() < 6.0
    assert np.abs(np.diff(acceleration, axis=0)).max() < 1.5
    turns = np.einsum("nji,njk->nik", poses[:-1, :3, :3], poses[1:, :3, :3])
    angle = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1)) * 30
    assert angle.max() < 2.0  # rad/s


def test_a_spline_of_a_straight_line_is_that_line() -> None:
    knots = np.stack([np.arange(8.0), 2 * np.arange(8.0)], 1)
    at = np.linspace(0, 5, 21)
    np.testing.assert_allclose(spline(knots, at), np.stack([at + 1, 2 * at + 2], 1), atol=1e-12)


def test_a_lens_and_an_unknown_kind_are_refused() -> None:
    scene = random_scene(1, "room")
    bent = Camera(64, 48, 60, 60, 32, 24, distortion=(0.1, 0, 0, 0))
    with pytest.raises(FrameError, match="distortion"):
        render(scene, bent, np.eye(4))
    with pytest.raises(ConfigError, match="cellar"):
        random_scene(1, "cellar")
    with pytest.raises(ConfigError, match="crawl"):
        trajectory(scene, rng_of(1), 3, 30.0, "crawl")


def test_photograph_changes_colour_a_little_and_nothing_at_strength_nil() -> None:
    image = np.full((24, 32, 3), 100, np.uint8)
    np.testing.assert_array_equal(photograph(image, rng_of(1), 0.0), image)
    taken = photograph(image, rng_of(1))
    assert (taken != image).any()
    assert 40 < taken.mean() < 200


def test_a_sequence_reads_back_as_it_was_rendered(tmp_path: Path) -> None:
    camera = Camera(96, 72, 90.0, 91.0, 47.2, 36.1)
    folder = write_sequence(
        tmp_path / "clip", seed=5, kind="room", frames=3, camera=camera, rate_hz=10.0
    )
    meta = json.loads((folder / "meta.json").read_text())
    read = tuple(meta[k] for k in ("width", "height", "fx", "fy", "cx", "cy"))
    assert Camera(*read) == camera
    assert (meta["frames"], meta["fps"], meta["seed"]) == (3, 10.0, 5)
    assert (meta["licence"], meta["renderer_version"]) == ("Apache-2.0", RENDERER_VERSION)
    poses = np.loadtxt(folder / "poses.txt").reshape(-1, 4, 4)
    scene = random_scene(5, "room")
    for k, pose in enumerate(poses):
        truth = render(scene, camera, pose)
        depth = cv2.imread(str(folder / f"depth/{k:06d}.png"), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.uint16
        # The poses were rounded to 12 digits: a ray at a silhouette may tip over.
        close = np.abs(depth / 1000.0 - truth.depth) <= 0.00051
        assert close.mean() > 0.999
        colour = cv2.imread(str(folder / f"rgb/{k:06d}.jpg"))[..., ::-1]
        assert np.abs(colour.astype(int) - truth.image).mean() < 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip"]


def test_two_processes_write_the_same_files_as_one(tmp_path: Path) -> None:
    camera = Camera(48, 36, 45.0, 45.0, 23.5, 17.5)
    for workers in (1, 2):
        write_sequence(
            tmp_path / str(workers),
            seed=2,
            kind="corridor",
            frames=6,
            camera=camera,
            rate_hz=10.0,
            workers=workers,
        )
    files = [p for p in sorted((tmp_path / "1").rglob("*")) if p.suffix in (".jpg", ".png")]
    assert len(files) == 12
    for file in files:
        twin = tmp_path / "2" / file.relative_to(tmp_path / "1")
        assert twin.read_bytes() == file.read_bytes()
    assert (tmp_path / "1/poses.txt").read_text() == (tmp_path / "2/poses.txt").read_text()


def test_depth_without_a_place_in_16_bits_is_written_as_none() -> None:
    depth = np.array([[np.nan, 0.4004, 65.5, 66.0]], np.float32)
    np.testing.assert_array_equal(to_millimetres(depth), [[0, 400, 65500, 0]])


def test_a_killed_write_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    camera = Camera(32, 24, 30.0, 30.0, 15.5, 11.5)

    def write(seed: int, stop_at: int) -> None:
        def on_frame(done: int) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        write_sequence(
            tmp_path / "clip",
            seed=seed,
            kind="room",
            frames=3,
            camera=camera,
            rate_hz=10.0,
            on_frame=on_frame,
        )

    with pytest.raises(KeyboardInterrupt):
        write(1, stop_at=2)
    assert list(tmp_path.iterdir()) == []
    write(1, stop_at=99)
    with pytest.raises(KeyboardInterrupt):
        write(2, stop_at=2)
    assert [p.name for p in tmp_path.iterdir()] == ["clip"]
    assert json.loads((tmp_path / "clip/meta.json").read_text())["seed"] == 1


def test_the_command_renders_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "clip"), "--seed", "3", "--kind", "room", "--frames", "2"]
    arguments += ["--width", "32", "--height", "24", "--workers", "1"]
    assert main(arguments) == 0
    written = (tmp_path / "clip/meta.json").stat().st_mtime_ns
    assert main(arguments) == 0
    assert (tmp_path / "clip/meta.json").stat().st_mtime_ns == written
    assert "already" in capsys.readouterr().err
    assert main([*arguments[:-2], "--workers", "1", "--seed", "4"]) == 0
    assert (tmp_path / "clip/meta.json").stat().st_mtime_ns != written
    assert main([*arguments, "--frames", "0"]) == 1
