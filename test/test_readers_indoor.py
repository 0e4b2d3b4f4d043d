# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Data sets of rooms and photographs: NYUv2, ScanNet, TUM, Make3D, iBims-1 and DIODE."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.readers.diode import PUBLISHED, Diode
from depth_ros.training.data.readers.files import problems_of, read_mat, read_npy
from depth_ros.training.data.readers.ibims import Ibims
from depth_ros.training.data.readers.make3d import Make3d
from depth_ros.training.data.readers.nyu import (
    ST_CLSTM_UNIT_M,
    NyuFolder,
    NyuFrames,
    NyuLabelled,
)
from depth_ros.training.data.readers.reading import DataSet, Readings
from depth_ros.training.data.readers.scannet import ScanNetFolder
from depth_ros.training.data.readers.tum import TumFolder, associate

scipy_io = pytest.importorskip("scipy.io")
RED_BGR = (0, 0, 255)


def write_png(path: Path, array: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def write_color(path: Path, width: int = 4, height: int = 3) -> None:
    write_png(path, np.full((height, width, 3), RED_BGR, np.uint8))


def write_depth(path: Path, value: int = 1000) -> None:
    """4x3 pixels of ``value``, the top left one unknown."""
    raw = np.full((3, 4), value, np.uint16)
    raw[0, 0] = 0
    write_png(path, raw)


def expect_depth(depth: npt.NDArray[Any] | None, metres: float) -> None:
    """What write_depth wrote, in metres."""
    assert depth is not None and depth.shape == (3, 4) and depth.dtype == np.float32
    assert np.isnan(depth[0, 0])
    np.testing.assert_allclose(depth.ravel()[1:], metres, rtol=1e-6)


def names(data: DataSet) -> list[str]:
    readings = Readings(data)
    found = [reading.name for reading in readings]
    assert readings.skipped == 0, readings.last_error
    return found


# NumPy and MATLAB files


def test_official_fastdepth_arrays_give_its_published_errors(
    data_dir: Callable[[str], Path],
) -> None:
    folder = data_dir("fastdepth_sample")
    truth, prediction = (
        read_npy(folder / f"{name}.npy").astype(np.float64).squeeze() for name in ("depth", "pred")
    )
    assert problems_of(sorted(folder.glob("*.npy"))) == []
    assert np.sqrt(np.mean((prediction - truth) ** 2)) == pytest.approx(0.6180, abs=5e-5)
    ratio = np.maximum(prediction / truth, truth / prediction)
    assert np.mean(ratio < 1.25) == pytest.approx(0.77726, abs=5e-6)


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    for name, content in (("object.npy", np.array([{}], object)), ("ok.npy", np.arange(3.0))):
        np.save(tmp_path / name, content, allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.arange(3))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    for name in ("object.npy", "archive.npy"):
        with pytest.raises(SourceError, match=name.replace(".", r"\.")):
            read_npy(tmp_path / name)
        assert len(problems_of([tmp_path / name])) == 1
    assert read_npy(tmp_path / "ok.npy").tolist() == [0, 1, 2]


@pytest.mark.parametrize("compressed", [False, True])
def test_every_cut_of_a_file_is_noticed(tmp_path: Path, compressed: bool) -> None:
    whole = {}
    scipy_io.savemat(tmp_path / "a.mat", {"x": np.arange(40.0)}, do_compression=compressed)
    np.save(tmp_path / "a.npy", np.arange(40.0))
    write_depth(tmp_path / "a.png")
    write_color(tmp_path / "a.jpg")
    for path in sorted(tmp_path.iterdir()):
        assert problems_of([path]) == []
        whole[path] = path.read_bytes()
    for path, content in whole.items():
        for length in (0, 1, 10, 127, 128, 140, len(content) // 2, len(content) - 1):
            path.write_bytes(content[: min(length, len(content) - 1)])
            (line,) = problems_of([path])
            assert path.name in line


def test_missing_variable_and_hdf5_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    scipy_io.savemat(path, {"x": 1})
    with pytest.raises(SourceError, match=r"a\.mat.*variables y"):
        read_mat(path, "y")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(SourceError, match=r"a\.mat"):
        read_mat(path, "x")


# NYU Depth v2


def write_labelled(path: Path) -> npt.NDArray[np.uint8]:
    """Three frames of 640x480 in MATLAB's order, with depth 1, 2 and 3; the raw one is unknown."""
    h5py = pytest.importorskip("h5py")
    images = np.zeros((3, 3, 640, 480), np.uint8)  # n, colour, x, y
    images[1, :, 7, 5] = (10, 20, 30)
    depths = np.ones((3, 640, 480), np.float32) * np.arange(1, 4)[:, None, None]
    depths[1, 7, 5] = 9
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in (("images", images), ("depths", depths), ("rawDepths", depths * 0)):
            file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]), compression=1)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return images


