# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the covariance of ego-motion is that of its errors."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from courses import (
    CAMERA,
    ate_percent,
    difference,
    rendered_walk,
    run,
    states,
    surprise,
    true_step,
    with_image,
)
from synthetic import View

from depth_ros.config import OdometryConfig
from depth_ros.frame import Float32, Float64, Motion
from depth_ros.odometry.pnp import Noise, Problem, Solution, solve
from depth_ros.odometry.rigid import (
    ODOM_FROM_OPTICAL,
    carried,
    in_axes_of,
    inverse,
    small,
)


@pytest.fixture
def course() -> list[View]:
    return list(rendered_walk())


def wavy(depth: Float32, rng: np.random.Generator, deviation: float) -> Float32:
    """Depth wrong by a smooth factor, as a network's is."""
    waves = cv2.resize(rng.normal(0, deviation, (4, 5)), depth.shape[::-1])
    return (depth * np.exp(waves)).astype(np.float32)


def test_poor_depth_is_survived_and_widens_the_covariance(course: list[View]) -> None:
    rng = np.random.default_rng(3)
    poor = [replace(view, depth=wavy(view.depth, rng, 0.15)) for view in course]
    exact_motions, motions = run(course), run(poor)
    assert states(motions) == ["reset"] + ["tracking"] * 47
    assert ate_percent(poor, motions) < 5
    exact = np.median([np.trace(m.covariance[:3, :3]) for m in exact_motions[1:]])
    assert np.median([np.trace(m.covariance[:3, :3]) for m in motions[1:]]) > 2 * exact


def test_covariance_agrees_with_the_errors(course: list[View]) -> None:
    """The mean of 6 degrees of freedom is 6; neighbouring corners err alike, so not exactly."""
    motions = run(course)
    steps = itertools.starmap(true_step, itertools.pairwise(course))
    found = [surprise(m, truth) for m, truth in zip(motions[1:], steps, strict=True)]
    assert 0.5 < np.mean(found) < 12
    assert np.mean(np.array(found) > 30) < 0.1


def test_covariance_grows_with_fewer_corners_and_more_noise(course: list[View]) -> None:
    rng = np.random.default_rng(0)

    def grainy(view: View) -> View:
        image = view.frame.image + rng.normal(0, 25, view.frame.image.shape)
        return with_image(view, np.clip(image, 0, 255).astype(np.uint8))

    def typical(motions: list[Motion]) -> float:
        return float(np.median([np.trace(m.covariance[3:, 3:]) for m in motions[1:]]))

    usual = typical(run(course[:12]))
    assert typical(run(course[:12], OdometryConfig(corners=60))) > 2 * usual
    assert typical(run([grainy(v) for v in course[:12]])) > 1.5 * usual


def test_pose_covariance_grows_along_the_way_and_covers_the_error(course: list[View]) -> None:
    motions = run(course)
    traces = [np.trace(m.pose_covariance) for m in motions]
    assert traces[0] == 0
    assert traces[-1] > traces[12] > traces[1] > 0
    for motion in motions[1:]:
        assert np.allclose(motion.pose_covariance, motion.pose_covariance.T)
        assert np.linalg.eigvalsh(motion.pose_covariance).min() > 0
    start = ODOM_FROM_OPTICAL @ inverse(course[0].world_from_camera)
    surprises = []
    for view, motion in zip(course[1:], motions[1:], strict=True):
        truth, there = start @ view.world_from_camera, motion.odom_from_camera
        turn = cv2.Rodrigues(truth[:3, :3] @ there[:3, :3].T)[0].ravel()
        error = np.concatenate([truth[:3, 3] - there[:3, 3], turn])
        surprises.append(float(error @ np.linalg.solve(motion.pose_covariance, error)))
    assert np.mean(surprises) < 18


def test_covariances_are_carried_as_errors_are() -> None:
    rng = np.random.default_rng(5)
    a_from_b, b_from_c = (small(rng.normal(0, 0.6, 6)) for _ in range(2))
    error = rng.normal(0, 1e-4, 6)
    truth = a_from_b @ small(error) @ b_from_c
    expected = difference(a_from_b @ b_from_c, truth)
    assert np.allclose(
        carried(np.outer(error, error), b_from_c), np.outer(expected, expected), atol=1e-11
    )
    moved = a_from_b @ small(error)
    turn = cv2.Rodrigues(moved[:3, :3] @ a_from_b[:3, :3].T)[0].ravel()
    in_a = np.concatenate([moved[:3, 3] - a_from_b[:3, 3], turn])
    assert np.allclose(
        in_axes_of(np.outer(error, error), a_from_b), np.outer(in_a, in_a), atol=1e-11
    )


def problem(outliers: float, count: int = 200, noise_px: float = 0.2) -> tuple[Problem, Float64]:
    """Points seen from a known pose, some of them anywhere; and current_from_keyframe."""
    rng = np.random.default_rng(8)
    points = rng.uniform([-2, -1.5, 1.5], [2, 1.5, 5], (count, 3))
    truth = small(np.array([0.3, -0.1, 0.2, 0.05, -0.3, 0.1]))
    moved = points @ truth[:3, :3].T + truth[:3, 3]
    pixels = moved[:, :2] / moved[:, 2:] * CAMERA.fx + [CAMERA.cx, CAMERA.cy]
    pixels += rng.normal(0, noise_px, pixels.shape)
    wild = rng.random(count) < outliers
    pixels[wild] = rng.uniform(0, [320, 240], (wild.sum(), 2))
    return Problem(points, pixels, CAMERA, Noise(0.3, 0.01)), truth


def test_pose_is_found_among_outliers_without_a_guess() -> None:
    given, truth = problem(outliers=0.55)
    solution = solve(given, np.eye(4), 15)
    assert isinstance(solution, Solution)
    assert np.abs(difference(inverse(solution.keyframe_from_current), truth)).max() < 0.005
    fitting = given.at(truth).distances() < 16
    assert 60 < fitting.sum() < 110
    assert (solution.inliers == fitting).mean() > 0.98


def test_what_is_no_motion_is_refused_with_a_reason() -> None:
    assert "agree on one motion" in str(solve(problem(outliers=0.9)[0], np.eye(4), 15))
    assert str(solve(problem(0, count=9)[0], np.eye(4), 15)).startswith(
        "only 9 corners were found"
    )
    far, _ = problem(0)
    far = replace(far, points=far.points * 1e5)
    assert "hold the motion" in str(solve(far, np.eye(4), 15))


def test_pnp_covariance_is_that_of_its_errors() -> None:
    """Independent noise of 0.2 pixels: the mean normalised error squared is 6."""
    rng = np.random.default_rng(2)
    given, truth = problem(0, noise_px=0.0)
    surprises = []
    for _ in range(60):
        noisy = replace(given, pixels=given.pixels + rng.normal(0, 0.2, given.pixels.shape))
        solution = solve(replace(noisy, noise=Noise(0.2, 0.005)), truth, 15)
        assert isinstance(solution, Solution)
        error = difference(solution.keyframe_from_current, inverse(truth))
        surprises.append(error @ np.linalg.solve(solution.covariance, error))
    assert 4 < np.mean(surprises) < 8
