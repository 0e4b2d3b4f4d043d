# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The metric scale against stereo: pairs of known depth, and a real road."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, UInt8
from depth_ros.training.data.readers.reading import Reading
from depth_ros.training.evaluation.cli import main
from depth_ros.training.evaluation.stereo_scale import spread, stereo_depth, trusted_disparity
from depth_ros.training.evaluation.truth import read_truth

DataDir = Callable[[str], Path]
FOCAL, BASELINE = 120.0, 0.5
WIDTH, HEIGHT = 320, 120
CAMERA = Camera(WIDTH, HEIGHT, FOCAL, FOCAL, 159.5, 59.5)


def texture(seed: int = 0) -> np.ndarray:
    """Smooth random grey levels, wider than an image."""
    noise = np.random.default_rng(seed).uniform(0, 255, (HEIGHT, WIDTH + 80)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.2)
    return np.clip((smooth - smooth.mean()) * 3 + 128, 0, 255)


def shifted(values: np.ndarray, disparity: float) -> UInt8:
    """What a camera sees whose image is this far to the left of the texture's."""
    columns = np.arange(WIDTH, dtype=np.float32) + np.float32(disparity)
    rows = np.arange(HEIGHT, dtype=np.float32)
    grid = np.meshgrid(columns, rows)
    seen = cv2.remap(values.astype(np.float32), *grid, cv2.INTER_CUBIC)
    return np.repeat(np.clip(np.rint(seen), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("disparity", [5.0, 9.5, 24.25])
def test_a_textured_wall_is_where_it_is(disparity: float) -> None:
    """Depth is f b / d; the matcher prefers whole pixels, by up to a seventh of one."""
    values = texture()
    reading = Reading(
        shifted(values, 0), camera=CAMERA, right=shifted(values, disparity), baseline_m=BASELINE
    )
    depth = stereo_depth(reading)
    assert np.isfinite(depth).mean() > 0.6
    assert np.isnan(depth[:, : int(disparity)]).all()  # the right camera does not see these
    assert np.nanmedian(FOCAL * BASELINE / depth) == pytest.approx(disparity, abs=0.15)
    errors = np.abs(FOCAL * BASELINE / depth - disparity)
    assert np.nanpercentile(errors, 95) < 0.5


def test_a_near_wall_before_a_far_one_hides_a_strip_of_it() -> None:
    """20 px before 6 px: 14 columns to the left of the edge are seen by the left camera only."""
    near, far = texture(1), texture(2)
    left, right = shifted(far, 0), shifted(far, 6.0)
    left[:, 160:] = shifted(near, 0)[:, 160:]
    right[:, 140:] = shifted(near, 20.0)[:, 140:]
    found = trusted_disparity(left, right)
    inner = np.s_[10:-10]
    assert np.nanmedian(found[inner, 60:140]) == pytest.approx(6, abs=0.1)
    assert np.nanmedian(found[inner, 170:280]) == pytest.approx(20, abs=0.1)
    assert np.isfinite(found[inner, 148:158]).mean() < 0.1


def test_what_cannot_be_matched_is_unknown() -> None:
    """A wall without texture, another picture, and one that is too far away."""
    values = texture()
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert np.isnan(trusted_disparity(flat, flat)).all()
    other = shifted(texture(5), 0)
    assert np.isfinite(trusted_disparity(shifted(values, 0), other)).mean() < 0.05
    far = trusted_disparity(shifted(values, 0), shifted(values, 3.0))
    assert np.isfinite(far).mean() < 0.01
    with pytest.raises(SourceError, match="rectified pairs"):
        stereo_depth(Reading(flat, camera=CAMERA))


def write_pairs(folder: Path, disparities: list[float]) -> Path:
    """Walls, a frame each, in KITTI's odometry layout."""
    for name in ("image_0", "image_1"):
        (folder / name).mkdir(parents=True)
    for i, disparity in enumerate(disparities):
        values = texture(i)
        for name, shift in (("image_0", 0.0), ("image_1", disparity)):
            cv2.imwrite(str(folder / f"{name}/{i:06d}.png"), shifted(values, shift))
    k = f"{FOCAL} 0 159.5 {{}} 0 {FOCAL} 59.5 0 0 0 1 0"
    lines = [f"P0: {k.format(0)}", f"P1: {k.format(-FOCAL * BASELINE)}"]
    (folder / "calib.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_the_scale_of_predictions(tmp_path: Path) -> None:
    """Predictions are 1.0, 1.1 and 1.5 times the truth, and a frame without texture."""
    disparities = [8.0, 10.0, 12.0]
    folder = write_pairs(tmp_path / "road", disparities)
    factors = (1.0, 1.1, 1.5)
    pairs = zip(disparities, factors, strict=True)
    depth = [np.full((60, 160), f * FOCAL * BASELINE / d) for d, f in pairs]
    np.save(tmp_path / "pred.npy", np.array(depth))
    out = tmp_path / "out.json"
    asked = ["--protocol", "stereo_scale", "--truth", str(folder), "--json", str(out)]
    assert main([*asked, "--pred", str(tmp_path / "pred.npy")]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["metric_scale"] == pytest.approx(1.1, rel=0.01)
    assert found["metric_scale_min"] == pytest.approx(1.0, rel=0.01)
    assert found["metric_scale_max"] == pytest.approx(1.5, rel=0.01)
    assert found["metric_scale_spread"] == pytest.approx((1.3 - 1.05) / 2, rel=0.02)
    assert [row["metric_scale"] for row in found["per_frame"]] == pytest.approx(factors, rel=0.01)


def test_the_spread_of_one_frame_is_none() -> None:
    assert spread(np.array([2.0])) == {
        "metric_scale": 2.0,
        "metric_scale_spread": 0.0,
        "metric_scale_min": 2.0,
        "metric_scale_max": 2.0,
    }


def test_the_road_before_a_real_car(data_dir: DataDir) -> None:
    """KITTI's cameras stand 1.65 m above the road: the plane of the trusted points is there.

    Rows 240 to 340 in the middle of the image show the lane before the car.
    """
    truth = read_truth(str(data_dir("kitti_odom_stereo") / "01"), layout="stereo")
    heights = []
    for index in (12, 50):
        reading = truth.reading(index)
        depth, camera = stereo_depth(reading)[240:340, 450:750], reading.camera
        assert camera is not None
        rows, columns = np.nonzero(np.isfinite(depth))
        z = depth[rows, columns]
        right = (columns + 450 - camera.cx) / camera.fx * z
        down = (rows + 240 - camera.cy) / camera.fy * z
        sides = np.stack([np.ones_like(z), right, z], axis=1)
        plane = np.linalg.lstsq(sides, down, rcond=None)[0]
        heights.append(plane[0] / np.sqrt(1 + plane[1] ** 2 + plane[2] ** 2))
    assert np.median(heights) == pytest.approx(1.65, rel=0.08)