def test_nyu_labelled_file_and_splits(tmp_path: Path) -> None:
    path, splits = tmp_path / "nyu_depth_v2_labeled.mat", tmp_path / "splits.mat"
    write_labelled(path)
    scipy_io.savemat(splits, {"trainNdxs": [[3]], "testNdxs": [[1], [2]]})
    assert names(NyuLabelled(path)) == ["0001", "0002", "0003"]
    assert names(NyuLabelled(path, splits, "train")) == ["0003"]
    data = NyuLabelled(path, splits, "test")
    assert len(data) == 2 and data.problems() == []
    reading = data.read(1)
    assert reading.name == "0002" and reading.image.shape == (480, 640, 3)
    assert reading.image[5, 7].tolist() == [10, 20, 30]
    assert reading.depth is not None and reading.depth.shape == (480, 640)
    assert reading.depth[5, 7] == 9 and reading.depth[7, 5] == 2
    camera = reading.camera
    assert camera is not None
    intrinsics = (camera.fx, camera.fy, camera.cx, camera.cy)
    assert intrinsics == pytest.approx((518.857901, 519.469611, 324.582449, 252.736166), abs=1e-6)
    raw = NyuLabelled(path, raw=True).read(0).depth
    assert raw is not None and np.isnan(raw).all()
    scipy_io.savemat(splits, {"testNdxs": [[1], [4]]})
    with pytest.raises(SourceError, match=r"testNdxs of .*splits\.mat"):
        NyuLabelled(path, splits, "test")
    with pytest.raises(SourceError, match=r"splits\.mat"):
        NyuLabelled(path, None, "test")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="labeled"):
        NyuLabelled(path)


def test_nyu_frames_in_h5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for scene in ("kitchen", "office"):
        (tmp_path / scene).mkdir()
        with h5py.File(tmp_path / scene / "00001.h5", "w") as file:
            file["rgb"] = np.arange(36, dtype=np.uint8).reshape(3, 3, 4)
            file["depth"] = np.array([[0, 1, 2, 3]] * 3, np.float32)
    with h5py.File(tmp_path / "office" / "00002.h5", "w") as file:
        file["rgb"] = np.zeros((3, 3, 4), np.uint8)
    data = NyuFrames(tmp_path)
    reading = data.read(0)
    assert reading.name == "kitchen/00001" and reading.camera is None
    assert reading.image[1, 2].tolist() == [6, 18, 30]
    assert reading.depth is not None
    np.testing.assert_array_equal(reading.depth[0], np.array([np.nan, 1, 2, 3], np.float32))
    (line,) = data.problems()
    assert "00002.h5" in line and "depth" in line
    readings = Readings(data)
    assert len(list(readings)) == 2 and readings.skipped == 1


def test_missing_h5py_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "00001.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(SourceError, match="pip install"):
        NyuFrames(tmp_path).read(0)


