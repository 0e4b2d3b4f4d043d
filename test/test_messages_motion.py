# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Motion messages: frames, velocities and covariances against motions that are known."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion
from results import make_motion, make_result
from scipy.spatial.transform import Rotation

from depth_ros import messages
from depth_ros.frame import DepthResult
from depth_ros.messages.motion import UNKNOWN, quaternion

SECONDS = 0.1
PREVIOUS = np.eye(4)  # odom from the previous camera
PREVIOUS[:3, :3] = Rotation.from_euler("zyx", [0.4, -0.2, 1.1]).as_matrix()
PREVIOUS[:3, 3] = 1.0, -2.0, 0.5
STEP = np.eye(4)  # the previous camera from the current one
STEP[:3, :3] = Rotation.from_rotvec([0.01, -0.2, 0.03]).as_matrix()
STEP[:3, 3] = 0.02, -0.01, 0.15
_ROOT = np.random.default_rng(3).normal(size=(6, 6))
COVARIANCE = _ROOT @ _ROOT.T * 1e-4


def moving(state: str = "tracking", scale_known: bool = True, ns: int = 10**8) -> DepthResult:
    motion = make_motion(
        state=state,
        odom_from_camera=PREVIOUS @ STEP,
        previous_from_current=STEP,
        covariance=COVARIANCE,
        pose_covariance=2 * COVARIANCE,
        interval_ns=ns,
    )
    return make_result(motion=motion, scale_known=scale_known)


def test_quaternions_are_scipy_s() -> None:
    rng = np.random.default_rng(0)
    angles = np.concatenate([rng.uniform(0, np.pi, 200), np.pi - np.logspace(-12, -1, 50), [0]])
    for angle in angles:
        axis = rng.normal(size=3)
        rotation = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis))
        ours, theirs = np.array(quaternion(rotation.as_matrix())), rotation.as_quat()
        assert ours[3] >= 0
        assert np.linalg.norm(ours) == pytest.approx(1, abs=1e-12)
        assert abs(ours @ theirs) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("axis", np.eye(3))
def test_half_turns(axis: np.ndarray) -> None:
    rotation = 2 * np.outer(axis, axis) - np.eye(3)
    assert np.abs(quaternion(rotation)) == pytest.approx([*axis, 0], abs=1e-12)


def vector(msg: object) -> np.ndarray:
    return np.array([msg.x, msg.y, msg.z])


def matrix(q: Quaternion) -> np.ndarray:
    return Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()


def test_pose_and_transform() -> None:
    result = moving()
    odometry = messages.odometry(result, "map")
    pose, transform = messages.pose(result, "map"), messages.transform(result, "map")
    expected = PREVIOUS @ STEP
    for position, orientation in (
        (odometry.pose.pose.position, odometry.pose.pose.orientation),
        (pose.pose.pose.position, pose.pose.pose.orientation),
        (transform.transform.translation, transform.transform.rotation),
    ):
        np.testing.assert_allclose(vector(position), expected[:3, 3], atol=1e-12)
        np.testing.assert_allclose(matrix(orientation), expected[:3, :3], atol=1e-12)
    assert {m.header.frame_id for m in (odometry, pose, transform)} == {"map"}
    assert odometry.child_frame_id == transform.child_frame_id == result.frame_id
    for msg in (odometry, pose):
        np.testing.assert_array_equal(msg.pose.covariance, 2 * COVARIANCE.ravel())


def test_velocity_is_the_pose_s_change_in_the_current_camera() -> None:
    """Seen from the odom frame: the step between the two poses, over the time between them."""
    twist = messages.odometry(moving(), "odom").twist
    current = PREVIOUS @ STEP
    in_odom = (current[:3, 3] - PREVIOUS[:3, 3]) / SECONDS
    np.testing.assert_allclose(current[:3, :3] @ vector(twist.twist.linear), in_odom, atol=1e-12)
    turn = Rotation.from_matrix(current[:3, :3] @ PREVIOUS[:3, :3].T).as_rotvec() / SECONDS
    np.testing.assert_allclose(current[:3, :3] @ vector(twist.twist.angular), turn, atol=1e-12)
    np.testing.assert_allclose(
        np.reshape(twist.covariance, (6, 6)), COVARIANCE / SECONDS**2, rtol=1e-12
    )


def test_forward_motion_is_along_the_optical_axis() -> None:
    step = np.eye(4)
    step[2, 3] = 0.2
    result = make_result(motion=make_motion(previous_from_current=step, interval_ns=10**8))
    twist = messages.odometry(result, "odom").twist.twist
    np.testing.assert_allclose(vector(twist.linear), [0, 0, 2], atol=1e-12)
    np.testing.assert_allclose(vector(twist.angular), 0, atol=1e-12)


def test_unknown_scale_is_said_by_the_covariance_of_translations() -> None:
    msg = messages.odometry(moving(scale_known=False), "odom")
    for covariance, known in (
        (msg.pose.covariance, 2 * COVARIANCE),
        (msg.twist.covariance, COVARIANCE / SECONDS**2),
        (messages.pose(moving(scale_known=False), "odom").pose.covariance, 2 * COVARIANCE),
    ):
        square = np.reshape(covariance, (6, 6))
        np.testing.assert_array_equal(square[:3, :3], np.eye(3) * UNKNOWN)
        np.testing.assert_array_equal(square[:3, 3:], 0)
        np.testing.assert_array_equal(square[3:, :3], 0)
        np.testing.assert_allclose(square[3:, 3:], known[3:, 3:], rtol=1e-12)


@pytest.mark.parametrize("state", ["lost", "reset", "off"])
@pytest.mark.parametrize("scale_known", [True, False])
def test_states_without_motion_know_nothing(state: str, scale_known: bool) -> None:
    msg = messages.odometry(moving(state, scale_known), "odom")
    for covariance in (msg.pose.covariance, msg.twist.covariance):
        np.testing.assert_array_equal(np.reshape(covariance, (6, 6)), np.eye(6) * UNKNOWN)
    assert not vector(msg.twist.twist.linear).any()
    assert not vector(msg.twist.twist.angular).any()


def test_a_first_frame_has_a_pose_but_no_velocity() -> None:
    msg = messages.odometry(moving(ns=0), "odom")
    np.testing.assert_array_equal(msg.pose.covariance, 2 * COVARIANCE.ravel())
    np.testing.assert_array_equal(np.reshape(msg.twist.covariance, (6, 6)), np.eye(6) * UNKNOWN)
