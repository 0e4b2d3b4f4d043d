# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Folders, stereo folders, videos and bags as data sets: real files, and files written here."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.sources import Item, Source
from depth_ros.sources.source import make_frame
from depth_ros.training.data.readers import Reading, Readings
from depth_ros.training.data.readers.bag import Bag, StereoBag, pair_stamps
from depth_ros.training.data.readers.recorded import Recorded
from depth_ros.training.data.readers.stereo_folder import StereoFolder
from depth_ros.training.data.readers.uniform import Uniform
from depth_ros.training.data.readers.video import Video

DataDir = Callable[[str], Path]
WIDTH, HEIGHT, FOCAL = 64, 48, 60.0


def picture(level: int) -> np.ndarray:
    """RGB with three different channels."""
    return np.broadcast_to(np.uint8([level, 10, 200]), (HEIGHT, WIDTH, 3)).copy()


def write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_uniform(folder: Path, count: int = 4, **meta: object) -> Path:
    for i in range(count):
        write_png(folder / f"rgb/{i:06d}.png", picture(20 * i))
        depth = np.zeros((HEIGHT, WIDTH), np.uint16)
        depth[1, 2] = 1500 + i
        write_png(folder / f"depth/{i:06d}.png", depth)
    known = {"fx": FOCAL, "fy": FOCAL, "cx": 31.5, "cy": 23.5, "width": WIDTH, "height": HEIGHT}
    known |= {"fps": 10, "frames": count, "depth": "uint16 PNG, 0 = no value, unit mm", **meta}
    (folder / "meta.json").write_text(json.dumps(known))
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 2, 3] = np.arange(count)
    np.savetxt(folder / "poses.txt", poses.reshape(count, 16))
    return folder


def test_uniform(tmp_path: Path) -> None:
    data = Uniform(write_uniform(tmp_path / "clip"))
    assert len(data) == 4 and data.problems() == []
    reading = data.read(2)
    np.testing.assert_array_equal(reading.image, picture(40))
    assert reading.depth is not None and reading.camera is not None
    assert reading.depth[1, 2] == pytest.approx(1.502) and np.isfinite(reading.depth).sum() == 1
    assert (reading.camera.fx, reading.camera.cy) == (FOCAL, 23.5)
    assert reading.world_from_camera is not None and reading.world_from_camera[2, 3] == 2
    assert reading.stamp_ns == 200_000_000 and reading.name == "clip 000002"


