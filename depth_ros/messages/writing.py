# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""DepthResult to images, camera_info and point clouds.

``data`` takes an ``array('B')`` everywhere: rclpy copies anything else byte by byte, in Python
where its field checks are on.
"""

from __future__ import annotations

import sys
from array import array

import cv2
import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from depth_ros import points
from depth_ros.color import colorize
from depth_ros.errors import FrameError
from depth_ros.frame import Camera, DepthResult, Float32, UInt8

_BIG_ENDIAN = sys.byteorder == "big"


def to_stamp(ns: int) -> Time:
    """Nanoseconds as a header's stamp; FrameError unless 0 to 2^31 seconds."""
    if not 0 <= ns < 2**31 * 1_000_000_000:
        raise FrameError("stamp", expected="0 to 2^31 seconds", got=f"{ns} ns")
    sec, nanosec = divmod(int(ns), 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def to_header(stamp_ns: int, frame_id: str) -> Header:
    return Header(stamp=to_stamp(stamp_ns), frame_id=frame_id)


def depth_image(result: DepthResult, encoding: str = "32FC1") -> Image:
    """The depth as ``32FC1`` (metres, NaN invalid) or ``16UC1`` (see depth_to_image)."""
    return depth_to_image(result.depth, result.stamp_ns, result.frame_id, encoding)


def depth_to_image(depth: Float32, stamp_ns: int, frame_id: str, encoding: str = "32FC1") -> Image:
    """Depth (height, width) in metres as ``32FC1``, or as ``16UC1``: whole millimetres, rounded.

    In millimetres 0 is invalid (REP 118), and so becomes what 16 bits cannot hold, above
    65.535 m: clipping it would put a wall there. Raises FrameError for another encoding.
    """
    header = to_header(stamp_ns, frame_id)
    if encoding == "32FC1":
        return _image(np.asarray(depth, np.float32), encoding, header)
    if encoding == "16UC1":
        return _image(_millimetres(depth), encoding, header)
    raise FrameError("depth encoding", expected="32FC1 or 16UC1", got=repr(encoding))


def color_image(result: DepthResult, near_m: float, far_m: float) -> Image:
    """The depth as ``rgb8`` colours to look at, see color.colorize."""
    header = to_header(result.stamp_ns, result.frame_id)
    return _image(colorize(result.depth, near_m, far_m), "rgb8", header)


def confidence_image(result: DepthResult) -> Image:
    """The confidence as ``32FC1``, 0 to 1."""
    header = to_header(result.stamp_ns, result.frame_id)
    return _image(result.confidence, "32FC1", header)


def rgb_to_image(image: UInt8, stamp_ns: int, frame_id: str, encoding: str = "bgr8") -> Image:
    """A (height, width, 3) uint8 RGB image as ``bgr8``, ``rgb8`` or ``mono8``."""
    header = to_header(stamp_ns, frame_id)
    if encoding == "rgb8":
        return _image(image, encoding, header)
    if encoding == "bgr8":
        flipped = image[..., ::-1]  # already in order where the RGB is a view of a BGR image
        if not flipped.flags.c_contiguous:
            flipped = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
        return _image(flipped, encoding, header)
    if encoding == "mono8":
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        return _image(gray, encoding, header)
    raise FrameError("image encoding", expected="bgr8, rgb8 or mono8", got=repr(encoding))


def camera_info(result: DepthResult) -> CameraInfo:
    """The depth image's own camera: rectified, so D is zero, R the identity and P made of K."""
    return camera_to_info(result.camera.rectified(), result.stamp_ns, result.frame_id)


def camera_to_info(camera: Camera, stamp_ns: int, frame_id: str) -> CameraInfo:
    """A Camera as camera_info; D has five zeros where the lens has no distortion."""
    plain = not camera.distortion and camera.model != "equidistant"
    fx, fy, cx, cy = camera.projection or (camera.fx, camera.fy, camera.cx, camera.cy)
    return CameraInfo(
        header=to_header(stamp_ns, frame_id),
        width=camera.width,
        height=camera.height,
        distortion_model="plumb_bob" if plain else camera.model,
        d=[0.0] * 5 if plain else [float(d) for d in camera.distortion],
        k=camera.matrix.ravel(),
        r=[float(r) for r in camera.rotation],
        p=np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64),
    )


def point_cloud(result: DepthResult, stride: int) -> PointCloud2:
    """Every ``stride``-th pixel and row as an organised cloud in the camera's optical frame.

    Fields x, y, z (metres) and rgb (0x00RRGGBB in a float's bits, as PCL and RViz read it). x, y
    and z are NaN where depth is invalid; ``is_dense`` says whether none is.
    """
    cloud = points.points(result.depth, result.camera, result.image, stride)
    height, width = cloud.shape
    msg = PointCloud2(
        header=to_header(result.stamp_ns, result.frame_id),
        height=height,
        width=width,
        fields=[
            PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
            for i, name in enumerate(points.POINT.names or ())
        ],
        is_bigendian=_BIG_ENDIAN,
        point_step=points.POINT.itemsize,
        row_step=width * points.POINT.itemsize,
        is_dense=not bool(np.isnan(cloud["z"]).any()),
    )
    msg.data = _bytes(cloud)
    return msg


def _image(pixels: npt.NDArray[np.generic], encoding: str, header: Header) -> Image:
    height, width = pixels.shape[:2]
    msg = Image(header=header, height=height, width=width, encoding=encoding)
    msg.is_bigendian = int(_BIG_ENDIAN)
    msg.step = pixels.dtype.itemsize * pixels.size // height
    msg.data = _bytes(pixels)
    return msg


def _bytes(values: npt.NDArray[np.generic]) -> array[int]:
    """A copy of the array's memory, row by row."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data


def _millimetres(depth: Float32) -> npt.NDArray[np.uint16]:
    rounded = np.rint(depth * np.float32(1000))
    fits = (rounded > 0) & (rounded <= 65535)  # false for NaN
    return np.where(fits, rounded, 0).astype(np.uint16)
