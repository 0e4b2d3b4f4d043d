# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Training data: collections, pools, rendering as it goes, and the canonical camera."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.augment import AugmentConfig, make_example
from depth_ros.training.data.collection import Collection, open_collections
from depth_ros.training.data.pool import Pool, read_view, write_view
from depth_ros.training.data.readers.reading import Reading, Readings, scenes_of
from depth_ros.training.data.readers.uniform import Uniform
from depth_ros.training.data.rendered import (
    RenderedScenes,
    fill_clips,
    fill_pool,
    main,
    render_view,
)
from depth_ros.training.render import RENDERER_VERSION, random_camera, random_scene, trajectory

DataDir = Callable[[str], Path]
FOCAL = 200.0


def _item(depth_m: float = 3.0, width: int = 320, height: int = 240) -> Reading:
    """A flat wall with a grey level that grows to the right and a green one that grows down."""
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    down = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    image = np.stack([across, down, 0 * down], axis=2).astype(np.uint8)
    camera = Camera(width, height, 260, 260, (width - 1) / 2, (height - 1) / 2)
    return Reading(image, np.full((height, width), depth_m, np.float32), camera)


def test_collections_have_all_scenes_and_no_guessed_scale(data_dir: DataDir) -> None:
    data = open_collections(data_dir("diverse_rgbd"))
    scenes = scenes_of(data)
    assert (len(data), len(scenes)) == (345, 56)
    assert sorted(i for places in scenes.values() for i in places) == list(range(345))
    assert all(data.read(i).camera is None for i in scenes["lab_bench"])  # scale uncertain
    desk = data.read(scenes["desk_lamp"][0]).camera
    assert desk is not None
    assert desk.fx == pytest.approx(267.143)
    tum = data.read(scenes["tum_fr1_office"][0]).camera
    assert tum is not None
    assert tum.fx == pytest.approx(517.3 / 2)


def _write_collection(folder: Path, scenes: str, **meta: object) -> Path:
    """Frames whose grey level is 10 times their number, 1 m away in units of a millimetre."""
    for kind in ("rgb", "depth"):
        (folder / kind).mkdir(parents=True)
    for i in range(len(scenes.split())):
        cv2.imwrite(str(folder / f"rgb/{i:06d}.jpg"), np.full((24, 32, 3), 10 * i, np.uint8))
        cv2.imwrite(str(folder / f"depth/{i:06d}.png"), np.full((24, 32), 1000, np.uint16))
    (folder / "scenes.txt").write_text(scenes, encoding="utf-8")
    known = {"frames": len(scenes.split()), "depth_unit_m": 0.001, "intrinsics": None, **meta}
    (folder / "meta.json").write_text(json.dumps(known), encoding="utf-8")
    return folder


def test_a_collection_by_scene(tmp_path: Path) -> None:
    lens = {"fx": 30, "fy": 31, "cx": 15.5, "cy": 11.5}
    folder = _write_collection(
        tmp_path / "a", "hall desk\nhall", intrinsics=lens, scale_uncertain_scenes=["desk"]
    )
    data = Collection(folder)
    assert data.scenes == {"hall": [0, 2], "desk": [1]}
    third, desk = data.read(2), data.read(1)
    assert third.camera == Camera(32, 24, 30, 31, 15.5, 11.5)
    assert (third.name, desk.camera) == ("hall 2", None)
    assert np.unique(third.depth) == pytest.approx([1.0])
    assert np.abs(third.image.astype(int) - 20).max() <= 1
    assert [data.neighbour(0, offset) for offset in (0, 1)] == [0, None]
    assert data.problems() == []
    with pytest.raises(SourceError, match=r"expected 0\.\.2, got 3"):
        data.read(3)


def test_a_broken_collection_is_named(tmp_path: Path) -> None:
    folder = _write_collection(tmp_path / "a", "hall desk")
    broken = folder / "depth/000001.png"
    broken.write_bytes(broken.read_bytes()[:40])
    data = Collection(folder)
    assert len(data.problems()) == 1
    assert "depth/000001.png" in data.problems()[0]
    readings = Readings(data)
    assert [reading.name for reading in readings] == ["hall 0"]
    assert readings.skipped == 1
    (folder / "scenes.txt").write_text("hall", encoding="utf-8")
    with pytest.raises(SourceError, match=r"scenes\.txt: expected 2, got 1"):
        Collection(folder)
    (folder / "meta.json").write_text('{"frames": 1}', encoding="utf-8")
    with pytest.raises(SourceError, match=r"meta\.json"):
        Collection(folder)