def test_nyu_folders_in_both_layouts(tmp_path: Path) -> None:
    clip, scene = tmp_path / "clip", tmp_path / "scene"
    for number in (2, 10):
        write_color(clip / f"rgb/rgb_{number}.jpg")
        write_depth(clip / f"depth/depth_{number}.png", 6000)
    data = NyuFolder(clip, ST_CLSTM_UNIT_M)
    assert names(data) == ["rgb/rgb_2", "rgb/rgb_10"] and data.problems() == []
    expect_depth(data.read(0).depth, 1.0)
    write_color(scene / "kitchen/rgb_00045.png")
    write_depth(scene / "kitchen/sync_depth_00045.png", 2500)
    write_color(scene / "office/rgb/1.png")
    write_depth(scene / "office/depth/1.png", 2500)
    camera = Camera(4, 3, 5, 5, 1.5, 1)
    data = NyuFolder(scene, camera=camera)
    assert names(data) == ["kitchen/rgb_00045", "office/rgb/1"] and data.problems() == []
    for reading in Readings(data):
        expect_depth(reading.depth, 2.5)
        assert reading.camera == camera and reading.image[0, 0].tolist() == [255, 0, 0]
    (scene / "office/depth/1.png").unlink()
    write_color(scene / "kitchen/sync_depth_00045.png")
    missing, wrong = sorted(data.problems(), reverse=True)
    assert "office/depth/1.png is missing" in missing
    assert "sync_depth_00045.png" in wrong and "16 bits" in wrong


# RGB-D video


def write_scannet(folder: Path, width: int = 4, height: int = 3) -> None:
    for number in (0, 2, 10):
        write_color(folder / f"color/{number}.jpg", width, height)
        write_depth(folder / f"depth/{number}.png", 1500)
        (folder / "pose").mkdir(exist_ok=True)
        pose = np.full((4, 4), -np.inf) if number == 2 else np.eye(4) + number
        np.savetxt(folder / f"pose/{number}.txt", pose)
    (folder / "intrinsic").mkdir()
    for kind, focal, size in (("color", 9.0, (8, 6)), ("depth", 4.5, (4, 3))):
        k = np.diag([focal, focal, 1, 1])
        k[:2, 2] = (size[0] - 1) / 2, (size[1] - 1) / 2
        np.savetxt(folder / f"intrinsic/intrinsic_{kind}.txt", k)


def test_scannet_folder(tmp_path: Path) -> None:
    folder = tmp_path / "scene0000_00"
    write_scannet(folder, 8, 6)
    data = ScanNetFolder(folder)
    assert data.name == "scene0000_00" and names(data) == ["0", "2", "10"]
    assert data.problems() == []
    last = data.read(2)
    expect_depth(last.depth, 1.5)
    assert last.camera == Camera(8, 6, 9, 9, 3.5, 2.5)
    assert last.world_from_camera is not None
    np.testing.assert_array_equal(last.world_from_camera, np.eye(4) + 10)
    assert data.read(1).world_from_camera is None  # tracking was lost
    (folder / "pose/10.txt").write_text("1 2 3")
    with pytest.raises(SourceError, match=r"10\.txt"):
        data.read(2)
    (folder / "depth/0.png").unlink()
    (folder / "intrinsic/intrinsic_color.txt").write_text("1 0 0")
    missing, short = data.problems()
    assert "depth/0.png is missing" in missing and "intrinsic_color.txt" in short


def test_scannet_images_of_the_depths_size_have_the_depths_camera(tmp_path: Path) -> None:
    write_scannet(tmp_path / "a")
    assert ScanNetFolder(tmp_path / "a").read(0).camera == Camera(4, 3, 4.5, 4.5, 1.5, 1)


def write_tum(folder: Path) -> None:
    """Images at 1.00, 1.03, 1.06 and 1.5 s, depth at 1.012, 1.05 and 1.53, poses at 1.01, 1.05."""
    for stamp in ("1.00", "1.03", "1.06", "1.5"):
        write_color(folder / f"rgb/{stamp}.png")
    for stamp in ("1.012", "1.05", "1.53"):
        write_depth(folder / f"depth/{stamp}.png", 5000)
    lines = [f"{stamp} rgb/{stamp}.png" for stamp in ("1.00", "1.03", "1.06", "1.5")]
    (folder / "rgb.txt").write_text("\n".join(["# color images", *lines]) + "\n")
    lines = [f"{stamp} depth/{stamp}.png" for stamp in ("1.012", "1.05", "1.53")]
    (folder / "depth.txt").write_text("\n".join(lines))
    # A third of a turn about (1, 1, 1) takes x to y, y to z and z to x.
    (folder / "groundtruth.txt").write_text(
        "# timestamp tx ty tz qx qy qz qw\n1.01 1 2 3 0.5 0.5 0.5 0.5\n1.05 4 5 6 0 0 0 1\n"
    )


