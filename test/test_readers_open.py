# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a recipe names is opened: every kind, parts of it, scenes, neighbours, memory."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_readers_kitti import DRIVE, write_odometry, write_raw
from test_readers_recordings import picture, write_uniform

from depth_ros.errors import ConfigError, SourceError
from depth_ros.training.data.chosen import Cached, Chosen, Joined
from depth_ros.training.data.layouts import OPENERS
from depth_ros.training.data.open import open_data
from depth_ros.training.data.readers.files import numbered
from depth_ros.training.data.readers.kitti import KittiRaw, read_split
from depth_ros.training.data.readers.reading import DataSet, Reading, scenes_of
from depth_ros.training.data.readers.uniform import Uniform
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.data.unrolled import Unrolled

DataDir = Callable[[str], Path]


def levels(data: DataSet) -> list[int]:
    """The grey level of each reading's first pixel, which picture() made 20 times its number."""
    return [int(data.read(i).image[0, 0, 0]) for i in range(len(data))]


def around(data: DataSet, index: int) -> list[int | None]:
    return [data.neighbour(index, offset) for offset in (-2, -1, 0, 1, 2)]


def test_a_part_of_a_recording_is_all_there_is(tmp_path: Path) -> None:
    """What is kept for tests is no neighbour either."""
    write_uniform(tmp_path / "clip", 8)
    data = open_data(SourceConfig(path="clip", first=1, stop=5), tmp_path)
    assert levels(data) == [20, 40, 60, 80]
    assert around(data, 2) == [0, 1, 2, 3, None]
    assert around(data, 0) == [None, None, 0, 1, 2]
    with pytest.raises(SourceError, match=r"expected 0\.\.3, got 4"):
        data.read(4)
    with pytest.raises(SourceError, match="a first frame below 8, got 9"):
        open_data(SourceConfig(path="clip", first=9), tmp_path)


