# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Training data: the readers, the canonical camera under every augmentation, fair sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from depth_ros.errors import SourceError  # noqa: E402
from depth_ros.frame import Camera  # noqa: E402
from depth_ros.training.data import (  # noqa: E402
    AugmentConfig,
    Item,
    PoolSource,
    make_example,
    open_collection,
    open_sequence,
)
from depth_ros.training.data.mixture import MemorySource, Mixture, SceneSource  # noqa: E402
from depth_ros.training.data.rendered import fill_pool, read_item, write_item  # noqa: E402

DataDir = Callable[[str], Path]
FOCAL = 200.0


def _item(depth_m: float = 3.0, width: int = 320, height: int = 240) -> Item:
    """A flat wall with a grey level that grows to the right and a green one that grows down."""
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    down = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    image = np.stack([across, down, 0 * down], axis=2).astype(np.uint8)
    camera = Camera(width, height, 260, 260, (width - 1) / 2, (height - 1) / 2)
    return Item(image, np.full((height, width), depth_m, np.float32), camera)


def test_sequence_reads_images_depth_camera_and_poses(data_dir: DataDir) -> None:
    kitchen = open_sequence(data_dir("sevenscenes_redkitchen"))
    assert len(kitchen) == 1000
    item = kitchen.item(7)
    assert item.image.shape == (240, 320, 3)
    assert item.camera == Camera(320, 240, 265, 265, 159.75, 119.75)
    assert item.depth is not None
    assert item.depth.shape == (240, 320)
    assert np.isnan(item.depth).any()  # Kinect holes are unknown, not 0
    assert np.nanmin(item.depth) > 0.2
    assert np.nanmax(item.depth) < 20
    assert item.world_from_camera is not None
    rotation = item.world_from_camera[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    with pytest.raises(SourceError, match=r"expected 0\.\.999, got 1000"):
        kitchen.item(1000)


def test_sequence_without_truth_has_none(data_dir: DataDir) -> None:
    item = open_sequence(data_dir("kitti_odom00_mono")).item(0)
    assert item.depth is None
    assert item.image.shape == (128, 416, 3)


def test_a_folder_without_meta_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"meta\.json"):
        open_sequence(tmp_path)


def test_collections_have_all_scenes_and_no_guessed_scale(data_dir: DataDir) -> None:
    root = data_dir("diverse_rgbd")
    scenes = {k: v for f in sorted(root.glob("*/")) for k, v in open_collection(f).items()}
    assert len(scenes) == 56
    assert sum(len(items) for items in scenes.values()) == 345
    assert all(item.camera is None for item in scenes["lab_bench"])  # scale_uncertain_scenes
    desk = scenes["desk_lamp"][0].camera
    assert desk is not None
    assert desk.fx == pytest.approx(267.143)
    tum = scenes["tum_fr1_office"][0].camera
    assert tum is not None
    assert tum.fx == pytest.approx(517.3 / 2)


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
        moved = Item(item.image, depth, None)
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


def test_scenes_are_drawn_by_weight_not_by_length() -> None:
    scenes = {"long": [_item(1.0)] * 50, "single": [_item(2.0)], "rare": [_item(4.0)]}
    source = SceneSource(scenes, {"rare": 0.25})
    rng = np.random.default_rng(0)
    depths = [float(source.draw(rng).depth[0, 0]) for _ in range(900)]  # type: ignore[index]
    assert depths.count(1.0) == pytest.approx(400, abs=60)
    assert depths.count(2.0) == pytest.approx(400, abs=60)
    assert depths.count(4.0) == pytest.approx(100, abs=40)


def test_mixture_is_seeded_and_keeps_the_shares() -> None:
    sources = [(MemorySource([_item(1.0)]), 3.0), (MemorySource([_item(10.0)]), 1.0)]

    def first(seed: int, count: int) -> list[dict[str, torch.Tensor]]:
        stream = iter(Mixture(sources, (64, 32), 50.0, AugmentConfig(), (seed,)))  # type: ignore[arg-type]
        return [next(stream) for _ in range(count)]

    a, b, c = first(1, 200), first(1, 3), first(2, 3)
    assert all(torch.equal(x["image"], y["image"]) for x, y in zip(a, b, strict=False))
    assert not torch.equal(a[0]["image"], c[0]["image"])
    near = sum(bool(x["log_depth"].nanmedian() < math.log(3)) for x in a)
    assert near == pytest.approx(150, abs=25)
    assert a[0]["log_depth"].shape == (1, 16, 32)


def test_pool_item_round_trip(tmp_path: Path) -> None:
    item = _item(2.5)
    write_item(tmp_path / "a.npz", item)
    back = read_item(tmp_path / "a.npz")
    assert back.camera == item.camera
    np.testing.assert_array_equal(back.image, item.image)
    np.testing.assert_array_equal(back.depth, item.depth)  # 2.5 is exact as a half float
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_pool_is_filled_once_and_drawn_from(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no rendered views"):
        PoolSource(tmp_path).draw(np.random.default_rng(0))
    fill_pool(tmp_path, first_seed=5, scenes=1)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.npz")}
    assert len(written) == 4
    fill_pool(tmp_path, first_seed=5, scenes=1)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.npz")} == written
    item = PoolSource(tmp_path).draw(np.random.default_rng(0))
    assert item.image.shape == (240, 320, 3)
    assert item.depth is not None
    assert np.isfinite(item.depth).mean() > 0.9
    assert 0.3 < np.nanmedian(item.depth) < 20
