# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ego-motion against truth: whole paths, 5-frame snippets, and KITTI's segments.

Poses are (N, 4, 4) ``world_from_camera`` in metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Float64
from depth_ros.metrics import align, trajectory_error
from depth_ros.training.data.readers.tum import rotation_of

SNIPPET = 5
LENGTHS_M = (100, 200, 300, 400, 500, 600, 700, 800)
STEP = 10  # a segment starts at every 10th frame


def read_poses(path: Path) -> Float64:
    """(N, 4, 4) from lines of 12 (KITTI) or 16 numbers, or of 8: TUM's time x y z qx qy qz qw."""
    try:
        values = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read poses in {path}: {error}") from error
    poses = np.tile(np.eye(4), (len(values), 1, 1))
    if values.shape[1] == 16:
        poses = values.reshape(-1, 4, 4)
    elif values.shape[1] == 12:
        poses[:, :3] = values.reshape(-1, 3, 4)
    elif values.shape[1] == 8:
        poses[:, :3, 3] = values[:, 1:4]
        poses[:, :3, :3] = [rotation_of(q) for q in values[:, 4:]]
    else:
        raise SourceError(
            f"poses in {path}", expected="12, 16 or 8 numbers a line", got=values.shape[1]
        )
    if not np.isfinite(poses).all():
        raise SourceError(f"poses in {path}", expected="finite numbers", got="NaN or infinity")
    return poses


def path_errors(estimate: Float64, truth: Float64) -> dict[str, float]:
    """ATE after alignment, metres: ``ate`` by a similarity, ``ate_rigid`` by a rigid motion."""
    _check(estimate, truth, 3)
    scaled = trajectory_error(estimate[:, :3, 3], truth[:, :3, 3], scale=True)
    rigid = trajectory_error(estimate[:, :3, 3], truth[:, :3, 3])
    return {
        "ate": scaled["rmse"],
        "ate_rigid": rigid["rmse"],
        "ate_percent": scaled["rmse_percent"],
        "ate_max": scaled["max"],
        "scale": scaled["scale"],
        "path_m": scaled["length"],
    }


def snippet_error(estimate: Float64, truth: Float64) -> tuple[float, float]:
    """ATE (metres) and rotation error (radians) of one snippet of N poses, SfMLearner 2017.

    Both are moved so that the first pose is the identity; then with p, g the positions and
    s = sum(g p) / sum(p^2): sqrt(sum |s p - g|^2) / N. The rotation error is the mean of
    arccos((tr(Rg Rp^T) - 1) / 2). A prediction that stands still is left unscaled.
    """
    _check(estimate, truth, 1)
    moved, wanted = np.linalg.inv(estimate[0]) @ estimate, np.linalg.inv(truth[0]) @ truth
    p, g = moved[:, :3, 3], wanted[:, :3, 3]
    size = float(np.sum(p**2))
    scale = float(np.sum(g * p)) / size if size > 0 else 1.0
    error = float(np.sqrt(np.sum((scale * p - g) ** 2))) / len(p)
    turned = wanted[:, :3, :3] @ np.transpose(moved[:, :3, :3], (0, 2, 1))
    return error, float(np.mean([_angle(r) for r in turned]))


def snippet_errors(estimate: Float64, truth: Float64, length: int = SNIPPET) -> dict[str, float]:
    """Mean and standard deviation over all snippets of successive poses."""
    _check(estimate, truth, length)
    starts = range(len(truth) - length + 1)
    found = [snippet_error(estimate[i : i + length], truth[i : i + length]) for i in starts]
    ate, turned = np.array(found).T
    return {
        "ate": float(ate.mean()),
        "ate_std": float(ate.std()),
        "re": float(turned.mean()),
        "re_std": float(turned.std()),
        "snippets": float(len(found)),
    }


def segment_errors(
    estimate: Float64,
    truth: Float64,
    *,
    scale: bool = True,
    lengths_m: Sequence[float] = LENGTHS_M,
) -> dict[str, float]:
    """KITTI's t_rel (percent) and r_rel (degrees per 100 m), means over all segments.

    From every 10th frame i, for each length L, j is the first frame more than L metres of true
    path further on. E = (inv(P_i) P_j)^-1 (inv(G_i) G_j); its translation and angle are divided
    by L. ``scale``: the estimate is first scaled by the similarity that aligns it best; the rest
    of an alignment does not matter here. FrameError where the path is shorter than any segment.
    """
    _check(estimate, truth, 3)
    factor = 1.0
    if scale:
        moved = align(estimate[:, :3, 3], truth[:, :3, 3], scale=True)
        factor = float(np.cbrt(np.linalg.det(moved[:3, :3])))
        estimate = estimate.copy()
        estimate[:, :3, 3] *= factor
    steps = np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1)
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    found = []
    for first in range(0, len(truth), STEP):
        for length in lengths_m:
            last = int(np.searchsorted(distance, distance[first] + length, side="right"))
            if last < len(truth):
                found.append(_segment(estimate, truth, first, last, length))
    if not found:
        raise FrameError(
            "length of the path",
            expected=f"more than {min(lengths_m):g} m",
            got=f"{distance[-1]:.1f} m",
            fix="Take a longer part, or the protocol ate or ate_snippets.",
        )
    translation, rotation = np.array(found).mean(axis=0)
    return {
        "t_rel": 100 * float(translation),
        "r_rel": 100 * float(np.degrees(rotation)),
        "segments": float(len(found)),
        "scale": factor,
        "path_m": float(distance[-1]),
    }


def _segment(
    estimate: Float64, truth: Float64, first: int, last: int, length: float
) -> tuple[float, float]:
    ours = np.linalg.inv(estimate[first]) @ estimate[last]
    error = np.linalg.inv(ours) @ np.linalg.inv(truth[first]) @ truth[last]
    return float(np.linalg.norm(error[:3, 3])) / length, _angle(error[:3, :3]) / length


def _angle(rotation: Float64) -> float:
    """arccos((tr R - 1) / 2), radians."""
    return float(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1.0, 1.0)))


def _check(estimate: Float64, truth: Float64, least: int) -> None:
    if estimate.shape != truth.shape or estimate.shape[1:] != (4, 4) or len(truth) < least:
        raise FrameError(
            "trajectories to compare",
            expected=f"two of the same number of poses, at least {least}",
            got=f"{len(estimate)} predicted and {len(truth)} true poses",
        )