def test_tum_folder_is_associated_by_time(tmp_path: Path) -> None:
    folder = tmp_path / "rgbd_dataset_freiburg3_own"
    write_tum(folder)
    data = TumFolder(folder, Camera(4, 3, 5, 5, 1.5, 1))
    # 1.06 and 1.00 are nearer to 1.05 and 1.012 than 1.03 is; 1.5 has none within 20 ms.
    assert names(data) == ["1.00", "1.06"] and data.problems() == []
    first, last = data.read(0), data.read(1)
    assert (first.stamp_ns, last.stamp_ns) == (1_000_000_000, 1_060_000_000)
    expect_depth(first.depth, 1.0)
    assert first.world_from_camera is not None and last.world_from_camera is not None
    turned = [[0, 0, 1, 1], [1, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(first.world_from_camera, turned, atol=1e-12)
    still = [[1, 0, 0, 4], [0, 1, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]]
    np.testing.assert_allclose(last.world_from_camera, still, atol=1e-12)
    with pytest.raises(SourceError, match="640x480"):
        TumFolder(folder).read(0)  # freiburg3's camera is not that of 4x3 pixels


def test_tum_frames_that_were_lost_are_a_gap(tmp_path: Path) -> None:
    """30 Hz with a little jitter; between the third and the fourth image two are missing."""
    stamps = ["1.000", "1.034", "1.066", "1.167", "1.200"]
    for kind in ("rgb", "depth"):
        lines = "\n".join(f"{stamp} {kind}/{stamp}.png" for stamp in stamps)
        (tmp_path / f"{kind}.txt").write_text(lines)
    data = TumFolder(tmp_path)
    assert [data.neighbour(i, 1) for i in range(5)] == [1, 2, None, 4, None]
    assert data.neighbour(2, 3) == 3


def test_tum_lines_that_say_nothing_are_named(tmp_path: Path) -> None:
    write_tum(tmp_path / "a")
    with (tmp_path / "a/rgb.txt").open("a") as file:
        file.write("1.2\nnan rgb/1.png\nsoon rgb/2.png\n1e9999999 rgb/3.png\n-1 rgb/4.png\n")
    with (tmp_path / "a/groundtruth.txt").open("a") as file:
        file.write("1.07 0 0 0 0 0 0\n")
    (tmp_path / "a/depth/1.05.png").write_bytes(b"")
    data = TumFolder(tmp_path / "a")
    *lines, depth = data.problems()
    assert len(lines) == 6 and all("rgb.txt: line" in line for line in lines[:5])
    assert "groundtruth.txt: line 4" in lines[5] and "depth/1.05.png is empty" in depth
    readings = Readings(data)
    assert [reading.name for reading in readings] == ["1.00"] and readings.skipped == 1
    (tmp_path / "a/groundtruth.txt").write_text("1.01 1 2 3 0 0 0 0\n")
    with pytest.raises(SourceError, match=r"groundtruth\.txt"):
        TumFolder(tmp_path / "a").read(0)


def test_association_takes_the_nearest_pairs_first_and_each_once() -> None:
    # 10 is 1 away from both 9 and 11: the first is taken, 20 gets 11, and 0 nothing.
    assert associate([0, 10, 20], [9, 11, 100], 15) == [(1, 0), (2, 1)]
    assert associate([0, 10], [31], 20) == []
    assert associate([], [1], 20) == []
    assert associate([5], [5], 0) == [(0, 0)]


# Make3D, iBims-1, DIODE


def test_make3d_reads_the_fourth_layer(tmp_path: Path) -> None:
    images, scans = tmp_path / "Test134", tmp_path / "Gridlaserdata"
    scans.mkdir()
    grid = np.zeros((55, 305, 4))
    grid[..., 2], grid[..., 3] = 7, 8
    grid[54, 304, 3], grid[0, 0, 3] = 81, 0
    for name in ("op36-p-282t000", "op36-p-018t000"):
        write_color(images / f"img-{name}.jpg")
        scipy_io.savemat(scans / f"depth_sph_corr-{name}.mat", {"Position3DGrid": grid})
    data = Make3d(images, scans)
    assert names(data) == ["op36-p-018t000", "op36-p-282t000"] and data.problems() == []
    depth = data.read(0).depth
    assert depth is not None and depth.shape == (55, 305)
    assert np.isnan(depth[0, 0]) and depth[54, 304] == 81 and depth[3, 4] == 8
    (scans / "depth_sph_corr-op36-p-018t000.mat").unlink()
    scipy_io.savemat(scans / "depth_sph_corr-op36-p-282t000.mat", {"Position3DGrid": grid[0]})
    (line,) = data.problems()
    assert "018t000.mat is missing" in line
    readings = Readings(data)
    assert list(readings) == [] and readings.skipped == 2


def ibims_struct() -> dict[str, npt.NDArray[Any]]:
    """A floor 0.5 m below the camera and a wall 4 m ahead, by the evaluation's own formulas.

    Pixels c, r count from 1; x = (c - cx) d / fx, y = d, z = -(r - cy) d / fy.
    """
    fx, fy, cx, cy, height, width = 40.0, 50.0, 16.5, 12.0, 24, 32
    rows = np.arange(1, height + 1)[:, None] + np.zeros((1, width))
    with np.errstate(divide="ignore"):
        floor_depth = np.where(rows > cy, 0.5 * fy / (rows - cy), np.inf)
    depth, floor = np.minimum(floor_depth, 4), floor_depth < 4
    depth[0, 0] = 0
    invalid, transparent = np.ones((2, height, width), np.uint8)
    invalid[1, 2], transparent[3, 4] = 0, 0  # 0 marks what is bad
    calib = np.array([[fx, 0, 0], [0, fy, 0], [cx, cy, 1]])  # K transposed
    wall = np.where(floor, 0, 1).astype(np.uint8)
    wall[:, :5] *= 2
    paras = np.zeros((2, 8))
    paras[:, 4:7] = (0, -1, 0)  # towards the camera, which looks along y
    up = np.zeros((1, 8))
    up[0, 6] = 2
    return {
        "rgb": np.full((height, width, 3), (1, 2, 3), np.uint8),
        "depth": depth,
        "edges": (rows == 20).astype(np.uint8),
        "calib": calib,
        "mask_invalid": invalid,
        "mask_transp": transparent,
        "mask_floor": floor.astype(np.uint8),
        "mask_floor_paras": up,
        "mask_wall": wall,
        "mask_wall_paras": paras,
        "mask_table": np.zeros((height, width), np.uint8),
        "mask_table_paras": np.zeros((0, 0)),
    }


def test_ibims_camera_masks_and_planes(tmp_path: Path) -> None:
    for name in ("livingroom_01", "corridor_02"):
        scipy_io.savemat(tmp_path / f"{name}.mat", {"data": ibims_struct()})
    assert names(Ibims(tmp_path)) == ["corridor_02", "livingroom_01"]
    (tmp_path / "imagelist.txt").write_text("livingroom_01\ncorridor_02\n")
    data = Ibims(tmp_path)
    assert names(data) == ["livingroom_01", "corridor_02"] and data.problems() == []
    reading = data.read(0)
    assert reading.image[5, 6].tolist() == [1, 2, 3]
    assert set(reading.masks) == {"edges", "valid", "floor_1", "wall_1", "wall_2"}
    assert reading.masks["edges"].sum() == 32 and reading.masks["edges"][19].all()
    bad = [tuple(pixel) for pixel in np.argwhere(~reading.masks["valid"]).tolist()]
    assert bad == [(0, 0), (1, 2), (3, 4)]
    depth, camera = reading.depth, reading.camera
    assert depth is not None and camera is not None
    np.testing.assert_array_equal(np.isnan(depth), ~reading.masks["valid"])
    rows, columns = np.indices(depth.shape)  # from 0, as everywhere here
    points = (
        np.stack(
            [
                (columns - camera.cx) / camera.fx,
                (rows - camera.cy) / camera.fy,
                np.ones(depth.shape),
            ],
            axis=-1,
        )
        * depth.astype(np.float64)[..., None]
    )
    np.testing.assert_allclose(points[reading.masks["floor_1"]][:, 1], 0.5, rtol=1e-6)
    # Column 21 counted from 1 lies (21 - 16.5) / 40 to the right at 1 m.
    assert points[5, 20, 0] / points[5, 20, 2] == pytest.approx(4.5 / 40)
    assert not reading.masks["wall_1"][:, :5].any() and reading.masks["wall_2"][2, :5].all()
    planes = {plane.name: plane.normal for plane in data.planes(0)}
    assert set(planes) == {"floor_1", "wall_1", "wall_2"}
    np.testing.assert_allclose(planes["floor_1"], (0, -1, 0))  # up is -y in optical axes
    np.testing.assert_allclose(planes["wall_2"], (0, 0, -1))
    for name, normal in planes.items():
        assert np.nanstd(points[reading.masks[name]] @ normal) < 1e-6


def test_ibims_files_that_say_too_little_are_named(tmp_path: Path) -> None:
    whole = ibims_struct()
    fields = dict(whole)
    del fields["mask_transp"]
    scipy_io.savemat(tmp_path / "a.mat", {"data": fields})
    scipy_io.savemat(tmp_path / "b.mat", {"data": {**whole, "depth": np.zeros((2, 2))}})
    scipy_io.savemat(tmp_path / "c.mat", {"data": {**whole, "calib": np.zeros((3, 3))}})
    scipy_io.savemat(tmp_path / "d.mat", {"data": 3})
    scipy_io.savemat(tmp_path / "e.mat", {"data": whole}, do_compression=True)
    content = bytearray((tmp_path / "e.mat").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "e.mat").write_bytes(bytes(content))
    data = Ibims(tmp_path)
    for index, text in enumerate((r"a\.mat.*mask_transp", r"depth of .*b\.mat", r"c\.mat")):
        with pytest.raises(SourceError, match=text):
            data.read(index)
    readings = Readings(data)
    assert list(readings) == [] and readings.skipped == 5
    assert "e.mat" in readings.last_error


def test_diode_depth_and_mask(tmp_path: Path) -> None:
    scan = tmp_path / "indoors/scene_00019/scan_00183"
    for name in ("00019_00183_indoors_000_010", "00019_00183_indoors_010_010"):
        write_color(scan / f"{name}.png", 1024, 768)
        depth = np.full((768, 1024, 1), 3.25, np.float32)
        mask = np.ones((768, 1024), np.float32)
        depth[0, 0], mask[5, 6] = 0, 0
        np.save(scan / f"{name}_depth.npy", depth)
        np.save(scan / f"{name}_depth_mask.npy", mask)
    data = Diode(tmp_path)
    assert len(data) == 2 and data.problems() == []
    reading = data.read(0)
    prefix = "indoors/scene_00019/scan_00183/"
    assert reading.name == prefix + "00019_00183_indoors_000_010"
    assert reading.depth is not None and reading.depth[4, 6] == 3.25
    unknown = np.argwhere(np.isnan(reading.depth)).tolist()
    assert unknown == [[0, 0], [5, 6]]
    assert np.argwhere(~reading.masks["valid"]).tolist() == [[5, 6]]
    assert reading.camera == PUBLISHED and Diode(tmp_path, None).read(0).camera is None
    path = scan / "00019_00183_indoors_010_010_depth.npy"
    path.write_bytes(path.read_bytes()[:-4])
    (line,) = data.problems()
    assert path.name in line
    readings = Readings(data)
    assert len(list(readings)) == 1 and readings.skipped == 1


@pytest.mark.parametrize("kind", [Diode, Ibims, NyuFrames, NyuFolder, ScanNetFolder, TumFolder])
def test_an_empty_folder_is_an_error(tmp_path: Path, kind: Callable[[Path], DataSet]) -> None:
    with pytest.raises(SourceError, match=tmp_path.name):
        kind(tmp_path)


def test_an_index_outside_is_an_error(tmp_path: Path) -> None:
    write_scannet(tmp_path / "a")
    for index in (-1, 3):
        with pytest.raises(SourceError, match="frame of a"):
            ScanNetFolder(tmp_path / "a").read(index)
