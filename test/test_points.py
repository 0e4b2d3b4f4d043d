# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Points against an analytic plane, and the PLY file read back by its own header."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from results import CAMERA, HOLE, NORMAL, OFFSET, make_result, plane_depth, ramp_image

from depth_ros.errors import FrameError
from depth_ros.frame import Camera
from depth_ros.points import POINT, points, write_ply


def plane_points(stride: int = 1) -> np.ndarray:
    result = make_result()
    return points(result.depth, CAMERA, result.image, stride)


def test_the_layout_is_what_rviz_and_pcl_read() -> None:
    offsets = {name: POINT.fields[name][1] for name in POINT.names}
    assert offsets == {"x": 0, "y": 4, "z": 8, "rgb": 12}
    assert POINT.itemsize == 16


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 100])
def test_every_point_lies_on_the_plane_and_in_its_pixel(stride: int) -> None:
    cloud = plane_points(stride)
    assert cloud.dtype == POINT
    assert cloud.shape == (-(-36 // stride), -(-48 // stride))
    xyz = np.stack([cloud["x"], cloud["y"], cloud["z"]], axis=-1).astype(float)
    valid = np.isfinite(make_result().depth)[::stride, ::stride]
    np.testing.assert_allclose(xyz[valid] @ NORMAL, OFFSET, rtol=1e-6)
    v, u = np.mgrid[:36:stride, :48:stride]
    columns = CAMERA.fx * xyz[..., 0] / xyz[..., 2] + CAMERA.cx
    rows = CAMERA.fy * xyz[..., 1] / xyz[..., 2] + CAMERA.cy
    np.testing.assert_allclose(columns[valid], u[valid], atol=1e-4)
    np.testing.assert_allclose(rows[valid], v[valid], atol=1e-4)
    np.testing.assert_array_equal(cloud["z"], make_result().depth[::stride, ::stride])


def test_invalid_depth_is_nan_in_all_three() -> None:
    cloud = plane_points()
    hole = cloud[HOLE]
    assert all(np.isnan(hole[axis]).all() for axis in "xyz")
    assert np.isnan(cloud["z"]).sum() == hole.size


@pytest.mark.parametrize("image", [ramp_image(), ramp_image()[..., ::-1].copy()[..., ::-1]])
def test_colors_sit_in_the_bits_of_a_float(image: np.ndarray) -> None:
    bits = points(make_result().depth, CAMERA, image, 5)["rgb"].view(np.uint32)
    assert bits[3, 4] == 20 << 16 | 15 << 8 | 200  # row 15, column 20
    np.testing.assert_array_equal(bits >> 24, 0)


def test_the_points_are_the_caller_s_own() -> None:
    first, second = plane_points(), plane_points()
    second["z"][:] = 0
    assert np.nanmin(first["z"]) > 0
    assert first.flags.c_contiguous


@pytest.mark.parametrize(
    ("depth", "image", "stride"),
    [
        (plane_depth()[:-1], ramp_image(), 1),
        (plane_depth(), ramp_image()[:, 1:], 1),
        (plane_depth()[:-1], ramp_image()[:-1], 1),
        (plane_depth(), ramp_image(), 0),
    ],
)
def test_sizes_that_differ_are_refused(depth: np.ndarray, image: np.ndarray, stride: int) -> None:
    with pytest.raises(FrameError, match="one size"):
        points(depth.astype(np.float32), CAMERA, image, stride)


def read_ply(path: Path) -> np.ndarray:
    """A binary PLY's vertices, by what its header says."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    kinds = {"float": "<f4", "uchar": "u1"}
    fields = [line.split()[1:] for line in lines if line.startswith("property")]
    vertices = np.frombuffer(body, [(name, kinds[kind]) for kind, name in fields])
    assert f"element vertex {len(vertices)}" in lines
    return vertices


def test_ply_holds_the_valid_points_in_row_order(tmp_path: Path) -> None:
    cloud, path = plane_points(), tmp_path / "cloud.ply"
    valid = np.isfinite(cloud["z"])
    assert write_ply(path, cloud) == valid.sum()
    vertices = read_ply(path)
    for axis in "xyz":
        np.testing.assert_array_equal(vertices[axis], cloud[axis][valid])
    colors = np.stack([vertices[name] for name in ("red", "green", "blue")], axis=-1)
    np.testing.assert_array_equal(colors, ramp_image()[valid])


def test_ply_of_a_list_of_points_and_of_none(tmp_path: Path) -> None:
    cloud = plane_points().ravel()
    assert write_ply(tmp_path / "few.ply", cloud[:10]) == len(read_ply(tmp_path / "few.ply")) == 10
    hole = plane_points()[HOLE]
    assert write_ply(str(tmp_path / "none.ply"), hole) == len(read_ply(tmp_path / "none.ply")) == 0


def test_points_color_and_readers_need_no_ros() -> None:
    code = (
        "import sys, depth_ros.points, depth_ros.color, depth_ros.messages.reading\n"
        "from depth_ros.messages import camera_from_info, compressed_to_rgb, image_to_rgb\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('rclpy', 'sensor_msgs', 'nav_msgs',"
        " 'std_msgs', 'geometry_msgs', 'builtin_interfaces')])"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_reversed_view_has_the_colours_of_its_copy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    view = np.ascontiguousarray(image[..., ::-1])[..., ::-1]
    depth, camera = np.ones((6, 8), np.float32), Camera(8, 6, 5.0, 5.0, 3.5, 2.5)
    for stride in (1, 2):
        expected = points(depth, camera, image, stride)["rgb"].view(np.uint32)
        assert np.array_equal(points(depth, camera, view, stride)["rgb"].view(np.uint32), expected)
