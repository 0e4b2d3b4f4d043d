# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rigid motions as 4x4 matrices, and their uncertainty.

A small error of ``a_from_b`` is a twist (x, y, z, rotation about x, y, z) in b's axes:
``truth = a_from_b @ exp(twist)``; its 6x6 covariance is meant so throughout this package.
"""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.frame import Float64


def _frozen(matrix: Float64) -> Float64:
    matrix.setflags(write=False)
    return matrix


# The first camera's optical axes (x right, y down, z forward) in REP 103's (x forward, z up).
ODOM_FROM_OPTICAL = _frozen(np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
NONE = _frozen(np.zeros((6, 6)))
UNKNOWN = _frozen(np.eye(6) * 1e6)  # (1 km)^2 and (1000 rad)^2: says nothing at all


def identity() -> Float64:
    """A new 4x4 identity."""
    return np.eye(4)


def inverse(a_from_b: Float64) -> Float64:
    """b_from_a."""
    b_from_a = np.eye(4)
    b_from_a[:3, :3] = a_from_b[:3, :3].T
    b_from_a[:3, 3] = -a_from_b[:3, :3].T @ a_from_b[:3, 3]
    return b_from_a


def skew(v: Float64) -> Float64:
    """The matrix of the cross product with v."""
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])


def small(twist: Float64) -> Float64:
    """The motion with that translation and rotation vector (exp, to first order in both)."""
    motion = np.eye(4)
    motion[:3, :3] = cv2.Rodrigues(np.ascontiguousarray(twist[3:]))[0]
    motion[:3, 3] = twist[:3]
    return motion


def part(motion: Float64, share: float) -> Float64:
    """A share of a motion, at constant velocity; more than 1 extrapolates."""
    turn = cv2.Rodrigues(motion[:3, :3])[0].ravel()
    return small(np.concatenate([motion[:3, 3], turn]) * share)


def carried(covariance: Float64, a_from_b: Float64) -> Float64:
    """The covariance of ``x_from_a``, as an error of ``x_from_a @ a_from_b``: in b's axes."""
    turn, offset = a_from_b[:3, :3].T, a_from_b[:3, 3]
    adjoint = np.zeros((6, 6))
    adjoint[:3, :3] = adjoint[3:, 3:] = turn
    adjoint[:3, 3:] = -turn @ skew(offset)
    return np.asarray(adjoint @ covariance @ adjoint.T)


def in_axes_of(covariance: Float64, a_from_b: Float64) -> Float64:
    """The covariance of ``a_from_b`` with its error's axes turned from b's to a's.

    UNKNOWN stays UNKNOWN, the same object.
    """
    if covariance is UNKNOWN:
        return UNKNOWN
    turn = np.zeros((6, 6))
    turn[:3, :3] = turn[3:, 3:] = a_from_b[:3, :3]
    return np.asarray(turn @ covariance @ turn.T)


def stretch(a_from_b: Float64, share: float) -> Float64:
    """The covariance of ``a_from_b`` from a length that is wrong by a share of it, in b's axes.

    A network's depth errs alike at many corners at once, which no number of corners averages out.
    """
    covariance = np.zeros((6, 6))
    way = share * (a_from_b[:3, :3].T @ a_from_b[:3, 3])
    covariance[:3, :3] = np.outer(way, way)
    return covariance
