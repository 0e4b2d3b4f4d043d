# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Evaluation: exact answers with a network of known depth, and what the zoo entry promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("openvino")

from depth_ros.engines import open_engine
from depth_ros.frame import Camera
from depth_ros.training.data import Item
from depth_ros.training.data.rendered import write_item
from depth_ros.training.evaluate import Disturbance, measure, read_items, table

ZOO = Path(__file__).resolve().parent.parent / "engines"
DataDir = Callable[[str], Path]


def _item(level: int, depth_m: float) -> Item:
    camera = Camera(64, 48, 60, 60, 31.5, 23.5)
    depth = np.full((48, 64), depth_m, np.float32)
    depth[:4] = np.nan
    return Item(np.full((48, 64, 3), level, np.uint8), depth, camera)


def test_measures_a_network_of_known_depth(tiny_engine: Path, tmp_path: Path) -> None:
    """tiny_engine sees grey 51 (0.2) as 1.8 m; the truth is 2 m and 1.5 m."""
    (tmp_path / "pool").mkdir()
    write_item(tmp_path / "pool/a.npz", _item(51, 2.0))
    write_item(tmp_path / "pool/b.npz", _item(51, 1.5))
    engine = open_engine(tiny_engine, precision="fp32")
    results = measure(engine, str(tmp_path / "pool"))
    assert results["network metric"]["frames"] == 2
    assert results["network metric"]["abs_rel"] == pytest.approx((0.1 + 0.2) / 2, abs=1e-3)
    assert results["network scaled"]["abs_rel"] == pytest.approx(0, abs=1e-3)
    assert results["constant metric"]["abs_rel"] == pytest.approx((0.25 + 2 / 3) / 2, abs=1e-3)
    assert "0.1500" in table("pool", results)
    darker = measure(engine, str(tmp_path / "pool"), Disturbance(gain=0.25))
    expected = 1 + 4 * round(51 * 0.25 ** (1 / 2.2)) / 255
    error = (abs(expected - 2) / 2 + abs(expected - 1.5) / 1.5) / 2
    assert darker["network metric"]["abs_rel"] == pytest.approx(error, abs=1e-3)
    engine.close()


def test_a_crop_is_the_same_scene_through_a_narrower_camera() -> None:
    item = _item(100, 2.0)
    assert item.camera is not None
    cropped = Disturbance(crop=0.5)(item)
    assert cropped.image.shape == (24, 32, 3)
    assert cropped.camera == item.camera.cropped(16, 12, 32, 24)
    assert cropped.depth is not None
    assert np.isfinite(cropped.depth).all()  # the unknown rows are outside


def test_a_part_of_a_sequence(data_dir: DataDir) -> None:
    name = f"{data_dir('sevenscenes_redkitchen')}:998:1000"
    assert len(list(read_items(name))) == 2


def test_zoo_entry_keeps_its_promise(data_dir: DataDir) -> None:
    """Every 20th frame of a room it never saw, and of new frames of a kitchen it has seen."""
    engine = open_engine(ZOO / "fastdepth_indoor", precision="fp32")
    room = str(data_dir("icl_livingroom1"))
    kitchen = str(data_dir("sevenscenes_redkitchen"))
    found = {
        "room": [measure(engine, f"{room}:{i}:{i + 1}") for i in range(0, 211, 20)],
        "kitchen": [measure(engine, f"{kitchen}:{i}:{i + 1}") for i in range(800, 1000, 20)],
    }
    engine.close()

    def mean(name: str, kind: str, key: str) -> float:
        return float(np.mean([result[kind][key] for result in found[name]]))

    assert mean("room", "network scaled", "abs_rel") <= 0.15
    assert mean("room", "network scaled", "delta1") >= 0.78
    assert mean("kitchen", "network scaled", "abs_rel") <= 0.13
    for name in found:  # and better than knowing nothing
        scaled, constant = (mean(name, f"{k} scaled", "abs_rel") for k in ("network", "constant"))
        assert scaled < constant
