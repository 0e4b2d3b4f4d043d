# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI, Cityscapes and Virtual KITTI: files in their formats, with values known by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.training.data.readers import Readings
from depth_ros.training.data.readers.cityscapes import Cityscapes
from depth_ros.training.data.readers.kitti import (
    KittiDepthSelection,
    KittiOdometry,
    KittiRaw,
    KittiStereo2015,
    Listed,
    drive_frames,
    improved_frames,
    read_split,
    sequence_frames,
)
from depth_ros.training.data.readers.velodyne import (
    project_scan,
    project_scan_monodepth2,
    read_scan,
)
from depth_ros.training.data.readers.vkitti import VirtualKitti2

WIDTH, HEIGHT = 64, 48
DRIVE = "2011_09_26/2011_09_26_drive_0002_sync"
K = np.array([[100.0, 0, 30], [0, 100, 20], [0, 0, 1]])
CAMERA_FROM_LIDAR = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # x right = -y left, ...
LEFT_T, RIGHT_T = (0.06, 0.0, 0.002), (-0.47, 0.0, 0.002)  # camera from rect0: 0.53 m apart


def write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def picture(level: int, width: int = WIDTH) -> np.ndarray:
    """RGB with three different channels."""
    return np.broadcast_to(np.uint8([level, 10, 200]), (HEIGHT, width, 3)).copy()


def write_depth(path: Path, row: int, column: int, value: int) -> None:
    raw = np.zeros((HEIGHT, WIDTH), np.uint16)
    raw[row, column] = value
    write_png(path, raw)


def words(values: object) -> str:
    return " ".join(f"{x:.12e}" for x in np.ravel(values))


def projection(t: tuple[float, ...]) -> np.ndarray:
    return np.hstack([K, K @ np.array(t)[:, None]])


