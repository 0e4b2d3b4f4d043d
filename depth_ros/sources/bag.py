# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Frames from an MCAP file, a rosbag2 (sqlite3) or a ROS 1 bag, through the rosbags package."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Camera, UInt8
from depth_ros.sources.source import DEFAULT_RATE_HZ, Item, Options, Source, make_frame

log = logging.getLogger(__name__)

_IMAGE, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_INFO = "sensor_msgs/msg/CameraInfo"
_NOT_COLOR = ("depth", "disparity", "mask", "confidence")  # in a topic's name


class BagSource(Source):
    """One image topic of a bag, with the camera_info beside it where there is one."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path = _bag_root(path)
        with self._reader() as reader:
            self._topic = _choose_topic(reader, path, options.topic)
            self._info_topic = _info_topic(reader, self._topic)
            count = sum(c.msgcount for c in reader.connections if c.topic == self._topic)
            seconds = reader.duration * 1e-9
        rate = (count - 1) / seconds if count > 1 and seconds > 0 else DEFAULT_RATE_HZ
        rate = options.rate_hz or min(max(rate, 0.1), 1000.0)
        super().__init__(f"{path.name} {self._topic}", rate, count, options.fov_deg)

    def __iter__(self) -> Iterator[Item]:
        from depth_ros.messages import stamp_ns

        self.skipped = 0
        with self._reader() as reader:
            camera, frame_id = self._first_camera(reader)
            chosen = [c for c in reader.connections if c.topic == self._topic]
            for connection, bag_ns, raw in reader.messages(chosen):
                try:
                    message = reader.deserialize(raw, connection.msgtype)
                    image = _to_rgb(message, connection.msgtype)
                    at_ns = stamp_ns(message.header.stamp) or bag_ns
                except (FrameError, _bag_error()) as error:
                    self.skipped += 1
                    log.warning("skipped an image of %s: %s", self.name, error)
                    continue
                _check_size(self._info_topic, camera, image)
                name = message.header.frame_id or frame_id
                yield Item(make_frame(at_ns, image, camera, self.fov_deg, name))
        if self.skipped == self.frames:
            raise SourceError(f"none of the {self.skipped} images of {self.name} can be read")

    def _first_camera(self, reader: Any) -> tuple[Camera | None, str]:
        """The first camera_info that is filled in: recorded cameras do not change."""
        from depth_ros.messages import camera_from_info

        connections = [c for c in reader.connections if c.topic == self._info_topic]
        if not connections:
            return None, "camera"
        for connection, _, raw in reader.messages(connections):
            message = _lower(reader.deserialize(raw, connection.msgtype))
            if message.k[0] > 0:  # K of zeros says that the camera is not calibrated
                return camera_from_info(message), message.header.frame_id
        return None, "camera"

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        try:
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import Stores, get_typestore
        except ImportError:
            raise SourceError(
                f"cannot read {self._path}", fix="Bags need rosbags: pip install rosbags."
            ) from None
        store = get_typestore(Stores.ROS2_HUMBLE)  # for bags without message definitions
        try:
            with AnyReader([self._path], default_typestore=store) as reader:
                yield reader
        except (_bag_error(), OSError) as error:
            raise SourceError(f"cannot read {self._path}: {error}") from error


def _bag_error() -> type[Exception]:
    from rosbags.highlevel import AnyReaderError

    error: type[Exception] = AnyReaderError
    return error


def _bag_root(path: Path) -> Path:
    """The folder with metadata.yaml for a file inside one."""
    inside = path.is_file() and (path.parent / "metadata.yaml").is_file()
    return path.parent if inside and path.suffix != ".bag" else path


def _choose_topic(reader: Any, path: Path, wanted: str | None) -> str:
    """The wanted topic, or the best: colour before depth, calibrated, raw, then the fullest."""
    images = [c for c in reader.connections if c.msgtype in (_IMAGE, _COMPRESSED)]
    topics = ", ".join(sorted({f"{c.topic} ({c.msgtype})" for c in reader.connections}))
    if wanted is not None:
        images = [c for c in images if c.topic == wanted]
    if not images:
        raise SourceError(
            f"no image topic {wanted} in {path}" if wanted else f"no image topic in {path}",
            expected="an Image or CompressedImage topic",
            got=topics or "an empty bag",
        )

    def rank(c: Any) -> tuple[bool, bool, bool, int]:
        color = not any(word in c.topic for word in _NOT_COLOR)
        return color, _info_topic(reader, c.topic) is not None, c.msgtype == _IMAGE, c.msgcount

    return str(max(images, key=rank).topic)


def _info_topic(reader: Any, image_topic: str) -> str | None:
    """The camera_info beside the image topic: /cam/camera_info for /cam/image_raw[/compressed]."""
    infos = {c.topic for c in reader.connections if c.msgtype == _INFO}
    base = image_topic
    for _ in range(2):
        base = base.rpartition("/")[0]
        if f"{base}/camera_info" in infos:
            return f"{base}/camera_info"
    return None


def _to_rgb(message: Any, kind: str) -> UInt8:
    from depth_ros.messages import compressed_to_rgb, image_to_rgb

    return image_to_rgb(message) if kind == _IMAGE else compressed_to_rgb(message)


def _check_size(topic: str | None, camera: Camera | None, image: UInt8) -> None:
    height, width = image.shape[:2]
    if camera is not None and (camera.width, camera.height) != (width, height):
        raise SourceError(
            f"{topic} does not fit its images",
            expected=f"{width}x{height}",
            got=f"{camera.width}x{camera.height}",
            fix="Record the camera_info that belongs to this image topic.",
        )


def _lower(info: Any) -> Any:
    """A ROS 1 CameraInfo (D, K, R, P) as a ROS 2 one (d, k, r, p)."""
    if hasattr(info, "k"):
        return info
    names = ("header", "height", "width", "distortion_model", "binning_x", "binning_y", "roi")
    same = {name: getattr(info, name) for name in names}
    return SimpleNamespace(**same, d=info.D, k=info.K, r=info.R, p=info.P)
