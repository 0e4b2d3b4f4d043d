# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Sources on real files that the tests write: images, videos and bags."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.errors import SourceError
from depth_ros.sources import open_source

INTRINSICS = {"fx": 60.0, "fy": 61.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}


def picture(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    """RGB whose three channels differ, so that a swap would show."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = level, 10, 200
    return image


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def write_uniform(folder: Path, count: int = 3, **meta: object) -> Path:
    for i in range(count):
        write_image(folder / "rgb" / f"{i:06d}.png", picture(20 * i))
        depth = np.full((48, 64), 1000 + i, np.uint16)
        depth[0, 0] = 0
        (folder / "depth").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "depth" / f"{i:06d}.png"), depth)
    poses = [np.eye(4) for _ in range(count)]
    for i, pose in enumerate(poses):
        pose[:3, 3] = (0.1 * i, 0, 1)
    np.savetxt(folder / "poses.txt", [p.ravel() for p in poses])
    known = {**INTRINSICS, "fps": 10, "depth": "uint16 PNG, 0 = no value, unit mm", **meta}
    (folder / "meta.json").write_text(json.dumps(known))
    return folder


def write_video(path: Path, count: int = 6) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (64, 48))
    assert writer.isOpened()
    for i in range(count):
        writer.write(picture(40 * i)[..., ::-1])
    writer.release()
    return path


def test_uniform_layout_brings_intrinsics_truth_and_rate(tmp_path: Path) -> None:
    source = open_source(str(write_uniform(tmp_path / "clip")))
    items = list(source)
    assert (source.frames, source.rate_hz, source.skipped) == (3, 10, 0)
    assert source.has_depth and source.has_poses and not source.live
    assert [i.frame.stamp_ns for i in items] == [0, 100_000_000, 200_000_000]
    last = items[2]
    np.testing.assert_array_equal(last.frame.image, picture(40))
    assert last.frame.camera_known
    assert (last.frame.camera.fx, last.frame.camera.fy) == (60, 61)
    assert last.depth is not None and last.pose is not None
    assert np.isnan(last.depth[0, 0])
    assert last.depth[1, 1] == pytest.approx(1.002)
    np.testing.assert_allclose(last.pose[:3, 3], (0.2, 0, 1))


def test_start_leaves_images_out(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip", 4)
    source = open_source(str(folder), start=2)
    items = list(source)
    assert source.frames == 2 == len(items) and source.has_depth and source.has_poses
    assert [i.frame.stamp_ns for i in items] == [200_000_000, 300_000_000]
    with pytest.raises(SourceError, match="expected below 4, got 4"):
        open_source(str(folder), start=4)


@pytest.mark.parametrize(
    ("meta", "metres"),
    [
        ({"depth": "unit 1/256 m"}, 1000 / 256),
        ({"depth": "uint16 PNG", "depth_unit_m": 0.01}, 10.0),
        ({"depth": "unit m"}, 1000.0),
    ],
)
def test_depth_unit_is_read_from_meta(
    tmp_path: Path, meta: dict[str, object], metres: float
) -> None:
    item = next(iter(open_source(str(write_uniform(tmp_path / "clip", 1, **meta)))))
    assert item.depth is not None
    assert item.depth[5, 5] == pytest.approx(metres)


def test_depth_without_a_unit_is_refused(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip", depth="PNG")
    with pytest.raises(SourceError, match="depth_unit_m"):
        open_source(str(folder))


def test_poses_must_fit_the_images(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip")
    (folder / "poses.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n")
    with pytest.raises(SourceError, match="expected 3 lines"):
        open_source(str(folder))


def test_plain_folder_counts_numbers_as_numbers_and_guesses_the_camera(tmp_path: Path) -> None:
    for n in (10, 9, 1):
        write_image(tmp_path / f"img{n}.png", picture(n))
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(str(tmp_path), fov_deg=90, rate_hz=5)
    items = list(source)
    assert [int(i.frame.image[0, 0, 0]) for i in items] == [1, 9, 10]
    assert not items[0].frame.camera_known and not source.has_truth
    assert items[0].frame.camera.fx == pytest.approx(32)  # half the width / tan(45 degrees)
    assert items[1].frame.stamp_ns == 200_000_000


def test_half_written_images_are_skipped_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("0.png", "1.png", "2.jpg", "3.jpg"):
        write_image(tmp_path / name, rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    for name in ("1.png", "3.jpg"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    source = open_source(str(tmp_path))
    assert [i.frame.stamp_ns for i in source] == [0, 66_666_667]  # the others keep their time
    assert source.skipped == 2
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes(b"no image")
    with pytest.raises(SourceError, match="none of the 4"):
        list(open_source(str(tmp_path)))


def test_kitti_and_euroc_calibrations_are_read(tmp_path: Path) -> None:
    write_image(tmp_path / "k" / "image_0" / "000000.png", picture(0))
    (tmp_path / "k" / "calib.txt").write_text("P0: 70 0 31 0 0 71 23 0 0 0 1 0\nP1: 0\n")
    (tmp_path / "k" / "poses.txt").write_text("1 0 0 5 0 1 0 6 0 0 1 7\n")
    kitti = open_source(str(tmp_path / "k"))
    item = next(iter(kitti))
    assert (item.frame.camera.fx, item.frame.camera.cy, kitti.rate_hz) == (70, 23, 10)
    assert item.pose is not None and item.pose[2, 3] == 7
    write_image(tmp_path / "e" / "cam0" / "data" / "1.png", picture(0))
    (tmp_path / "e" / "cam0" / "data" / "sensor.yaml").write_text(
        "rate_hz: 20\nresolution: [64, 48]\nintrinsics: [50, 51, 32, 24] #fu\n"
        "distortion_coefficients: [-0.2, 0.1, 0.001, 0.0]\n"
    )
    euroc = open_source(str(tmp_path / "e"))
    camera = next(iter(euroc)).frame.camera
    assert camera.distortion == (-0.2, 0.1, 0.001, 0.0) and euroc.rate_hz == 20


def test_video(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "clip.mp4")))
    items = list(source)
    assert (source.frames, source.rate_hz, len(items)) == (6, 20, 6)
    assert items[3].frame.stamp_ns == 150_000_000
    difference = items[5].frame.image.astype(int) - picture(200)
    assert np.abs(difference).max() < 12  # lossy
    assert [i.frame.stamp_ns for i in source] == [i.frame.stamp_ns for i in items]


def test_what_is_no_source_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.mp4").write_bytes(write_video(tmp_path / "v.mp4").read_bytes()[:200])
    (tmp_path / "broken.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(50))
    for name, words in {
        "nothing": "no source",
        "empty": "no images",
        "broken.mp4": "cannot read",
        "broken.mcap": "cannot read",
    }.items():
        with pytest.raises(SourceError, match=words):
            open_source(str(tmp_path / name))
    with pytest.raises(SourceError, match="no webcam 93"):
        open_source("93")
    with pytest.raises(SourceError, match="1 to 170 degrees"):
        open_source(str(tmp_path / "v.mp4"), fov_deg=0)


def write_bag(
    path: Path,
    *,
    plugin: str,
    compressed: bool = False,
    info_width: int = 64,
    count: int = 4,
    bad_stamp: int = -1,
) -> Path:
    """A rosbag2 with /depth/image (a decoy), /cam/image_raw and /cam/camera_info.

    The stamp of message ``bad_stamp`` has more than a second of nanoseconds.
    """
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    stamp = kinds["builtin_interfaces/msg/Time"]
    header = kinds["std_msgs/msg/Header"]
    image_kind = "sensor_msgs/msg/CompressedImage" if compressed else "sensor_msgs/msg/Image"
    topic = "/cam/image_raw/compressed" if compressed else "/cam/image_raw"
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[plugin]) as writer:
        image = writer.add_connection(topic, image_kind, typestore=store)
        info = writer.add_connection(
            "/cam/camera_info", "sensor_msgs/msg/CameraInfo", typestore=store
        )
        decoy = writer.add_connection("/depth/image", "sensor_msgs/msg/Image", typestore=store)
        for i in range(count):
            nanosec = 2_000_000_000 if i == bad_stamp else i * 100_000_000
            at = header(stamp(sec=5, nanosec=nanosec), "cam_optical")
            pixels = picture(30 * i)
            if compressed:
                data = cv2.imencode(".png", pixels[..., ::-1])[1].ravel()
                message = kinds[image_kind](at, "png", data)
            else:
                data = np.ascontiguousarray(pixels[..., ::-1]).ravel()
                message = kinds[image_kind](at, 48, 64, "bgr8", 0, 192, data)
            roi = kinds["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            k, r = np.array([60, 0, 31.5, 0, 60, 23.5, 0, 0, 1.0]), np.eye(3).ravel()
            p = np.array([60, 0, 31.5, 0, 0, 60, 23.5, 0, 0, 0, 1, 0.0])
            camera = kinds["sensor_msgs/msg/CameraInfo"](
                at, 48, info_width, "plumb_bob", np.zeros(5), k, r, p, 0, 0, roi
            )
            far = kinds["sensor_msgs/msg/Image"](at, 2, 2, "16UC1", 0, 4, np.zeros(8, np.uint8))
            now = 5_000_000_000 + i * 100_000_000
            for connection, content in ((decoy, far), (image, message), (info, camera)):
                kind = connection.msgtype
                writer.write(connection, now, store.serialize_cdr(content, kind))
    return path


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("compressed", [False, True])
def test_rosbag2(tmp_path: Path, plugin: str, compressed: bool) -> None:
    folder = write_bag(tmp_path / "bag", plugin=plugin, compressed=compressed)
    file = next(f for f in folder.iterdir() if f.suffix in (".mcap", ".db3"))
    for path in (folder, file):
        source = open_source(str(path))
        items = list(source)
        assert source.frames == 4 and source.rate_hz == pytest.approx(10)
        assert [i.frame.stamp_ns for i in items] == [5_000_000_000 + i * 10**8 for i in range(4)]
        np.testing.assert_array_equal(items[3].frame.image, picture(90))
        assert items[0].frame.camera.fx == 60 and items[0].frame.camera_known
        assert items[0].frame.frame_id == "cam_optical"


def test_mcap_alone(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", plugin="MCAP")
    file = tmp_path / "alone.mcap"
    next(folder.glob("*.mcap")).rename(file)
    assert len(list(open_source(str(file)))) == 4


def test_an_image_with_an_impossible_stamp_is_skipped_and_counted(tmp_path: Path) -> None:
    source = open_source(str(write_bag(tmp_path / "bag", plugin="MCAP", bad_stamp=1)))
    stamps = [i.frame.stamp_ns for i in source]
    assert stamps == [5_000_000_000 + i * 10**8 for i in (0, 2, 3)]
    assert source.skipped == 1


def test_bag_topics(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", plugin="MCAP")
    with pytest.raises(SourceError, match=r"no image topic /left.*/cam/image_raw"):
        open_source(str(folder), topic="/left")
    chosen = open_source(str(folder), topic="/depth/image")
    assert chosen.name.endswith("/depth/image") and chosen.frames == 4
    other = write_bag(tmp_path / "other", plugin="MCAP", info_width=32)
    with pytest.raises(SourceError, match="does not fit its images: expected 64x48, got 32x48"):
        list(open_source(str(other)))


def test_real_sequences(data_dir: Callable[[str], Path]) -> None:
    source = open_source(str(data_dir("icl_livingroom1")))
    item = next(iter(source))
    assert source.frames == 211 and source.has_depth and source.has_poses
    assert item.frame.image.shape == (240, 320, 3) and item.frame.camera.fx == 262.5
    assert item.depth is not None and 0.5 < np.nanmedian(item.depth) < 5
    lidar = next(iter(open_source(str(data_dir("kitti_raw_lidar_sfnd")))))
    assert lidar.depth is not None and 5 < np.nanmedian(lidar.depth) < 30
