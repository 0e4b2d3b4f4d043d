# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Stereo data sets: PFM in both byte orders, Middlebury 2014, MiddEval3 and version 2."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.training.data.readers.files import problems_of, read_pfm
from depth_ros.training.data.readers.middlebury import (
    Middlebury,
    MiddleburyV2,
    read_calibration,
    read_info,
)
from depth_ros.training.data.readers.reading import Readings

CALIB = """cam0=[1000 0 2.5; 0 1000 1.25; 0 0 1]
cam1=[1000 0 22.5; 0 1000 1.25; 0 0 1]
doffs=20
baseline=200
width=4
height=3
ndisp=280
isint=0
vmin=31
vmax=257
dyavg=0.918
dymax=1.516
"""
# f = 1000 px, baseline 0.2 m, doffs 20 px: 80 px are 0.2 * 1000 / 100 = 2 m, 30 px are 4 m.
DISPARITY = [[80, 30, np.inf, 80], [80, 80, 80, 180], [-20, -30, 80, 0]]
DEPTH = [[2, 4, np.nan, 2], [2, 2, 2, 1], [np.nan, np.nan, 2, 10]]


def write_pfm(path: Path, rows: list[list[float]], order: str = "<") -> None:
    """Grey; the bottom row first, as the format has it."""
    scale = b"-1" if order == "<" else b"1"
    head = b"Pf\n%d %d\n%s\n" % (len(rows[0]), len(rows), scale)
    values = [value for row in reversed(rows) for value in row]
    path.write_bytes(head + struct.pack(f"{order}{len(values)}f", *values))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    folder = tmp_path / "Motorcycle-perfect"
    folder.mkdir()
    (folder / "calib.txt").write_text(CALIB)
    write_pfm(folder / "disp0.pfm", DISPARITY)
    image = np.zeros((3, 4, 3), np.uint8)
    image[0, 1] = (30, 20, 10)  # BGR
    assert cv2.imwrite(str(folder / "im0.png"), image)
    assert cv2.imwrite(str(folder / "im1.png"), image[:, ::-1])
    assert cv2.imwrite(str(folder / "im1E.png"), image + 100)
    return folder


@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm_of_either_byte_order_has_its_top_row_first(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.pfm"
    write_pfm(path, [[1.5, -2, 3], [4, np.inf, 6]], order)
    read = read_pfm(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.array([[1.5, -2, 3], [4, np.inf, 6]], np.float32))


def test_pfm_of_three_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(b"PF\n1 2\n-0.003922\n" + struct.pack("<6f", 4, 5, 6, 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(path), [[[1, 2, 3]], [[4, 5, 6]]])


def test_pfm_value_that_looks_like_white_space_is_kept(tmp_path: Path) -> None:
    value = struct.unpack("<f", b"\n\n \n")[0]
    write_pfm(tmp_path / "a.pfm", [[value]])
    assert read_pfm(tmp_path / "a.pfm")[0, 0] == np.float32(value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"P5\n2 1\n255\nab",
        b"Pf\n2 1\n0\n" + bytes(8),
        b"Pf\n2 1\n-1\n" + bytes(7),
        b"Pf\n999999999 999999999\n-1\n" + bytes(8),
        b"Pf\n2 1\n-1e\n" + bytes(8),
    ],
)
def test_broken_pfm_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pfm"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"broken\.pfm"):
        read_pfm(path)
    (line,) = problems_of([path])
    assert "broken.pfm" in line


def test_middlebury_depth_takes_the_principal_points_into_account(scene: Path) -> None:
    data = Middlebury(scene.parent)
    assert len(data) == 1 and data.problems() == []
    reading = data.read(0)
    assert reading.depth is not None and reading.disparity is not None
    np.testing.assert_allclose(reading.depth, np.array(DEPTH, np.float32), rtol=1e-6)
    truth = np.array(DISPARITY, np.float32)
    np.testing.assert_array_equal(reading.disparity, np.where(np.isinf(truth), np.nan, truth))
    assert reading.name == "Motorcycle-perfect" and reading.baseline_m == pytest.approx(0.2)
    camera = reading.camera
    assert camera is not None
    assert (camera.width, camera.height, camera.fx, camera.fy) == (4, 3, 1000, 1000)
    assert (camera.cx, camera.cy) == (2.5, 1.25)
    assert reading.image[0, 1].tolist() == [10, 20, 30]
    assert reading.right is not None and reading.right[0, 2].tolist() == [10, 20, 30]
    assert data.calibration(0).doffs == 20


def test_middlebury_chooses_another_right_image(scene: Path) -> None:
    right = Middlebury(scene, right="im1E").read(0).right
    assert right is not None and right[0, 1].tolist() == [110, 120, 130]


def test_middeval3_names_and_mask(scene: Path) -> None:
    (scene / "disp0.pfm").rename(scene / "disp0GT.pfm")
    mask = np.full((3, 4), 255, np.uint8)
    mask[0], mask[1, 0] = 128, 0
    assert cv2.imwrite(str(scene / "mask0nocc.png"), mask)
    data = Middlebury(scene.parent)
    assert data.problems() == []
    np.testing.assert_array_equal(data.read(0).masks["nonocc"], mask == 255)


def test_middlebury_problems_are_named_file_by_file(scene: Path) -> None:
    bad = scene.parent / "Piano-perfect"
    bad.mkdir()
    (bad / "calib.txt").write_text(CALIB.replace("doffs=20\n", ""))
    whole = (scene / "im0.png").read_bytes()
    (bad / "im0.png").write_bytes(whole[:-20])
    (bad / "disp0.pfm").write_bytes((scene / "disp0.pfm").read_bytes()[:-1])
    data = Middlebury(scene.parent)
    lines = data.problems()
    assert len(lines) == 4 and all("Piano-perfect" in line for line in lines)
    for line, name, word in zip(
        lines,
        ("calib.txt", "im0.png", "im1.png", "disp0.pfm"),
        ("doffs", "cut off", "missing", "cut off"),
        strict=True,
    ):
        assert name in line and word in line
    readings = Readings(data)
    assert [reading.name for reading in readings] == ["Motorcycle-perfect"]
    assert readings.skipped == 1 and "Piano-perfect" in readings.last_error


@pytest.mark.parametrize(
    ("old", "new"),
    [("width=4", "width=5"), ("baseline=200", "baseline=-1"), ("cam0=[1000", "cam0=[-1000")],
)
def test_middlebury_calibration_that_cannot_be_is_refused(scene: Path, old: str, new: str) -> None:
    (scene / "calib.txt").write_text(CALIB.replace(old, new))
    with pytest.raises(SourceError, match="Motorcycle-perfect"):
        Middlebury(scene.parent).read(0)


def test_no_scenes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="calib"):
        Middlebury(tmp_path)
    with pytest.raises(SourceError, match="groundtruth"):
        MiddleburyV2(tmp_path)
    with pytest.raises(SourceError, match=r"calib\.txt"):
        read_calibration(tmp_path / "calib.txt")