def test_unchanged_example_is_the_resized_image_in_the_canonical_camera() -> None:
    rng = np.random.default_rng(0)
    example = make_example(_item(), (256, 192), FOCAL, None, rng)
    assert example.image.shape == (192, 256, 3)
    assert example.log_depth.shape == (96, 128)
    assert example.metric
    np.testing.assert_allclose(example.log_depth, math.log(3 * FOCAL / (260 * 0.8)), atol=1e-5)
    ramp = example.image[96, :, 0].astype(float)
    centres = (np.arange(256) + 0.5) * 1.25 - 0.5
    np.testing.assert_allclose(ramp, centres * 255 / 319, atol=1.5)


def test_zoom_makes_the_canonical_wall_nearer_by_exactly_the_zoom() -> None:
    """The ramp tells the zoom: its slope against the unchanged one. Roll keeps depth."""
    config = AugmentConfig(zoom=0.5, aspect=1.0, roll_deg=0.0, flip_chance=0.0, gain=0.0,
                           contrast=0.0, saturation=0.0, hue_deg=0.0, gamma=0.0,
                           white_balance=0.0, grey_chance=0.0, blur_chance=0.0,
                           noise_chance=0.0, jpeg_chance=0.0, cutout_chance=0.0)  # fmt: skip
    for seed in range(8):
        rng = np.random.default_rng(seed)
        example = make_example(_item(), (256, 192), FOCAL, config, rng)
        row = example.image[96, :, 0].astype(float)
        zoom = (row[-1] - row[0]) / 255 * 319 / 255 / 1.25
        canonical = np.exp(np.nanmedian(example.log_depth))
        assert canonical == pytest.approx(3 * FOCAL / (260 * 0.8 / zoom), rel=0.02)


def test_depth_moves_with_the_image() -> None:
    """Depth equal to a function of the colours stays that function under crop, roll and flip."""
    item = _item()
    depth = (1 + item.image[..., 0] / 255 + 2 * (item.image[..., 1] / 255)).astype(np.float32)
    config = AugmentConfig(gain=0.0, contrast=0.0, saturation=0.0, hue_deg=0.0, gamma=0.0,
                           white_balance=0.0, grey_chance=0.0, blur_chance=0.0,
                           noise_chance=0.0, jpeg_chance=0.0, cutout_chance=0.0)  # fmt: skip
    for seed in range(10):
        moved = Reading(item.image, depth, None)
        example = make_example(moved, (256, 192), FOCAL, config, np.random.default_rng(seed))
        image = example.image.reshape(96, 2, 128, 2, 3).mean(axis=(1, 3))
        expected = 1 + image[..., 0] / 255 + 2 * image[..., 1] / 255
        known = np.isfinite(example.log_depth)
        assert known.mean() > 0.8  # a roll shows some of what is outside
        difference = np.exp(example.log_depth[known]) - expected[known]
        assert np.abs(difference).max() < 0.05
        assert not example.metric


@pytest.mark.parametrize("shape", [(192, 256), (414, 125), (480, 640), (256, 192)])
def test_any_size_and_aspect_gives_a_full_example(shape: tuple[int, int]) -> None:
    item = _item(2.0, shape[1], shape[0])
    for seed in range(6):
        rng = np.random.default_rng(seed)
        example = make_example(item, (128, 96), FOCAL / 2, AugmentConfig(), rng)
        assert example.image.shape == (96, 128, 3)
        assert example.image.dtype == np.uint8
        assert np.isfinite(example.log_depth).mean() > 0.7


def test_depth_out_of_range_is_unknown() -> None:
    item = _item()
    assert item.depth is not None
    item.depth[:100] = 500.0
    item.depth[100:140] = 0.01
    example = make_example(item, (256, 192), FOCAL, None, np.random.default_rng(0))
    assert np.isnan(example.log_depth[:54]).all()
    assert np.isfinite(example.log_depth[58:]).all()


def test_views_on_disk_are_what_was_written(tmp_path: Path) -> None:
    item = _item(2.5)
    write_view(tmp_path / "a.npz", item)
    back = read_view(tmp_path / "a.npz")
    assert (back.camera, back.name) == (item.camera, "a")
    np.testing.assert_array_equal(back.image, item.image)
    np.testing.assert_array_equal(back.depth, item.depth)  # 2.5 is exact as a half float
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(SourceError, match="depth and a camera"):
        write_view(tmp_path / "b.npz", Reading(item.image))