def test_uniform_names_what_is_broken(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip", frames=9)
    data = Uniform(folder)
    image, depth = folder / "rgb/000001.png", folder / "depth/000003.png"
    image.write_bytes(image.read_bytes()[:60])
    depth.unlink()
    readings = Readings(data)
    assert [r.image[0, 0, 0] for r in readings] == [0, 40] and readings.skipped == 2
    assert "depth/000003.png" in readings.last_error
    with pytest.raises(SourceError, match=r"rgb/000001\.png"):
        data.read(1)
    found = data.problems()
    assert len(found) == 3
    assert "rgb/000001.png" in found[0] and "depth/000003.png" in found[1]
    assert "9 frames, got 4" in found[2]


def test_uniform_without_intrinsics_has_no_camera(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip", fx=None)
    assert Uniform(folder).read(0).camera is None
    with pytest.raises(SourceError, match="no images"):
        Uniform(tmp_path)


def test_uniform_lidar_of_kitti(data_dir: DataDir) -> None:
    folder = data_dir("kitti_raw_lidar_sfnd")
    data = Uniform(folder)
    reading = data.read(40)
    assert len(data) == 78 and data.problems() == []
    assert reading.depth is not None and reading.camera is not None
    raw = cv2.imread(str(folder / "depth/000040.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(np.nan_to_num(reading.depth) * 256, raw)
    assert reading.image.shape == (375, 1242, 3) and reading.camera.fx == 721.5377
    assert reading.stamp_ns == 4_000_000_000
    # Most points are of the road, 1.65 m below the camera: y = (row - cy) z / fy.
    rows, columns = np.nonzero(np.isfinite(reading.depth))
    below = (rows - reading.camera.cy) * reading.depth[rows, columns] / reading.camera.fy
    counts, edges = np.histogram(below, np.arange(0.5, 2.5, 0.1))
    assert edges[counts.argmax()] == pytest.approx(1.6)


def test_uniform_poses_of_kitti(data_dir: DataDir) -> None:
    data = Uniform(data_dir("kitti_odom00_mono"))
    assert len(data) == 1018 and data.read(0).depth is None
    steps = [data.read(i).world_from_camera for i in (900, 901)]
    assert steps[0] is not None and steps[1] is not None
    moved = np.linalg.inv(steps[0]) @ steps[1]
    assert moved[2, 3] > 0.3 and abs(moved[0, 3]) < 0.1 * moved[2, 3]  # forward


def shift(reading: Reading) -> tuple[float, float, int]:
    """Of ORB matches left to right: median column shift, share on the same row, number."""
    assert reading.right is not None
    orb = cv2.ORB_create(2000)
    (a, da), (b, db) = (orb.detectAndCompute(i, None) for i in (reading.image, reading.right))
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(da, db)
    good = [m for m in matches if m.distance < 25]
    moved = np.array([np.subtract(a[m.queryIdx].pt, b[m.trainIdx].pt) for m in good])
    return float(np.median(moved[:, 0])), float(np.mean(np.abs(moved[:, 1]) < 2)), len(good)


@pytest.mark.parametrize(("sequence", "focal"), [("06", 707.0912), ("01", 718.856)])
def test_stereo_of_kitti(data_dir: DataDir, sequence: str, focal: float) -> None:
    data = StereoFolder(data_dir("kitti_odom_stereo") / sequence)
    reading = data.read(20)
    assert len(data) == 51 and data.problems() == []
    assert reading.camera is not None and reading.camera.fx == focal
    assert reading.baseline_m == pytest.approx(0.537, abs=5e-4)
    assert reading.stamp_ns == 2_000_000_000
    columns, level, count = shift(reading)
    assert count > 100 and columns > 3 and level > 0.9
    first, later = data.read(0).world_from_camera, reading.world_from_camera
    assert first is not None and later is not None
    np.testing.assert_allclose(first, np.eye(4), atol=1e-6)
    assert 10 < later[2, 3] < 60  # 2 s of driving


def test_euroc_is_rectified_on_reading(data_dir: DataDir) -> None:
    folder = data_dir("euroc_v101_stereo")
    data = StereoFolder(folder)
    reading = data.read(0)
    assert len(data) == 8 and data.problems() == []
    assert reading.stamp_ns == 1403715273262142976
    assert reading.baseline_m == pytest.approx(0.110, abs=5e-4)  # |T| between the T_BS
    assert reading.camera is not None and reading.camera.is_rectified
    assert (reading.camera.width, reading.camera.height) == (752, 480)
    columns, level, count = shift(reading)
    assert count > 100 and columns > 10 and level > 0.7
    names = [folder / f"cam{i}/1403715273262142976.png" for i in (0, 1)]
    raw = [np.ascontiguousarray(cv2.imread(str(n))) for n in names]
    assert shift(Reading(raw[0], right=raw[1]))[1] < 0.1


def test_stereo_folder_without_partner_or_calibration(tmp_path: Path) -> None:
    for i in range(3):
        write_png(tmp_path / f"image_2/{i:06d}.png", picture(i))
        write_png(tmp_path / f"image_3/{i + 1:06d}.png", picture(100 + i + 1))
    with pytest.raises(SourceError, match=r"calib\.txt"):
        StereoFolder(tmp_path)
    k = "60 0 31.5 {} 0 60 23.5 0 0 0 1 0"
    lines = [f"P{i}: {k.format(x)}" for i, x in enumerate((0, -30, 3, -27))]
    (tmp_path / "calib.txt").write_text("\n".join(lines) + "\n")
    np.savetxt(tmp_path / "poses.txt", [np.eye(4)[:3].ravel() + 0.5 * i for i in range(3)])
    data = StereoFolder(tmp_path)
    assert len(data) == 2 and len(data.problems()) == 2
    reading = data.read(0)
    np.testing.assert_array_equal(reading.image, picture(1))
    np.testing.assert_array_equal(reading.right, picture(101))
    assert reading.baseline_m == pytest.approx(0.5)  # P2 and P3 belong to image_2 and image_3
    assert reading.world_from_camera is not None and reading.world_from_camera[0, 3] == 0.5
    assert [data.neighbour(0, offset) for offset in (-1, 0, 1, 2)] == [None, 0, 1, None]
    (tmp_path / "calib.txt").write_text(lines[1] + "\n" + lines[0].replace("P0", "P1") + "\n")
    with pytest.raises(SourceError, match="P2"):
        StereoFolder(tmp_path)


def test_a_pair_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    """Frame 2 has lost its right image, frame 4 both."""
    for i in range(6):
        for side in (0, 1):
            if i != 4 and (i, side) != (2, 1):
                write_png(tmp_path / f"image_{side}/{i:06d}.png", picture(i))
    k = "60 0 31.5 {} 0 60 23.5 0 0 0 1 0"
    (tmp_path / "calib.txt").write_text(f"P0: {k.format(0)}\nP1: {k.format(-30)}\n")
    data = StereoFolder(tmp_path)
    assert [data.read(i).image[0, 0, 0] for i in range(4)] == [0, 1, 3, 5]
    assert [data.neighbour(i, 1) for i in range(4)] == [1, None, None, None]
    assert data.neighbour(2, 2) == 3


def test_euroc_refuses_what_it_cannot_rectify(data_dir: DataDir, tmp_path: Path) -> None:
    real = data_dir("euroc_v101_stereo")
    for side in ("cam0", "cam1"):
        (tmp_path / side).mkdir()
        for file in sorted((real / side).iterdir())[-2:]:  # an image and sensor.yaml
            shutil.copyfile(file, tmp_path / side / file.name)
    assert len(StereoFolder(tmp_path)) == 1
    lens = tmp_path / "cam1/sensor.yaml"
    good = lens.read_text()
    for old, new, what in (
        ("radial-tangential", "equidistant", r"lens of .*cam1/sensor\.yaml"),
        ("T_BS", "T_XX", r"T_BS in .*cam1/sensor\.yaml"),
        ("intrinsics:", "no:", r"cam1/sensor\.yaml"),
    ):
        lens.write_text(good.replace(old, new))
        with pytest.raises(SourceError, match=what):
            StereoFolder(tmp_path)


def test_video(data_dir: DataDir) -> None:
    file = data_dir("video") / "solidWhiteRight.mp4"
    data = Video(file)
    assert len(data) == 221 and data.problems() == []
    capture, frames = cv2.VideoCapture(str(file)), []
    for _ in range(13):
        frames.append(capture.read()[1][..., ::-1])
    capture.release()
    for index in (3, 12, 12, 5):  # forward, again, back
        reading = data.read(index)
        np.testing.assert_array_equal(reading.image, frames[index])
        assert reading.stamp_ns == round(index * 1e9 / 25)
        assert reading.camera is None and reading.depth is None
    copied = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copied.read(4).image, frames[4])
    with pytest.raises(SourceError, match="221"):
        data.read(221)


def test_video_cut_off(data_dir: DataDir, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(
        str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48)
    )
    for i in range(8):
        writer.write(picture(30 * i)[..., ::-1])
    writer.release()
    whole = (tmp_path / "v.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: whole.rfind(b"\xff\xd8") - 200])
    data = Video(tmp_path / "cut.avi")
    readings = Readings(data)
    assert 1 <= len(list(readings)) < 8
    (tmp_path / "empty.avi").write_bytes(b"")
    with pytest.raises(SourceError, match=r"empty\.avi"):
        Video(tmp_path / "empty.avi")


class Short(Source):
    """Promises eight frames, has three, and counts how often it is started."""

    def __init__(self) -> None:
        super().__init__("short", 10.0, 8, 60.0)
        self.started = 0

    def __iter__(self) -> Iterator[Item]:
        self.started += 1
        for i in range(3):
            yield Item(make_frame(i, picture(i), None, 60.0))


def test_end_of_a_recording_is_not_sought_again_and_again() -> None:
    source = Short()
    readings = Readings(Recorded(source))
    assert [r.stamp_ns for r in readings] == [0, 1, 2]
    assert readings.skipped == 5 and source.started == 1


def write_bag(
    path: Path,
    right_ms: list[int],
    *,
    plugin: str = "MCAP",
    broken: int | None = None,
    cut: int | None = None,
) -> Path:
    """left/image at 0, 100, 200, 300 ms and right/image later by so much; baseline 0.25 m."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    types, prefix = store.types, "sensor_msgs/msg/"
    image_type, info_type = types[f"{prefix}Image"], types[f"{prefix}CameraInfo"]
    roi = types[f"{prefix}RegionOfInterest"](0, 0, 0, 0, False)
    k = np.array([FOCAL, 0, 31.5, 0, FOCAL, 23.5, 0, 0, 1])
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[plugin]) as writer:
        topics = {}
        for side in ("left", "right"):
            for name, kind in (("image", "Image"), ("camera_info", "CameraInfo")):
                topic = f"/{side}/{name}"
                topics[topic] = writer.add_connection(topic, prefix + kind, typestore=store)
        for i, late in enumerate(right_ms):
            for side, ms, tx in (("left", 0, 0.0), ("right", late, -0.25 * FOCAL)):
                ns = 5_000_000_000 + (100 * i + ms) * 1_000_000
                stamp = types["builtin_interfaces/msg/Time"](ns // 10**9, ns % 10**9)
                header = types["std_msgs/msg/Header"](stamp, "camera")
                pixels = picture(10 * i + (side == "right")).ravel()
                bad = broken == i and side == "left"
                message = image_type(
                    header, HEIGHT, WIDTH, "rgb8", 0, 3 * WIDTH, pixels[:9] if bad else pixels
                )
                p = np.array([FOCAL, 0, 31.5, tx, 0, FOCAL, 23.5, 0, 0, 0, 1, 0])
                info = info_type(
                    header, HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p,
                    0, 0, roi,
                )  # fmt: skip
                for topic, content in (
                    (f"/{side}/image", message),
                    (f"/{side}/camera_info", info),
                ):
                    raw = store.serialize_cdr(content, topics[topic].msgtype)
                    if cut == i and topic == "/left/image":
                        raw = raw[:40]
                    writer.write(topics[topic], ns, raw)
    return path


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_stereo_bag(tmp_path: Path, plugin: str) -> None:
    folder = write_bag(tmp_path / "bag", [0, 0, 3, 0], plugin=plugin)
    data = StereoBag(folder, "/left/image", "/right/image")
    assert len(data) == 3 and data.unpaired == 2 and "2 images" in data.problems()[0]
    last = data.read(2)
    np.testing.assert_array_equal(last.image, picture(30))
    np.testing.assert_array_equal(last.right, picture(31))
    assert last.stamp_ns == 5_300_000_000 and last.baseline_m == pytest.approx(0.25)
    assert last.camera is not None and last.camera.fx == FOCAL
    np.testing.assert_array_equal(data.read(0).right, picture(1))  # back to the start
    loose = StereoBag(folder, "/left/image", "/right/image", slop_s=0.005)
    assert len(loose) == 4 and loose.problems() == []
    np.testing.assert_array_equal(loose.read(2).right, picture(21))


@pytest.mark.parametrize("fault", ["broken", "cut"])  # too few pixels, half a message
def test_bag(tmp_path: Path, fault: str) -> None:
    folder = write_bag(tmp_path / "bag", [0, 0, 0, 0], **{fault: 1})
    data = Bag(folder, "/left/image")
    readings = Readings(data)
    levels = [r.image[0, 0, 0] for r in readings]
    assert len(data) == 4 and levels == [0, 20, 30] and readings.skipped == 1
    for index, level in ((3, 30), (2, 20), (0, 0)):
        assert data.read(index).image[0, 0, 0] == level
    for _ in range(2):
        with pytest.raises(SourceError, match=r"image 1 of bag /left/image"):
            data.read(1)
    camera = data.read(2).camera
    assert camera is not None and camera.cx == 31.5
    # In pairs the broken image loses its partner too; the others keep theirs.
    pairs = Readings(StereoBag(folder, "/left/image", "/right/image"))
    found = [(r.image[0, 0, 0], r.right[0, 0, 0]) for r in pairs if r.right is not None]
    assert found == [(0, 1), (20, 21), (30, 31)] and pairs.skipped == 1


def test_stereo_bag_that_never_pairs(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", [3, 3])
    with pytest.raises(SourceError, match=r"0\.003000 s apart.*slop_s"):
        StereoBag(folder, "/left/image", "/right/image")
    with pytest.raises(SourceError, match="no image topic /other"):
        StereoBag(folder, "/left/image", "/other")


def test_pairs_of_stamps() -> None:
    def pairs(left: list[int], right: list[int], slop: int) -> list[tuple[int, int]]:
        return pair_stamps(np.array(left, np.int64), np.array(right, np.int64), slop)

    assert pairs([0, 10, 20], [20, 0, 10], 0) == [(0, 1), (1, 2), (2, 0)]
    assert pairs([0, 10, 20], [12], 2) == [(1, 0)]
    assert pairs([9, 10], [11], 5) == [(1, 0)]  # the nearer one gets it
    assert pairs([0, 10], [4, 6], 3) == []
    assert pairs([], [1], 5) == pairs([1], [], 5) == []