def test_where_a_source_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the folder of all data, from the working directory, or at an absolute path."""
    write_uniform(tmp_path / "data/clip", 1)
    write_uniform(tmp_path / "here/clip", 2)
    monkeypatch.chdir(tmp_path / "here")
    names = {"clip": 1, "./clip": 2, "../here/clip": 2, f"{tmp_path}/here/clip": 2}
    for name, count in names.items():
        assert len(open_data(SourceConfig(path=name), tmp_path / "data")) == count


def test_every_nth_frame_is_a_slower_video(tmp_path: Path) -> None:
    write_uniform(tmp_path / "clip", 8)
    data = open_data(SourceConfig(path="clip", first=1, every=3), tmp_path)
    assert levels(data) == [20, 80, 140]
    assert around(data, 1) == [None, 0, 1, 2, None]


def test_what_is_broken_is_named_unless_it_is_left_out(tmp_path: Path) -> None:
    """A frame, its depth, and a number of frames that meta.json does not promise."""
    folder = write_uniform(tmp_path / "clip", 6)
    (folder / "rgb/000001.png").write_bytes(b"")
    (folder / "depth/000004.png").unlink()
    whole = open_data(SourceConfig(path="clip"), tmp_path).problems()
    assert len(whole) == 2
    part = open_data(SourceConfig(path="clip", first=2, stop=5), tmp_path).problems()
    assert len(part) == 1
    assert "depth/000004.png" in part[0]
    assert open_data(SourceConfig(path="clip", first=2, stop=4), tmp_path).problems() == []
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "frames": 9}))
    (said,) = open_data(SourceConfig(path="clip", first=2, stop=4), tmp_path).problems()
    assert "meta.json says 9 frames, got 6" in said


def test_a_missing_frame_is_a_gap(tmp_path: Path) -> None:
    folder = write_uniform(tmp_path / "clip", 6)
    (folder / "poses.txt").unlink()
    (folder / "rgb/000003.png").unlink()
    data = Uniform(folder)
    assert levels(data) == [0, 20, 40, 80, 100]
    assert around(data, 2) == [0, 1, 2, None, 3]
    assert data.neighbour(1, 1) == 2


def test_numbers_in_names() -> None:
    """Steps of 10 are one recording; stamps and words are frames in order."""
    tens = [Path(f"a/img_{i:05d}.png") for i in (10, 20, 40)]
    assert numbered(tens) == [("a/img_", 10), ("a/img_", 20), ("a/img_", 40)]
    stamps = [Path(f"1305031102.{i}.png") for i in (175304, 211214)]
    assert [number for _, number in numbered(stamps)] == [0, 1]
    nanoseconds = [Path(f"{i}.png") for i in (1403715273262142976, 1403715273312143104)]
    assert [number for _, number in numbered(nanoseconds)] == [0, 1]
    assert [number for _, number in numbered([Path("cat.png"), Path("dog7.png")])] == [0, 1]


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    """No frame of one clip follows a frame of another; each clip is a scene."""
    for name, count in (("b", 2), ("a", 3)):
        write_uniform(tmp_path / "clips" / name, count)
    data = open_data(SourceConfig(path="clips"), tmp_path)
    assert levels(data) == [0, 20, 40, 0, 20]
    assert scenes_of(data) == {"a": [0, 1, 2], "b": [3, 4]}
    assert [data.neighbour(i, 1) for i in range(5)] == [1, 2, None, 4, None]
    assert data.neighbour(3, -1) is None
    only = open_data(SourceConfig(path="clips", skip_scenes=("a",)), tmp_path)
    assert (levels(only), scenes_of(only)) == ([0, 20], {"b": [0, 1]})
    assert only.neighbour(0, 1) == 1
    (tmp_path / "clips/a/rgb/000001.png").write_bytes(b"")
    assert "a/rgb/000001.png" in data.problems()[0]
    with pytest.raises(SourceError, match=r"expected 0\.\.4, got 5"):
        data.read(5)


def test_scenes_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        write_uniform(tmp_path / "clips" / name, 2)
    for wrong in ({"scenes": ("c",)}, {"skip_scenes": ("c",)}, {"scene_weights": {"c": 2.0}}):
        with pytest.raises(SourceError, match=r"expected \['a', 'b'\], got \['c'\]"):
            open_data(SourceConfig(path="clips", **wrong), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="some that are left"):
        open_data(SourceConfig(path="clips", skip_scenes=("a", "b")), tmp_path)
    weighted = SourceConfig(path="clips", scene_weights={"a": 2.0})
    assert len(open_data(weighted, tmp_path)) == 4


def test_neighbours_of_a_list_need_not_be_listed(tmp_path: Path) -> None:
    """Frame 1 is listed, 0 and 2 are not; first, stop and every choose targets only."""
    write_raw(tmp_path, 3)
    (tmp_path / "train.txt").write_text(f"{DRIVE} 1 l\n{DRIVE} 0 l\n{DRIVE} 1 l\n")
    source = SourceConfig("kitti_raw", ".", split="train.txt", depth="none", stop=1)
    data = pickle.loads(pickle.dumps(open_data(source, tmp_path)))
    assert len(data) == 1
    before, after = data.neighbour(0, -1), data.neighbour(0, 1)
    assert before is not None and after is not None
    assert [data.read(i).name for i in (before, 0, after)] == [f"{DRIVE} {n} l" for n in range(3)]
    assert data.neighbour(after, -1) == 0
    assert data.neighbour(0, 2) is None
    assert data.read(0).depth is None
    listed = KittiRaw(tmp_path, read_split(tmp_path / "train.txt"), "none")
    assert (listed.neighbour(0, -1), listed.neighbour(0, 1)) == (1, None)
    with pytest.raises(SourceError, match=r"expected 0\.\.2, got 3"):
        listed.read(3)


def test_kitti_drives_and_sequences(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw", 3)
    for split in ("", DRIVE):
        source = SourceConfig("kitti_raw", "raw", split=split, depth="none", first=1)
        data = open_data(source, tmp_path)
        assert [data.read(i).name for i in range(len(data))] == [f"{DRIVE} {n} l" for n in (1, 2)]
        assert (data.neighbour(0, 1), data.neighbour(0, -1)) == (1, None)
    write_odometry(tmp_path / "odometry")
    whole = open_data(SourceConfig("kitti_odometry", "odometry"), tmp_path)
    one = open_data(SourceConfig("kitti_odometry", "odometry", split="09"), tmp_path)
    assert whole.read(0).name == one.read(0).name == "09 0 l"
    with pytest.raises(
        SourceError, match="expected lidar or lidar_monodepth2 or improved or none"
    ):
        open_data(SourceConfig("kitti_raw", "raw", depth="sonar"), tmp_path)
    with pytest.raises(SourceError, match="Name the root"):
        open_data(SourceConfig("kitti_raw", "raw", split="2011_09_26/none_sync"), tmp_path)


def test_indoor_folders_of_scans(tmp_path: Path) -> None:
    from test_readers_indoor import write_scannet, write_tum

    for scan in ("scene0000_00", "scene0001_00"):
        write_scannet(tmp_path / "scannet" / scan)
    data = open_data(SourceConfig("scannet", "scannet"), tmp_path)
    single = open_data(SourceConfig("scannet", "scannet/scene0000_00"), tmp_path)
    assert len(data) == 2 * len(single)
    assert list(scenes_of(data)) == ["scene0000_00", "scene0001_00"]
    assert [data.neighbour(i, 1) for i in range(4)] == [1, None, None, 4]  # frames 0, 2, 10
    write_tum(tmp_path / "tum/rgbd_dataset_freiburg1_desk")
    assert len(open_data(SourceConfig("tum", "tum"), tmp_path)) == len(
        open_data(SourceConfig("tum", "tum/rgbd_dataset_freiburg1_desk"), tmp_path)
    )
    with pytest.raises(SourceError, match=r"no \*/color in"):
        open_data(SourceConfig("scannet", "tum"), tmp_path)


def test_real_data_of_every_layout_that_is_there(data_dir: DataDir) -> None:
    root = data_dir("stereo_middlebury_v2").parent
    for kind, path, count in (
        ("folder", "sevenscenes_redkitchen", 1000),
        ("collection", "diverse_rgbd/rooms_singles", 32),
        ("stereo", "kitti_odom_stereo/06", 51),
        ("stereo", "euroc_v101_stereo", 8),
        ("middlebury", "stereo_middlebury_v2", 4),
        ("video", "video/solidWhiteRight.mp4", 221),
    ):
        source: Any = {"kind": kind, "path": path}
        data = pickle.loads(pickle.dumps(open_data(SourceConfig(**source), root)))
        assert len(data) == count, path
        reading = data.read(1)
        assert reading.image.dtype == np.uint8
        assert data.neighbour(1, 1) == (None if kind in ("collection", "middlebury") else 2)


def test_every_kind_has_an_opener_and_says_what_is_missing(tmp_path: Path) -> None:
    """An empty folder is an error of the family for every kind, and so is no folder."""
    (tmp_path / "empty").mkdir()
    for kind in OPENERS:
        if kind == "rendered":
            assert len(open_data(SourceConfig(kind), tmp_path)) > 10**9
            continue
        with pytest.raises(SourceError):
            open_data(SourceConfig(kind, "empty"), tmp_path)
        with pytest.raises(SourceError, match=r"no .*nowhere: expected data of the kind"):
            open_data(SourceConfig(kind, "nowhere"), tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "folders", "path": "a"}, "kind: expected one of folder, "),
        ({"path": "a", "first": 5, "stop": 5}, "stop: expected 0 or more than first 5, got 5"),
        ({"path": "a", "every": 0}, "every: expected 1 to"),
        ({"path": "a", "share": -1.0}, "share: expected 0"),
        ({"path": "a", "scene_weights": {"b": -1.0}}, "scene_weights.b: expected 0"),
        ({"path": "a", "scenes": "b"}, "scenes: expected a list"),
        ({}, "path: expected where the folder is, got nothing"),
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SourceConfig(**values)


class Counting:
    """Readings of 300 bytes that count how often they are read; number 2 is broken."""

    name = "counting"

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.scenes = {"even": [0, 2, 4], "odd": [1, 3]}

    def __len__(self) -> int:
        return 5

    def read(self, index: int) -> Reading:
        self.reads.append(index)
        if index == 2:
            raise SourceError("reading 2 is broken")
        return Reading(np.full((10, 10, 3), index, np.uint8))

    def neighbour(self, index: int, offset: int) -> int | None:
        return index + offset if 0 <= index + offset < 5 else None

    def problems(self) -> list[str]:
        return ["2"]


def test_memory_keeps_what_fits() -> None:
    inner = Counting()
    data = Cached(inner, megabytes=600e-6)
    for index in (0, 1, 3, 0, 1, 3, 3):
        assert data.read(index).image[0, 0, 0] == index
    assert inner.reads == [0, 1, 3, 3, 3]  # two fit
    for _ in range(2):
        with pytest.raises(SourceError, match="reading 2"):
            data.read(2)
    copy = pickle.loads(pickle.dumps(data))
    assert copy.read(0).image[0, 0, 0] == 0
    assert copy._data.reads[-1] == 0  # it starts empty
    assert (len(copy), copy.problems(), copy.neighbour(3, 1)) == (5, ["2"], 4)
    assert scenes_of(copy) == inner.scenes


def test_a_recording_is_decoded_once_in_whatever_order_it_is_read() -> None:
    """Reading forward keeps nothing; the first step back makes one pass."""
    inner = Counting()
    data = Unrolled(inner)
    assert [data.read(i).image[0, 0, 0] for i in (0, 1, 3)] == [0, 1, 3]
    assert inner.reads == [0, 1, 3]
    inner.reads.clear()
    assert [data.read(i).image[0, 0, 0] for i in (1, 4, 0, 3, 1)] == [1, 4, 0, 3, 1]
    assert inner.reads == [0, 1, 2, 3, 4]
    with pytest.raises(SourceError, match="reading 2"):
        data.read(2)
    copy = pickle.loads(pickle.dumps(data))
    assert copy._kept == {}
    assert (len(copy), copy.neighbour(3, 1), copy.problems()) == (5, 4, ["2"])
    small = Unrolled(Counting(), megabytes=0)
    assert [small.read(i).image[0, 0, 0] for i in (3, 1, 0)] == [3, 1, 0]


def test_a_video_in_any_order(tmp_path: Path) -> None:
    """What is kept is the picture itself, but for the noise of a fine JPEG."""
    writer = cv2.VideoWriter(
        str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48)
    )
    for i in range(9):
        writer.write(picture(20 * i)[..., ::-1])
    writer.release()
    data = open_data(SourceConfig("video", "a.avi", first=1), tmp_path)
    forward = [data.read(i) for i in range(8)]
    assert levels(data) == pytest.approx([20 * i for i in range(1, 9)], abs=6)
    for index in (5, 7, 0):
        again = data.read(index)
        assert (again.name, again.stamp_ns) == (forward[index].name, forward[index].stamp_ns)
        difference = again.image.astype(float) - forward[index].image
        assert np.abs(difference).max() < 8


def test_choices_of_joined_data_keep_scenes_and_neighbours() -> None:
    joined: DataSet = Joined("both", {"a": Counting(), "b": Counting()})
    assert scenes_of(joined) == {"even": [0, 2, 4, 5, 7, 9], "odd": [1, 3, 6, 8]}
    data = Chosen(joined, [3, 4, 5, 6])
    assert [int(data.read(i).image[0, 0, 0]) for i in range(4)] == [3, 4, 0, 1]
    assert data.scenes == {"even": [1, 2], "odd": [0, 3]}
    assert [data.neighbour(i, 1) for i in range(4)] == [1, None, 3, None]
    assert data.problems() == []  # both broken ones are left out
    assert Chosen(joined, [6, 7]).problems() == ["reading 2 is broken"]
    assert joined.problems() == ["2", "2"]
    assert len(Joined("none", {})) == 0


def test_a_clip_whose_frames_have_two_sizes_stays_readable(tmp_path: Path) -> None:
    """One frame of another size is that frame's own matter."""
    folder = write_uniform(tmp_path / "clip", 3)
    shutil.rmtree(folder / "depth")
    cv2.imwrite(str(folder / "rgb/000001.png"), cv2.resize(picture(0), (32, 24)))
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta))
    data = open_data(SourceConfig(path="clip"), tmp_path)
    assert [data.read(i).image.shape[0] for i in range(3)] == [48, 24, 48]
