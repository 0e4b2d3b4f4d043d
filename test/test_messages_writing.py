# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Writing images, camera_info and clouds: exact contents, valid messages, filled fast."""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from results import CAMERA, HOLE, make_result, plane_depth, ramp_image
from sensor_msgs.msg import PointField

from depth_ros import messages
from depth_ros.color import colorize
from depth_ros.errors import FrameError
from depth_ros.frame import Camera

WRITERS = {
    "32FC1": lambda r: messages.depth_image(r, "32FC1"),
    "16UC1": lambda r: messages.depth_image(r, "16UC1"),
    "color": lambda r: messages.color_image(r, 0.3, 8.0),
    "confidence": messages.confidence_image,
    "rgb": lambda r: messages.rgb_to_image(r.image, r.stamp_ns, r.frame_id),
    "camera_info": messages.camera_info,
    "point_cloud": lambda r: messages.point_cloud(r, 2),
    "odometry": lambda r: messages.odometry(r, "odom"),
    "pose": lambda r: messages.pose(r, "odom"),
    "transform": lambda r: messages.transform(r, "odom"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_messages_are_valid_ros(name: str) -> None:
    msg = WRITERS[name](make_result())
    received = deserialize_message(serialize_message(msg), type(msg))
    assert received == msg
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == (1_700_000_000, 123_456_789)


def test_stamp_and_frame_are_the_input_s() -> None:
    result = make_result()
    for name in ("32FC1", "16UC1", "color", "confidence", "rgb", "camera_info", "point_cloud"):
        header = WRITERS[name](result).header
        assert header.frame_id == "camera_optical"
        assert messages.stamp_ns(header.stamp) == result.stamp_ns


def test_depth_in_metres() -> None:
    result = make_result()
    msg = messages.depth_image(result)
    assert (msg.encoding, msg.step, msg.is_bigendian) == ("32FC1", 48 * 4, sys.byteorder == "big")
    assert msg.data.tobytes() == result.depth.tobytes()
    np.testing.assert_array_equal(messages.image_to_depth(msg), result.depth)


def test_depth_in_millimetres_never_invents_a_wall() -> None:
    metres = [1.2344, 1.2346, np.nan, np.inf, 0.0, -2.0, 65.535, 65.54, 65.536, 70.0, 1e30]
    expected = [1234, 1235, 0, 0, 0, 0, 65535, 0, 0, 0, 0]
    msg = messages.depth_to_image(np.array([metres], np.float32), 0, "cam", "16UC1")
    assert (msg.encoding, msg.step) == ("16UC1", 2 * len(metres))
    np.testing.assert_array_equal(np.frombuffer(msg.data, np.uint16), expected)
    result = make_result()
    read = messages.image_to_depth(messages.depth_image(result, "16UC1"))
    np.testing.assert_allclose(read, result.depth, atol=0.00051)  # half a millimetre


def test_unknown_depth_encoding() -> None:
    with pytest.raises(FrameError, match="32FC1 or 16UC1, got '64FC1'"):
        messages.depth_image(make_result(), "64FC1")


def test_depth_that_is_a_view_of_a_larger_array() -> None:
    result = make_result(depth=np.repeat(make_result().depth, 2, axis=1)[:, ::2])
    assert messages.depth_image(result).data == messages.depth_image(make_result()).data


def test_color_and_confidence() -> None:
    result = make_result()
    color = messages.color_image(result, 0.5, 6.0)
    assert (color.encoding, color.step) == ("rgb8", 3 * 48)
    np.testing.assert_array_equal(messages.image_to_rgb(color), colorize(result.depth, 0.5, 6.0))
    confidence = messages.confidence_image(result)
    assert confidence.encoding == "32FC1"
    assert confidence.data.tobytes() == result.confidence.tobytes()


def test_camera_info_of_the_depth_image() -> None:
    lens = Camera(48, 36, 50, 52, 23.1, 17.4, (0.1, 0, 0, 0), projection=(40, 41, 23.5, 17.5))
    msg = messages.camera_info(make_result(camera=lens))
    assert (msg.width, msg.height, msg.distortion_model) == (48, 36, "plumb_bob")
    assert list(msg.d) == [0.0] * 5
    np.testing.assert_array_equal(msg.k, [40, 0, 23.5, 0, 41, 17.5, 0, 0, 1])
    np.testing.assert_array_equal(msg.r, np.eye(3).ravel())
    np.testing.assert_array_equal(msg.p, [40, 0, 23.5, 0, 0, 41, 17.5, 0, 0, 0, 1, 0])
    assert messages.camera_from_info(msg).is_rectified


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_point_cloud_by_its_own_fields(stride: int) -> None:
    msg = messages.point_cloud(make_result(), stride)
    rows, columns = -(-36 // stride), -(-48 // stride)
    assert (msg.height, msg.width) == (rows, columns)
    assert (msg.point_step, msg.row_step) == (16, 16 * columns)
    assert [(f.name, f.offset, f.datatype, f.count) for f in msg.fields] == [
        (name, 4 * i, PointField.FLOAT32, 1) for i, name in enumerate(("x", "y", "z", "rgb"))
    ]
    assert not msg.is_dense
    cloud = np.frombuffer(msg.data, np.float32).reshape(rows, columns, 4)
    v, u = np.mgrid[:36:stride, :48:stride]
    z = plane_depth()[::stride, ::stride]
    expected = np.stack([(u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z], -1)
    valid = np.isfinite(make_result().depth[::stride, ::stride])
    np.testing.assert_allclose(cloud[valid, :3], expected[valid], rtol=1e-6, atol=1e-7)
    assert np.isnan(cloud[~valid, :3]).all()
    colors = cloud[..., 3].copy().view(np.uint32)
    red, green, blue = np.moveaxis(ramp_image()[::stride, ::stride].astype(np.uint32), -1, 0)
    np.testing.assert_array_equal(colors, red << 16 | green << 8 | blue)


def test_a_cloud_without_holes_is_dense() -> None:
    assert messages.point_cloud(make_result(depth=plane_depth().astype(np.float32)), 1).is_dense
    hole = make_result().depth[HOLE]
    assert np.isnan(hole).all()


CHECKED = """
import sys
from array import array
from results import make_result
from test_messages_writing import WRITERS

counts = {}
def count(frame, event, arg):
    counts[name] = counts.get(name, 0) + (event in ("call", "c_call"))
for name, write in WRITERS.items():
    write(make_result())  # imports and caches
    result = make_result()
    sys.setprofile(count)
    msg = write(result)
    sys.setprofile(None)
    assert msg._check_fields, "the field checks are off"
    assert type(getattr(msg, "data", array("B"))) is array, name
    msg.__class__(**{f: getattr(msg, f) for f in msg.get_fields_and_field_types()})
print(max(counts.values()))
"""


def test_with_field_checks_no_byte_is_looked_at_in_python() -> None:
    """Older distributions always check: anything but array('B') costs calls for every byte."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "ROS_PYTHON_CHECK_FIELDS": "1", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", CHECKED], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    calls, smallest_image = int(done.stdout), 48 * 36 * 2
    assert calls < smallest_image // 2


def test_data_is_an_array() -> None:
    for name in ("32FC1", "16UC1", "color", "confidence", "rgb", "point_cloud"):
        data = WRITERS[name](make_result()).data
        assert type(data) is array
        assert data.typecode == "B"


def test_the_readers_take_messages_that_rosbags_deserialised() -> None:
    """rosbags gives ``data`` as a NumPy array, in an object that is not of ROS' own class."""
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    result = make_result()
    sent = serialize_message(messages.rgb_to_image(result.image, 7, "cam"))
    image = store.deserialize_cdr(sent, "sensor_msgs/msg/Image")
    np.testing.assert_array_equal(messages.image_to_rgb(image), result.image)
    assert messages.stamp_ns(image.header.stamp) == 7
    sent = serialize_message(messages.camera_info(result))
    info = store.deserialize_cdr(sent, "sensor_msgs/msg/CameraInfo")
    assert messages.camera_from_info(info).matrix.tolist() == result.camera.matrix.tolist()
