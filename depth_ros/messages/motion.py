# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Motion to nav_msgs/Odometry, a pose with covariance, and a transform.

What is not known gets the variance UNKNOWN, zeros to the other components, and, as velocity, zero:
translations while the scale is unknown; everything while the camera is lost, has just been reset
or is not tracked, and the velocity of a first frame.
"""

from __future__ import annotations

import math

import numpy as np
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseWithCovarianceStamped,
    Quaternion,
    TransformStamped,
    Twist,
    Vector3,
)
from nav_msgs.msg import Odometry

from depth_ros.frame import DepthResult, Float64
from depth_ros.messages.writing import to_header

UNKNOWN = 1e6  # m^2 or rad^2 (and per s^2): a standard deviation of 1 km, so filters ignore it


def odometry(result: DepthResult, odom_frame: str) -> Odometry:
    """The camera's pose in ``odom_frame`` and its velocity in its own optical frame.

    The velocity is the mean one since the previous frame: of the current camera against the odom
    frame, in the current camera's axes. Covariances are 6x6, row by row, of x, y, z and the
    rotations about them: the pose's in the odom frame's axes, the velocity's in the camera's.
    """
    motion = result.motion
    velocity, covariance = _velocity(result)
    msg = Odometry(header=to_header(result.stamp_ns, odom_frame), child_frame_id=result.frame_id)
    msg.pose.pose = _pose(motion.odom_from_camera)
    msg.pose.covariance = _pose_covariance(result).ravel()
    linear, angular = (Vector3(**_xyz(v)) for v in (velocity[:3], velocity[3:]))
    msg.twist.twist = Twist(linear=linear, angular=angular)
    msg.twist.covariance = covariance.ravel()
    return msg


def pose(result: DepthResult, odom_frame: str) -> PoseWithCovarianceStamped:
    """The camera's pose in ``odom_frame``, as odometry gives it."""
    msg = PoseWithCovarianceStamped(header=to_header(result.stamp_ns, odom_frame))
    msg.pose.pose = _pose(result.motion.odom_from_camera)
    msg.pose.covariance = _pose_covariance(result).ravel()
    return msg


def transform(result: DepthResult, odom_frame: str) -> TransformStamped:
    """``odom_frame`` to the camera's optical frame, for TF."""
    odom_from_camera = result.motion.odom_from_camera
    msg = TransformStamped(
        header=to_header(result.stamp_ns, odom_frame), child_frame_id=result.frame_id
    )
    msg.transform.translation = Vector3(**_xyz(odom_from_camera[:3, 3]))
    msg.transform.rotation = _rotation(odom_from_camera)
    return msg


def quaternion(rotation: Float64) -> tuple[float, float, float, float]:
    """A 3x3 rotation as a unit quaternion (x, y, z, w) with w >= 0, accurate at every angle.

    The eigenvector of Bar-Itzhack 2000 ("New method for extracting the quaternion from a rotation
    matrix"), which is also the nearest rotation where the matrix is not quite one.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation
    symmetric = np.array(
        [
            [a - e - i, 0, 0, 0],
            [b + d, e - a - i, 0, 0],
            [c + g, f + h, i - a - e, 0],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    x, y, z, w = (float(v) for v in np.linalg.eigh(symmetric)[1][:, -1])  # reads the lower half
    return (x, y, z, w) if w >= 0 else (-x, -y, -z, -w)


def _pose_covariance(result: DepthResult) -> Float64:
    return _marked(result.motion.pose_covariance, result)


def _velocity(result: DepthResult) -> tuple[Float64, Float64]:
    """The camera's (linear, angular) velocity in its own axes, and its 6x6 covariance."""
    motion, seconds = result.motion, result.motion.interval_ns * 1e-9
    if seconds <= 0 or not _known(result):
        return np.zeros(6), np.eye(6) * UNKNOWN
    previous_from_current = motion.previous_from_current
    rotation = previous_from_current[:3, :3]
    linear = rotation.T @ previous_from_current[:3, 3]
    covariance = _marked(motion.covariance / seconds**2, result)
    return np.concatenate([linear, _rotation_vector(rotation)]) / seconds, covariance


def _known(result: DepthResult) -> bool:
    return result.motion.state in ("tracking", "stationary")


def _marked(covariance: Float64, result: DepthResult) -> Float64:
    """The covariance, with UNKNOWN for what is unknown. Zeros beside it keep it positive."""
    marked = np.array(covariance, np.float64)
    unknown = slice(0, 3 if _known(result) else 6)
    if _known(result) and result.scale_known:
        return marked
    marked[unknown, :] = marked[:, unknown] = 0
    marked[unknown, unknown] = np.eye(unknown.stop) * UNKNOWN
    return marked


def _rotation_vector(rotation: Float64) -> Float64:
    *axis, w = quaternion(rotation)
    sine = float(np.linalg.norm(axis))
    scale = 2 * math.atan2(sine, w) / sine if sine > 0 else 2.0
    return np.array(axis) * scale


def _pose(odom_from_camera: Float64) -> Pose:
    position = Point(**_xyz(odom_from_camera[:3, 3]))
    return Pose(position=position, orientation=_rotation(odom_from_camera))


def _rotation(transform: Float64) -> Quaternion:
    x, y, z, w = quaternion(transform[:3, :3])
    return Quaternion(x=x, y=y, z=z, w=w)


def _xyz(vector: Float64) -> dict[str, float]:
    return {name: float(value) for name, value in zip("xyz", vector, strict=True)}
