# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""For each kind of source, how its path and its split become a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from depth_ros.errors import SourceError
from depth_ros.training.data.chosen import Joined
from depth_ros.training.data.finding import (
    folders_below,
    folders_holding,
    frame_list,
    one_of,
)
from depth_ros.training.data.readers.files import natural
from depth_ros.training.data.readers.reading import DataSet
from depth_ros.training.data.source_config import SourceConfig, SourceKind
from depth_ros.training.data.unrolled import Unrolled

Opener = Callable[[Path, SourceConfig], DataSet]


def _folder(path: Path, source: SourceConfig) -> DataSet:
    """A recording, or a folder of recordings, each in a folder of its own."""
    from depth_ros.training.data.readers.uniform import Uniform

    rate = source.rate_hz or None
    try:
        return Uniform(path, rate_hz=rate)
    except SourceError:
        below = sorted((p.parent for p in path.glob("*/meta.json")), key=natural)
        if not below:
            raise
    return _joined(path, below, lambda folder: Uniform(folder, rate_hz=rate))


def _joined(path: Path, folders: Iterable[Path], opener: Callable[[Path], DataSet]) -> DataSet:
    parts = {p.relative_to(path).as_posix(): opener(p) for p in folders}
    return Joined(path.resolve().name, parts)


def _collection(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.collection import open_collections

    return open_collections(path)


def _pool(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.pool import Pool

    return Pool(path)


def _rendered(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.rendered import RenderedScenes

    return RenderedScenes(source.seed, source.split)


def _stereo(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.stereo_folder import StereoFolder

    return StereoFolder(path)


def _kitti_odometry(path: Path, source: SourceConfig) -> DataSet:
    """``split`` is a sequence (00), a list of frames, or "" for all sequences."""
    from depth_ros.training.data.readers.kitti import KittiOdometry, read_split, sequence_frames

    lidar = one_of("depth", source.depth, ("none", "lidar")) == "lidar"
    listed = frame_list(path, source.split)
    if listed is not None:
        return KittiOdometry(path, read_split(listed), lidar=lidar, beyond=True)
    names = [source.split] if source.split else folders_below(path / "sequences", "*")
    grey = not any((path / "sequences").glob("*/image_2"))
    frames = [frame for name in names for frame in sequence_frames(path, name, grey=grey)]
    return KittiOdometry(path, frames, grey=grey, lidar=lidar)


def _kitti_raw(path: Path, source: SourceConfig) -> DataSet:
    """``split`` is a drive (DATE/DRIVE_sync), a list of frames, or "" for all drives.

    ``depth`` improved takes train or val of KITTI depth for ``split`` too, where its truth lies in
    the same tree.
    """
    from depth_ros.training.data.readers.kitti import (
        KittiRaw,
        drive_frames,
        improved_frames,
        read_split,
    )

    truths = ("lidar", "lidar_monodepth2", "improved", "none")
    truth: Any = one_of("depth", source.depth, truths)
    listed = frame_list(path, source.split)
    if listed is not None:
        return KittiRaw(path, read_split(listed), truth, beyond=True)
    if truth == "improved" and source.split in ("train", "val"):
        return KittiRaw(path, improved_frames(path, source.split), truth)
    drives = [source.split] if source.split else folders_below(path, "*/*_sync")
    frames = [frame for drive in drives for frame in drive_frames(path, drive)]
    return KittiRaw(path, frames, truth)


def _kitti_depth(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.kitti import KittiDepthSelection

    return KittiDepthSelection(path)


def _kitti_stereo(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.kitti import KittiStereo2015

    return KittiStereo2015(path)


def _nyu(path: Path, source: SourceConfig) -> DataSet:
    """The .mat with splits.mat beside it, a folder of .h5, or a folder of images."""
    from depth_ros.training.data.readers.nyu import NyuFolder, NyuFrames, NyuLabelled

    if path.is_file():
        split: Any = one_of("split", source.split, ("all", "train", "test"))
        raw = one_of("depth", source.depth, ("filled", "raw")) == "raw"
        splits = path.with_name("splits.mat")
        return NyuLabelled(path, splits if splits.is_file() else None, split, raw)
    return NyuFrames(path) if any(path.glob("**/*.h5")) else NyuFolder(path)


def _tum(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.tum import TumFolder

    if (path / "rgb.txt").is_file():
        return TumFolder(path)
    return _joined(path, folders_holding(path, "*/rgb.txt"), TumFolder)


def _scannet(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.scannet import ScanNetFolder

    if (path / "color").is_dir():
        return ScanNetFolder(path)
    return _joined(path, folders_holding(path, "*/color"), ScanNetFolder)


def _vkitti(path: Path, source: SourceConfig) -> DataSet:
    """``split`` is a variation, such as clone, of all scenes; "" takes all variations."""
    from depth_ros.training.data.readers.vkitti import VirtualKitti2

    if (path / "frames").is_dir():
        return VirtualKitti2(path)
    folders = folders_holding(path, f"*/{source.split or '*'}/frames")
    return _joined(path, folders, VirtualKitti2)


def _cityscapes(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.cityscapes import Cityscapes

    return Cityscapes(path, source.split or "train")


def _diode(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.diode import Diode

    return Diode(path)


def _middlebury(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.middlebury import Middlebury, MiddleburyV2

    second = any(path.glob("**/groundtruth.png"))
    return MiddleburyV2(path) if second else Middlebury(path)


def _make3d(path: Path, source: SourceConfig) -> DataSet:
    """Both halves below ``path``, in folders as published, or one of them as ``split``."""
    from depth_ros.training.data.readers.make3d import Make3d

    split = one_of("split", source.split, ("all", "train", "test"))
    folders = {"train": ("Train400Img", "Train400Depth"), "test": ("Test134", "Gridlaserdata")}
    images, depth = folders.get(split, (".", "."))
    return Make3d(path / images, path / depth)


def _ibims(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.ibims import Ibims

    return Ibims(path)


def _video(path: Path, source: SourceConfig) -> DataSet:
    from depth_ros.training.data.readers.video import Video

    return Unrolled(Video(path, rate_hz=source.rate_hz or None))


def _bag(path: Path, source: SourceConfig) -> DataSet:
    """``split`` is the topic, the left and the right one for pairs, or "" for the best one."""
    from depth_ros.training.data.readers.bag import Bag, StereoBag

    topics = source.split.split()
    if len(topics) == 2:
        return Unrolled(StereoBag(path, *topics))
    return Unrolled(Bag(path, topics[0] if topics else None))


OPENERS: dict[SourceKind, Opener] = {
    "folder": _folder,
    "collection": _collection,
    "pool": _pool,
    "rendered": _rendered,
    "stereo": _stereo,
    "kitti_odometry": _kitti_odometry,
    "kitti_raw": _kitti_raw,
    "kitti_depth": _kitti_depth,
    "kitti_stereo": _kitti_stereo,
    "nyu": _nyu,
    "tum": _tum,
    "scannet": _scannet,
    "vkitti": _vkitti,
    "cityscapes": _cityscapes,
    "diode": _diode,
    "middlebury": _middlebury,
    "make3d": _make3d,
    "ibims": _ibims,
    "video": _video,
    "bag": _bag,
}
