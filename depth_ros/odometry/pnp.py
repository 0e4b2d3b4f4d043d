# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A camera's pose from points and pixels, robustly, with its covariance from the residuals.

A corner is wrong in the image by its tracking error, and along its parallax by what a wrong depth
moves it. Both deviations are estimated from the residuals themselves, so a poor depth network
loosens the test (and the covariance) exactly in the direction in which it is poor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from depth_ros.frame import Camera, Float64
from depth_ros.odometry.corners import Mask
from depth_ros.odometry.rigid import inverse, small

STEPS, ENOUGH = 10, 1e-5  # Gauss-Newton steps, and one (m, rad) that is small enough
GATE = 16.0  # squared normalised residual of an inlier (chi square, 2 degrees: 99.97 %)
AGREED = 0.7  # share of inliers from which the guess needs no second opinion
BEST_PX = 0.05  # corners are never better than that, even where an image came twice
FLOOR_PX, CEILING_PX = 0.15, 1.0
FLOOR_DEPTH, CEILING_DEPTH = 0.005, 0.5
LEARN = 0.2  # share of a new frame in the running noise
SHARE = 0.35  # of the corners must agree, or something else than the scene moves
BLIND = 1.0  # m^2 or rad^2: above it the points do not hold the pose


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations: of a corner in pixels, and of its depth as a share of that depth."""

    pixel: float = 0.3
    depth: float = 0.1


@dataclass(frozen=True, slots=True)
class Solution:
    """A pose with its covariance (6x6, in the current camera's axes) and inliers (n,)."""

    keyframe_from_current: Float64
    covariance: Float64
    inliers: Mask
    noise: Noise


@dataclass(frozen=True, slots=True)
class Linear:
    """Residuals (n, 2) in pixels, along each corner's parallax and across it, at one pose.

    ``jacobian`` (n, 2, 6) is their derivative by the pose's error, ``deviation`` (n, 2) what the
    noise lets expect, ``parallax`` (n,) the pixels by which a depth wrong by a factor e shifts
    the corner. NaN for points behind the camera.
    """

    residual: Float64
    jacobian: Float64
    deviation: Float64
    parallax: Float64

    def distances(self) -> Float64:
        """Squared normalised residuals (n,), infinite for points behind the camera."""
        squared = np.square(self.residual / self.deviation).sum(1)
        return np.where(np.isnan(squared), np.inf, squared)

    def normal(self, weights: Float64) -> tuple[Float64, Float64]:
        """The weighted normal equations: 6x6 and 6."""
        weights = np.sqrt(weights)[:, None] / self.deviation
        used = (weights > 0).all(1)
        weights = weights[used]
        left = (self.jacobian[used] * weights[..., None]).reshape(-1, 6)
        right = (self.residual[used] * weights).ravel()
        return left.T @ left + 1e-9 * np.eye(6), left.T @ right


@dataclass(frozen=True, slots=True)
class Problem:
    """Points (n, 3) in the keyframe that are seen at pixels (n, 2) of the current camera."""

    points: Float64
    pixels: Float64
    camera: Camera
    noise: Noise

    def at(self, current_from_keyframe: Float64) -> Linear:
        """The residuals at a pose, linearised."""
        turned = self.points @ current_from_keyframe[:3, :3].T
        x, y, z = (turned + current_from_keyframe[:3, 3]).T
        w = 1 / np.where(z > 0.01, z, np.nan)
        u, v, fx, fy = x * w, y * w, self.camera.fx, self.camera.fy
        seen = np.stack([fx * u + self.camera.cx, fy * v + self.camera.cy], 1)
        shift = np.stack(
            [
                fx * w * (turned[:, 0] - u * turned[:, 2]),
                fy * w * (turned[:, 1] - v * turned[:, 2]),
            ],
            1,
        )
        length = np.sqrt(np.square(shift).sum(1)) + 1e-12
        some = length[:, None] > 1e-9  # without parallax any axes will do
        c, s = np.where(some, shift / length[:, None], [1.0, 0.0]).T
        jacobian = np.empty((len(z), 2, 6))
        by_u = fx * np.stack([-w, 0 * w, u * w, u * v, -1 - u * u, v], 1)
        by_v = fy * np.stack([0 * w, -w, v * w, 1 + v * v, -u * v, -u], 1)
        jacobian[:, 0] = c[:, None] * by_u + s[:, None] * by_v
        jacobian[:, 1] = c[:, None] * by_v - s[:, None] * by_u
        a, b = (self.pixels - seen).T
        residual = np.stack([c * a + s * b, c * b - s * a], 1)
        along = np.sqrt(self.noise.pixel**2 + np.square(self.noise.depth * length))
        deviation = np.stack([along, np.full_like(along, self.noise.pixel)], 1)
        return Linear(residual, jacobian, deviation, length)

    def refine(self, current_from_keyframe: Float64) -> Float64:
        """Gauss-Newton with Cauchy weights from a first pose to the nearest minimum."""
        pose = current_from_keyframe
        for _ in range(STEPS):
            linear = self.at(pose)
            hessian, gradient = linear.normal(1 / (1 + linear.distances() / 4))
            step = np.asarray(np.linalg.solve(hessian, gradient), np.float64)
            pose = inverse(small(step)) @ pose
            if np.abs(step).max() < ENOUGH:
                break
        return np.asarray(pose)

    def covariance(self, current_from_keyframe: Float64, spread: float) -> Float64:
        """6x6 from all points, whose residuals' squares are ``spread`` times the expected."""
        linear = self.at(current_from_keyframe)
        hessian, _ = linear.normal(np.isfinite(linear.distances()).astype(np.float64))
        return np.asarray(spread * np.linalg.inv(hessian))

    def measured(self, current_from_keyframe: Float64) -> Noise:
        """The running noise, brought nearer to what the residuals show."""
        linear = self.at(current_from_keyframe)
        along, across = np.abs(linear.residual.T)
        pixel = float(np.clip(1.4826 * np.median(across), FLOOR_PX, CEILING_PX))
        noise = replace(self.noise, pixel=_mix(self.noise.pixel, pixel))
        far = linear.parallax > 4 * pixel
        if far.sum() < 20:
            return noise
        shift = linear.parallax[far]
        total = np.square(1.4826 * np.median(along[far] / shift))
        depth = np.sqrt(max(total - np.median(np.square(pixel / shift)), 0.0))
        depth = float(np.clip(depth, FLOOR_DEPTH, CEILING_DEPTH))
        return replace(noise, depth=_mix(self.noise.depth, depth))


def _mix(old: float, new: float) -> float:
    return (1 - LEARN) * old + LEARN * new


def solve(problem: Problem, current_from_keyframe: Float64, least: int) -> Solution | str:
    """The pose near a guess, or by random samples (Fischler and Bolles 1981); or why not."""
    if len(problem.points) < least:
        return f"only {len(problem.points)} corners were found again; {least} are needed"
    pose = problem.refine(current_from_keyframe)
    distances = problem.at(pose).distances()
    if (distances < GATE).mean() < AGREED and (other := _sampled(problem, pose)) is not None:
        others = problem.at(other).distances()
        if (others < GATE).sum() > (distances < GATE).sum():
            pose, distances = other, others
    return _judged(problem, pose, distances, least)


def _judged(problem: Problem, pose: Float64, distances: Float64, least: int) -> Solution | str:
    inliers = distances < GATE
    count, total = int(inliers.sum()), len(inliers)
    needed = max(least, math.ceil(SHARE * total))
    if count < needed:
        return f"only {count} of {total} corners agree on one motion; {needed} are needed"
    spread = max(float(distances[inliers].mean()) / 2, (BEST_PX / problem.noise.pixel) ** 2)
    chosen = replace(problem, points=problem.points[inliers], pixels=problem.pixels[inliers])
    covariance = chosen.covariance(pose, spread * count / (count - 3))
    if not (np.diag(covariance) < BLIND).all():
        return "the corners are too few, too far or too close together to hold the motion"
    return Solution(inverse(pose), covariance, inliers, chosen.measured(pose))


def _sampled(problem: Problem, guess: Float64) -> Float64 | None:
    parallax = problem.at(guess).parallax
    parallax = parallax[np.isfinite(parallax)]
    by_depth = problem.noise.depth * float(np.median(parallax)) if len(parallax) else 0.0
    error = max(1.5, 3 * math.hypot(problem.noise.pixel, by_depth))
    ok, turn, shift, _ = cv2.solvePnPRansac(
        problem.points,
        problem.pixels,
        problem.camera.matrix,
        None,
        iterationsCount=150,
        reprojectionError=error,
        confidence=0.999,
        flags=cv2.SOLVEPNP_AP3P,
    )
    if not ok or not (np.isfinite(turn).all() and np.isfinite(shift).all()):
        return None
    return problem.refine(small(np.concatenate([shift.ravel(), turn.ravel()])))