def test_version_2_scales_and_masks(data_dir: Callable[[str], Path]) -> None:
    data = MiddleburyV2(data_dir("stereo_middlebury_v2"))
    assert data.problems() == []
    readings = {reading.name: reading for reading in Readings(data)}
    assert list(readings) == ["cones", "teddy", "tsukuba", "venus"]
    assert [data.disparities(index) for index in range(4)] == [59, 59, 15, 19]
    tsukuba = readings["tsukuba"]
    assert tsukuba.disparity is not None and tsukuba.image.shape == (288, 384, 3)
    known = np.isfinite(tsukuba.disparity)
    # Its levels 80, 96, 112, 128, 160, 176 and 224 are sixteenths of a pixel.
    assert np.unique(tsukuba.disparity[known]).tolist() == [5, 6, 7, 8, 10, 11, 14]
    # The benchmark leaves out a border of 18 pixels.
    assert not known[:18].any() and not known[:, -18:].any() and known[18:-18, 18:-18].all()
    for reading in readings.values():
        assert reading.depth is None and reading.baseline_m is None and reading.camera is None
        assert set(reading.masks) == {"nonocc", "all", "disc"}
        assert not (reading.masks["nonocc"] & ~reading.masks["all"]).any()


@pytest.mark.parametrize("index", range(4))
def test_version_2_disparity_takes_the_left_image_to_the_right_one(
    data_dir: Callable[[str], Path], index: int
) -> None:
    reading = MiddleburyV2(data_dir("stereo_middlebury_v2")).read(index)
    assert reading.disparity is not None and reading.right is not None
    seen = reading.masks["nonocc"] & np.isfinite(reading.disparity)
    rows, columns = np.nonzero(seen)
    errors = []
    for factor in (1.0, 0.5, 1.25, -1.0, 0.0):
        other = np.rint(columns - factor * reading.disparity[seen]).astype(int)
        inside = (other >= 0) & (other < reading.image.shape[1])
        left = reading.image[rows[inside], columns[inside]].astype(float)
        right = reading.right[rows[inside], other[inside]]
        errors.append(np.abs(left - right).mean())
    assert errors[0] < 8  # of 255 levels
    assert errors[0] < 0.5 * min(errors[1:])


def test_version_2_info_that_cannot_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "info.txt"
    for text in ("", "4", "0 59", "four 59", "4 59 1"):
        path.write_text(text)
        with pytest.raises(SourceError, match=r"info\.txt"):
            read_info(path)