def test_a_pool_is_filled_once_and_says_by_what(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no rendered views"):
        Pool(tmp_path)
    fill_pool(tmp_path, first_seed=5, scenes=1)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.npz")}
    assert len(written) == 4
    next(iter(written)).unlink()  # a run that was ended there goes on with this view
    fill_pool(tmp_path, first_seed=5, scenes=1)
    now = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.npz")}
    assert set(now) == set(written)
    assert sum(now[path] == written[path] for path in now) == 3
    data = Pool(tmp_path)
    assert (len(data), data.problems()) == (4, [])
    view, drawn = data.read(2), render_view(5, 2)
    np.testing.assert_array_equal(view.image, drawn.image)
    np.testing.assert_allclose(view.depth, drawn.depth, rtol=1e-3)
    assert view.camera == drawn.camera
    assert json.loads((tmp_path / "meta.json").read_text())["renderer_version"] == RENDERER_VERSION


def test_a_pool_of_another_renderer_is_named_and_not_added_to(tmp_path: Path) -> None:
    write_view(tmp_path / "a.npz", _item())
    (tmp_path / "meta.json").write_text('{"renderer_version": 1}', encoding="utf-8")
    data = Pool(tmp_path)
    assert data.read(0).depth is not None
    assert [line for line in data.problems() if "version 1 of the renderer" in line]
    with pytest.raises(SourceError, match=f"version {RENDERER_VERSION} of the renderer, got 1"):
        fill_pool(tmp_path, first_seed=5, scenes=1)
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_a_broken_view_is_named_and_skipped(tmp_path: Path) -> None:
    for name in "abc":
        write_view(tmp_path / f"{name}.npz", _item())
    whole = (tmp_path / "b.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    np.savez(tmp_path / "c.npz", depth=np.ones(3))
    data = Pool(tmp_path)
    found = data.problems()
    assert len(found) == 2
    assert "b.npz" in found[0]
    assert "c.npz: no image, intrinsics" in found[1]
    readings = Readings(data)
    assert [reading.name for reading in readings] == ["a"]
    assert readings.skipped == 2


def test_rendering_as_it_goes_is_the_same_every_time() -> None:
    data = RenderedScenes(seed=3)
    assert len(data) == 2**31
    assert data.neighbour(5, 1) is None
    first = pickle.loads(pickle.dumps(data)).read(6)
    again = RenderedScenes(seed=4).read(2)  # four views a scene: the third view of scene 4
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.depth, again.depth)
    assert first.camera == again.camera
    assert not np.array_equal(first.image, data.read(7).image)
    assert first.depth is not None
    assert np.isfinite(first.depth).mean() > 0.9
    assert 0.3 < np.nanmedian(first.depth) < 20
    with pytest.raises(SourceError, match="kind of rendered scenes"):
        RenderedScenes(kind="palace")


def test_a_named_kind_is_rendered() -> None:
    """A street has a view of more than 12 m; without a name this seed is a corridor."""
    street = RenderedScenes(seed=3, kind="street").read(0)
    assert street.depth is not None
    assert np.nanmax(street.depth) > 12
    corridor, unnamed = (RenderedScenes(seed=3, kind=k).read(0) for k in ("corridor", ""))
    np.testing.assert_array_equal(corridor.image, unnamed.image)
    room = RenderedScenes(seed=3, kind="room").read(0)
    assert not np.array_equal(room.image, corridor.image)


def test_clips_follow_one_motion_through_one_scene(tmp_path: Path) -> None:
    """Poses are those of the renderer's own trajectory, and depth moves as they say."""
    fill_clips(tmp_path, first_seed=7, scenes=1, frames=3, kind="room")
    (folder,) = tmp_path.iterdir()
    stamp = (folder / "meta.json").stat().st_mtime_ns
    fill_clips(tmp_path, first_seed=7, scenes=1, frames=3, kind="room")
    assert (folder / "meta.json").stat().st_mtime_ns == stamp
    data = Uniform(folder)
    assert (len(data), data.problems()) == (3, [])
    rng = np.random.default_rng(7)
    rng.random()
    camera, reading = random_camera(rng, 320, 240), data.read(0)
    assert reading.camera is not None
    assert reading.camera.matrix == pytest.approx(camera.matrix)
    motion_rng = np.random.Generator(np.random.PCG64([7, 1]))
    path = trajectory(random_scene(7, "room"), motion_rng, 3, 30.0, "handheld")
    assert data.read(2).world_from_camera == pytest.approx(path[2], abs=1e-9)
    assert [data.neighbour(1, offset) for offset in (-2, -1, 1, 2)] == [None, 0, 2, None]
    meta = json.loads((folder / "meta.json").read_text())
    assert (meta["renderer_version"], meta["fps"]) == (RENDERER_VERSION, 30.0)
    meta["renderer_version"] = 1
    (folder / "meta.json").write_text(json.dumps(meta))
    assert "version 1 of the renderer" in Uniform(folder).problems()[0]


def test_the_command_fills_pools_and_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--scenes", "1", "--seed", "11", "--kind", "corridor"]
    assert main([str(tmp_path / "clips"), *asked, "--clip", "2"]) == 0
    assert len(Uniform(tmp_path / "clips/00000011")) == 2
    assert json.loads((tmp_path / "clips/00000011/meta.json").read_text())["kind"] == "corridor"
    (tmp_path / "old").mkdir()
    (tmp_path / "old/meta.json").write_text('{"renderer_version": 1}')
    assert main([str(tmp_path / "old"), *asked]) == 2
    assert f"expected version {RENDERER_VERSION} of the renderer, got 1" in capsys.readouterr().err