def write_scan(path: Path, points: list[tuple[float, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.array([(*p, 0.5) for p in points], "<f4").tofile(path)


def lidar_point(column: float, row: float, depth: float) -> tuple[float, float, float]:
    """The point that K [I | 0] sees there."""
    return depth, -(column - 30) * depth / 100, -(row - 20) * depth / 100


def write_raw(root: Path, count: int = 3) -> Path:
    """A drive north, 10 m a frame; at the last frame the car has turned left by 90 degrees."""
    day, drive = (root / DRIVE).parent, root / DRIVE
    drive.mkdir(parents=True)
    cam = "calib_time: 09-Jan-2012 13:57:47\n" + f"S_rect_02: {words((WIDTH, HEIGHT))}\n"
    cam += f"R_rect_00: {words(np.eye(3))}\n"
    cam += f"P_rect_02: {words(projection(LEFT_T))}\nP_rect_03: {words(projection(RIGHT_T))}\n"
    (day / "calib_cam_to_cam.txt").write_text(cam)
    velo = f"R: {words(CAMERA_FROM_LIDAR)}\nT: {words((0, 0, 0))}\n"
    (day / "calib_velo_to_cam.txt").write_text(velo)
    (day / "calib_imu_to_velo.txt").write_text(f"R: {words(np.eye(3))}\nT: {words((-1, 0, 0))}\n")
    for i in range(count):
        write_png(drive / f"image_02/data/{i:010d}.png", picture(20 * i))
        write_png(drive / f"image_03/data/{i:010d}.png", picture(20 * i + 1))
        write_scan(drive / f"velodyne_points/data/{i:010d}.bin", [(10.0, -1.0, 0.5)])
        latitude = 49 + math.degrees(10 * i / 6378137)
        yaw = math.pi / 2 * (1 if i < count - 1 else 2)
        (drive / "oxts/data").mkdir(parents=True, exist_ok=True)
        oxts = words((latitude, 8.4, 110, 0, 0, yaw, *[0] * 24))
        (drive / f"oxts/data/{i:010d}.txt").write_text(oxts)
    stamps = [f"2011-09-26 13:02:{25 + i}.964389445" for i in range(count)]
    (drive / "image_02/timestamps.txt").write_text("\n".join(stamps) + "\n")
    return root


def test_raw_frame(tmp_path: Path) -> None:
    root = write_raw(tmp_path)
    data = KittiRaw(root, drive_frames(root, DRIVE))
    assert len(data) == 3 and data.problems() == []
    reading = data.read(1)
    np.testing.assert_array_equal(reading.image, picture(20))
    assert reading.right is not None and reading.depth is not None and reading.camera is not None
    np.testing.assert_array_equal(reading.right, picture(21))
    assert reading.baseline_m == pytest.approx(0.53, abs=1e-9)
    c = reading.camera
    assert (c.width, c.height, c.fx, c.fy, c.cx, c.cy) == (64, 48, 100, 100, 30, 20)
    # 2011-09-26 13:02:26 UTC is 1317042146 s after 1970
    assert reading.stamp_ns == 1_317_042_146_964_389_445
    # The point is at (1.06, -0.5, 10.002) of camera 2: column 40.6, row 15.0
    assert np.isfinite(reading.depth).sum() == 1
    assert reading.depth[15, 41] == pytest.approx(10.002, abs=1e-5)
    quirky = KittiRaw(root, data.frames, "lidar_monodepth2").read(1).depth
    assert quirky is not None and quirky[14, 40] == pytest.approx(10.002, abs=1e-5)


def test_raw_right_camera_is_its_own(tmp_path: Path) -> None:
    root = write_raw(tmp_path)
    reading = KittiRaw(root, [Listed(DRIVE, 0, "r")]).read(0)
    np.testing.assert_array_equal(reading.image, picture(1))
    assert reading.right is None and reading.baseline_m is None and reading.depth is not None
    # (1 - 0.47, -0.5, 10.002): column 35.3, row 15.0
    assert reading.depth[15, 35] == pytest.approx(10.002, abs=1e-5)


def test_raw_poses(tmp_path: Path) -> None:
    root = write_raw(tmp_path)
    data = KittiRaw(root, drive_frames(root, DRIVE))
    poses = [data.read(i).world_from_camera for i in range(3)]
    np.testing.assert_allclose(poses[0], np.eye(4), atol=1e-9)
    straight, turned = poses[1], poses[2]
    assert straight is not None and turned is not None
    np.testing.assert_allclose(straight[:3, :3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(straight[:3, 3], (0, 0, 10), atol=1e-4)
    np.testing.assert_allclose(turned[:3, 2], (-1, 0, 0), atol=1e-9)  # looks left
    np.testing.assert_allclose(turned[:3, 1], (0, 1, 0), atol=1e-9)
    # Camera 2 is at (0.998, 0.06) of the imu, after the turn at (-0.06, 0.998): it has moved by
    # -1.058 forward and 0.938 to the left, beside the 20 m of the drive.
    np.testing.assert_allclose(turned[:3, 3], (-0.938, 0, 20 - 1.058), atol=1e-4)


def test_eastward_drive_is_scaled_by_latitude(tmp_path: Path) -> None:
    root = write_raw(tmp_path, 2)
    for i in range(2):
        longitude = 8.4 + math.degrees(i / (6378137 * math.cos(math.radians(49))))
        file = root / DRIVE / f"oxts/data/{i:010d}.txt"
        file.write_text(words((49, longitude, 110 + i, 0, 0, 0)))
    pose = KittiRaw(root, drive_frames(root, DRIVE)).read(1).world_from_camera
    assert pose is not None
    np.testing.assert_allclose(pose[:3, 3], (0, -1, 1), atol=1e-6)  # up is -y


def test_improved_truth_in_both_trees(tmp_path: Path) -> None:
    root, frames = write_raw(tmp_path / "raw"), [Listed(DRIVE, 1)]
    file = "proj_depth/groundtruth/image_02/0000000001.png"
    write_depth(root / DRIVE / file, 3, 4, 2560)
    own = tmp_path / "depth"
    write_depth(own / "val/2011_09_26_drive_0002_sync" / file, 3, 4, 5120)
    sparse = "proj_depth/velodyne_raw/image_02/0000000001.png"
    write_depth(own / "val/2011_09_26_drive_0002_sync" / sparse, 3, 4, 5121)
    inside = KittiRaw(root, frames, "improved").read(0).depth
    apart = KittiRaw(root, improved_frames(own, "val"), "improved", improved_root=own)
    outside = apart.read(0).depth
    assert apart.frames == frames and apart.problems() == []
    assert inside is not None and outside is not None
    assert inside[3, 4] == 10 and outside[3, 4] == 20
    assert apart.sparse(0)[3, 4] == 5121 / 256
    assert np.isfinite(outside).sum() == 1


def test_broken_frames_are_skipped_counted_and_named(tmp_path: Path) -> None:
    root = write_raw(tmp_path, 5)
    drive = root / DRIVE
    data = KittiRaw(root, drive_frames(root, DRIVE))
    (drive / "image_02/data/0000000001.png").unlink()
    scan = drive / "velodyne_points/data/0000000002.bin"
    scan.write_bytes(scan.read_bytes()[:-3])
    half = drive / "image_03/data/0000000003.png"
    half.write_bytes(half.read_bytes()[:-20])
    for index, name in ((1, "0000000001.png"), (2, "0000000002.bin"), (3, "image_03/data/00000")):
        with pytest.raises(SourceError, match=name):
            data.read(index)
    readings = Readings(data)
    assert [r.image[0, 0, 0] for r in readings] == [0, 80] and readings.skipped == 3
    found = data.problems()
    assert len(found) == 3
    assert any("0000000002.bin" in line for line in found)
    assert any("image_02/data/0000000001.png" in line for line in found)
    assert any("image_03/data/0000000003.png" in line for line in found)
    with pytest.raises(SourceError, match="kitti_raw"):
        data.read(5)


def test_calibration_errors_name_key_and_file(tmp_path: Path) -> None:
    root = write_raw(tmp_path)
    file = (root / DRIVE).parent / "calib_cam_to_cam.txt"
    file.write_text(file.read_text().replace("P_rect_02", "P_rect_xx"))
    data = KittiRaw(root, [Listed(DRIVE, 0), Listed(DRIVE, 1)])
    with pytest.raises(SourceError, match=r"P_rect_02 in .*calib_cam_to_cam\.txt"):
        data.read(0)
    assert len(data.problems()) == 1 and "P_rect_02" in data.problems()[0]
    (file.parent / "calib_velo_to_cam.txt").unlink()
    file.write_text(file.read_text().replace("P_rect_xx", "P_rect_02"))
    with pytest.raises(SourceError, match=r"calib_velo_to_cam\.txt"):
        data.read(0)
    alone = KittiRaw(root, data.frames, "none")
    np.testing.assert_array_equal(alone.read_frame(Listed(DRIVE, 2)).image, picture(40))
    assert alone.problems() == [] and alone.read(0).world_from_camera is None


def test_splits(tmp_path: Path) -> None:
    file = tmp_path / "test_files.txt"
    file.write_text(f"{DRIVE} 0000000069 l\n{DRIVE} 473 r\n\n9 0 l\nimage 7\n")
    assert read_split(file) == [
        Listed(DRIVE, 69, "l"),
        Listed(DRIVE, 473, "r"),
        Listed("9", 0, "l"),
        Listed("image", 7, "l"),
    ]
    for bad in (f"{DRIVE} 69 x", DRIVE, f"{DRIVE} l 69", "../up 1 l", "/etc 1 l"):
        file.write_text(f"{DRIVE} 1 l\n{bad}\n")
        with pytest.raises(SourceError, match=r"line 2 of .*test_files.txt"):
            read_split(file)


def project(points: list[tuple[float, ...]], *, monodepth2: bool = False) -> np.ndarray:
    scan = np.array([(*p, 0) for p in points], np.float32)
    matrix = K @ np.hstack([CAMERA_FROM_LIDAR, np.zeros((3, 1))])
    function = project_scan_monodepth2 if monodepth2 else project_scan
    return function(scan, matrix, WIDTH, HEIGHT)


def test_scan_keeps_the_nearest_and_what_is_in_front() -> None:
    ahead = [lidar_point(40, 15, 5), lidar_point(40.4, 14.6, 9), lidar_point(0, 0, 7)]
    behind = [tuple(-x for x in lidar_point(10, 10, 4)), (0.0, 0.0, 0.0)]
    outside = [lidar_point(63.6, 5, 3), lidar_point(5, -0.6, 3), (math.nan, 0.0, 0.0)]
    depth = project([*ahead, *behind, *outside])
    assert depth.dtype == np.float32 and np.isfinite(depth).sum() == 2
    assert depth[15, 40] == 5 and depth[0, 0] == 7


def test_monodepth2_quirks() -> None:
    def at(column: float, row: float, depth: float) -> tuple[float, float, float]:
        return lidar_point(column + 1, row + 1, depth)  # pixels are one less

    same = project([at(40, 15, 5), at(40, 15, 9)], monodepth2=True)
    assert same[15, 40] == 5 and np.isfinite(same).sum() == 1
    # The last pixel of row 7 and the first of row 8 share a key: the first point's gets the least.
    ends = [at(63, 7, 20), at(0, 8, 5)]
    assert project(ends, monodepth2=True)[7, 63] == 5
    assert project(ends, monodepth2=True)[8, 0] == 5
    shifted = [lidar_point(63, 7, 20), lidar_point(0, 8, 5)]
    assert project(shifted)[7, 63] == 20 and project(shifted)[8, 0] == 5
    # In front of the camera, but behind the lidar's x = 0.
    matrix = K @ np.hstack([CAMERA_FROM_LIDAR, [[0], [0], [0.3]]])
    scan = np.array([[-0.1, 0, 0, 0]], np.float32)
    assert project_scan(scan, matrix, WIDTH, HEIGHT)[20, 30] == pytest.approx(0.2)
    assert np.isnan(project_scan_monodepth2(scan, matrix, WIDTH, HEIGHT)).all()


def test_scans_agree_with_plain_loops() -> None:
    """5000 points on 3072 pixels: each point written one after the other, in pure Python."""
    rng = np.random.default_rng(3)
    points = [
        lidar_point(*at) for at in rng.uniform((-5, -5, 2), (WIDTH + 5, HEIGHT + 5, 60), (5000, 3))
    ]
    points = [tuple(map(float, np.float32(p))) for p in points]
    nearest: dict[tuple[int, int], float] = {}
    quirky: dict[tuple[int, int], float] = {}
    groups: dict[int, list[tuple[tuple[int, int], float]]] = {}
    for x, y, z in points:
        u, v = 30 - 100 * y / x, 20 - 100 * z / x
        pixel = math.floor(v + 0.5), math.floor(u + 0.5)
        if 0 <= pixel[0] < HEIGHT and 0 <= pixel[1] < WIDTH:
            nearest[pixel] = min(x, nearest.get(pixel, math.inf))
        pixel = round(v) - 1, round(u) - 1
        if 0 <= pixel[0] < HEIGHT and 0 <= pixel[1] < WIDTH:
            quirky[pixel] = x
            key = pixel[0] * (WIDTH - 1) + pixel[1] - 1
            groups.setdefault(key, []).append((pixel, x))
    for group in groups.values():
        if len(group) > 1:
            quirky[group[0][0]] = min(x for _, x in group)
    for truth, depth in ((nearest, project(points)), (quirky, project(points, monodepth2=True))):
        expected = np.full((HEIGHT, WIDTH), np.nan, np.float32)
        for pixel, x in truth.items():
            expected[pixel] = x
        np.testing.assert_array_equal(depth, expected)
    assert len(quirky) > 2000


def test_scan_file(tmp_path: Path) -> None:
    write_scan(tmp_path / "a.bin", [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)])
    np.testing.assert_array_equal(read_scan(tmp_path / "a.bin")[1], (4, 5, 6, 0.5))
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(SourceError, match=r"b\.bin"):
        read_scan(tmp_path / "b.bin")


def write_odometry(root: Path) -> Path:
    folder = root / "sequences/09"
    offsets = ((0, 0, 0), (-0.53, 0, 0), LEFT_T, RIGHT_T)
    for number in range(4):
        for i in range(2):
            write_png(folder / f"image_{number}/{i:06d}.png", picture(10 * number + i))
    lines = [f"P{i}: {words(projection(t))}" for i, t in enumerate(offsets)]
    tr = np.hstack([CAMERA_FROM_LIDAR, [[0], [0], [-0.3]]])
    (folder / "calib.txt").write_text("\n".join([*lines, f"Tr: {words(tr)}"]) + "\n")
    (folder / "times.txt").write_text("0.000000e+00\n1.037540e-01\n")
    write_scan(folder / "velodyne/000001.bin", [(10.3, -1.0, 0.5)])
    left = np.array([[0.0, 0, -1, 5], [0, 1, 0, 0], [1, 0, 0, 7]])  # turned left
    (root / "poses").mkdir()
    (root / "poses/09.txt").write_text(f"{words(np.eye(4)[:3])}\n{words(left)}\n")
    return root


def test_odometry(tmp_path: Path) -> None:
    root = write_odometry(tmp_path)
    data = KittiOdometry(root, [Listed("9", 1, "l")], lidar=True)
    reading = data.read(0)
    assert data.problems() == [] and reading.stamp_ns == 103_754_000
    np.testing.assert_array_equal(reading.image, picture(21))
    np.testing.assert_array_equal(reading.right, picture(31))
    assert reading.baseline_m == pytest.approx(0.53, abs=1e-9)
    assert reading.depth is not None and reading.world_from_camera is not None
    assert reading.depth[15, 41] == pytest.approx(10.002, abs=1e-5)
    # Camera 2 is at (-0.06, 0, -0.002) of camera 0, which stands at (5, 0, 7), turned left:
    # its x is the world's z, its z the world's -x.
    np.testing.assert_allclose(reading.world_from_camera[:3, 3], (5.002, 0, 6.94), atol=1e-9)
    grey = KittiOdometry(root, sequence_frames(root, "09", grey=True), grey=True).read(1)
    np.testing.assert_array_equal(grey.image, picture(1))
    assert grey.world_from_camera is not None and grey.depth is None
    np.testing.assert_allclose(grey.world_from_camera[:3, 3], (5, 0, 7), atol=1e-12)


def test_odometry_without_poses_or_frames(tmp_path: Path) -> None:
    root = write_odometry(tmp_path)
    (root / "poses/09.txt").rename(root / "poses/11.txt")
    assert KittiOdometry(root, [Listed("09", 0)]).read(0).world_from_camera is None
    missing = KittiOdometry(root, [Listed("09", 7)], stereo=False)
    assert len(missing.problems()) == 1 and "image_2/000007.png" in missing.problems()[0]
    with pytest.raises(SourceError, match="sequences/12/image_2"):
        sequence_frames(root, "12")


def test_depth_selection(tmp_path: Path) -> None:
    stem = "2011_09_26_drive_0002_sync_{}_0000000005_image_02"
    write_png(tmp_path / "image" / f"{stem.format('image')}.png", picture(9))
    for kind, value in (("groundtruth_depth", 2560), ("velodyne_raw", 2561)):
        write_depth(tmp_path / kind / f"{stem.format(kind)}.png", 1, 2, value)
    lens = tmp_path / "intrinsics" / f"{stem.format('image')}.txt"
    lens.parent.mkdir()
    lens.write_text(words(K))
    data = KittiDepthSelection(tmp_path)
    reading = data.read(0)
    assert data.problems() == [] and reading.depth is not None and reading.camera is not None
    assert reading.depth[1, 2] == 10 and data.sparse(0)[1, 2] == 2561 / 256
    assert (reading.camera.fx, reading.camera.cx, reading.camera.cy) == (100, 30, 20)


def write_stereo2015(root: Path, width: int = WIDTH) -> Path:
    write_png(root / "image_2/000003_10.png", picture(2, width))
    write_png(root / "image_2/000003_11.png", picture(2, width))  # the next frame, of no use here
    write_png(root / "image_3/000003_10.png", picture(3, width))
    for name, columns in (("disp_occ_0", (4, 5)), ("disp_noc_0", (4,))):
        raw = np.zeros((HEIGHT, width), np.uint16)
        raw[6, list(columns)] = 2560
        write_png(root / name / "000003_10.png", raw)
    objects = np.zeros((HEIGHT, width), np.uint8)
    objects[6, 5] = 1
    write_png(root / "obj_map/000003_10.png", objects)
    return root


def test_stereo_2015(tmp_path: Path) -> None:
    root = write_stereo2015(tmp_path)
    file = root / "calib_cam_to_cam/000003.txt"
    file.parent.mkdir()
    projections = projection(LEFT_T), projection(RIGHT_T)
    file.write_text(f"P_rect_02: {words(projections[0])}\nP_rect_03: {words(projections[1])}\n")
    data = KittiStereo2015(root)
    reading = data.read(0)
    assert len(data) == 1 and data.problems() == []
    assert reading.disparity is not None and reading.depth is not None
    assert reading.disparity[6, 4] == 10 and np.isfinite(reading.disparity).sum() == 2
    assert reading.depth[6, 4] == pytest.approx(100 * 0.53 / 10)
    assert np.isnan(reading.depth[0, 0]) and reading.camera is not None
    assert reading.masks["noc"].sum() == 1 and reading.masks["noc"][6, 4]
    assert reading.masks["foreground"].sum() == 1 and reading.masks["foreground"][6, 5]
    write_png(root / "disp_occ_0/000003_10.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    assert "disp_occ_0/000003_10.png" in data.problems()[0]
    with pytest.raises(SourceError, match=r"disp_occ_0/000003_10\.png"):
        data.read(0)


def test_stereo_2015_without_calibration_is_monodepths(tmp_path: Path) -> None:
    reading = KittiStereo2015(write_stereo2015(tmp_path / "a", 1242)).read(0)
    assert reading.camera is None and reading.depth is not None
    assert reading.depth[6, 4] == pytest.approx(721.5377 * 0.54 / 10)
    with pytest.raises(SourceError, match="focal length"):
        KittiStereo2015(write_stereo2015(tmp_path / "b")).read(0)


def test_cityscapes(tmp_path: Path) -> None:
    stem = "train/aachen/aachen_000000_000019"
    write_png(tmp_path / f"leftImg8bit/{stem}_leftImg8bit.png", picture(1))
    write_png(tmp_path / f"rightImg8bit/{stem}_rightImg8bit.png", picture(2))
    raw = np.zeros((HEIGHT, WIDTH), np.uint16)
    raw[0, 1], raw[0, 2] = 2561, 1
    write_png(tmp_path / f"disparity/{stem}_disparity.png", raw)
    lens = tmp_path / f"camera/{stem}_camera.json"
    lens.parent.mkdir(parents=True)
    intrinsic = {"fx": 2262.52, "fy": 2265.3, "u0": 1096.98, "v0": 513.137}
    lens.write_text(json.dumps({"extrinsic": {"baseline": 0.2}, "intrinsic": intrinsic}))
    data = Cityscapes(tmp_path)
    reading = data.read(0)
    assert data.problems() == [] and reading.name == "aachen_000000_000019"
    assert reading.disparity is not None and reading.depth is not None
    np.testing.assert_array_equal(reading.disparity[0, :3], (np.nan, 10, 0))
    assert reading.depth[0, 1] == pytest.approx(45.2504)
    assert np.isfinite(reading.depth).sum() == 1  # disparity 0 is infinitely far
    assert reading.camera is not None and reading.camera.cy == 513.137
    np.testing.assert_array_equal(reading.right, picture(2))
    lens.write_text("{}")
    with pytest.raises(SourceError, match=r"_camera\.json"):
        data.read(0)
    for name in ("aachen_000000_000020", "aachen_000001_000021"):  # the second is another drive
        write_png(tmp_path / f"leftImg8bit/train/aachen/{name}_leftImg8bit.png", picture(1))
    assert [Cityscapes(tmp_path).neighbour(i, 1) for i in range(3)] == [1, None, None]


def test_virtual_kitti(tmp_path: Path) -> None:
    folder = tmp_path / "Scene01/clone"
    raw = np.full((HEIGHT, WIDTH), 65535, np.uint16)
    raw[1, 2] = 1234
    intrinsic, extrinsic = "frame cameraID K[0,0] ...\n", "frame cameraID r1,1 ...\n"
    camera_from_world = np.array([[0.0, 0, 1, 3], [0, 1, 0, 0], [-1, 0, 0, 2], [0, 0, 0, 1]])
    for camera in (0, 1):
        write_png(folder / f"frames/rgb/Camera_{camera}/rgb_00000.jpg", picture(100))
        write_png(folder / f"frames/depth/Camera_{camera}/depth_00000.png", raw)
        intrinsic += f"0 {camera} 725.0087 725.0087 620.5 187\n"
        moved = camera_from_world.copy()
        moved[0, 3] -= 0.532725 * camera
        extrinsic += f"0 {camera} {words(moved)}\n"
    (folder / "intrinsic.txt").write_text(intrinsic)
    (folder / "extrinsic.txt").write_text(extrinsic)
    data = VirtualKitti2(folder)
    reading = data.read(0)
    assert data.problems() == [] and reading.depth is not None and reading.camera is not None
    assert reading.depth[1, 2] == pytest.approx(12.34) and np.isfinite(reading.depth).sum() == 1
    assert (reading.camera.fx, reading.camera.cx) == (725.0087, 620.5)
    assert reading.baseline_m == pytest.approx(0.532725) and reading.right is not None
    # p_world = R^T (p - t) with p = 0: -(R^T) (3, 0, 2) = (2, 0, -3)
    assert reading.world_from_camera is not None
    np.testing.assert_allclose(reading.world_from_camera[:3, 3], (2, 0, -3), atol=1e-9)
    other = VirtualKitti2(folder, camera=1).read(0)
    assert other.right is None and other.baseline_m is None
    for number in (1, 3):
        write_png(folder / f"frames/rgb/Camera_1/rgb_{number:05d}.jpg", picture(100))
    assert [VirtualKitti2(folder, camera=1).neighbour(i, 1) for i in range(3)] == [1, None, None]
    (folder / "frames/depth/Camera_0/depth_00000.png").unlink()
    assert len(data.problems()) == 1 and "depth_00000.png" in data.problems()[0]
