# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth and trajectory metrics, by the protocols of the papers (numpy only).

Depth maps are metres; truth is NaN, 0 or negative where unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError

Array = npt.NDArray[np.floating]
Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEAST = 1e-6  # predictions are at least this many metres wherever a logarithm or ratio is taken


def known(truth: Array, low: float = 0.0, high: float = np.inf) -> Mask:
    """Where the truth is known and between ``low`` and ``high`` metres (both excluded)."""
    with np.errstate(invalid="ignore"):
        mask: Mask = np.isfinite(truth) & (truth > low) & (truth < high)
    return mask


def median_scale(prediction: Array, truth: Array, mask: Mask | None = None) -> float:
    """median(truth) / median(prediction) over the mask: the scale that a monocular net lacks."""
    mask = _common(prediction, truth, mask)
    return float(np.median(truth[mask]) / np.median(prediction[mask]))


def depth_metrics(
    prediction: Array, truth: Array, mask: Mask | None = None, *, scale: bool = False
) -> dict[str, float]:
    """The error measures of one image.

    abs_rel mean |d - g| / g; sq_rel mean (d - g)^2 / g; rmse; rmse_log (natural); log10; silog =
    100 sqrt(mean e^2 - (mean e)^2), e = ln d - ln g; delta1..3 the share with max(d/g, g/d) <
    1.25^k; irmse and imae in 1/km; coverage the share of known truth that is predicted. ``mask``
    is where truth is known, by default ``known(truth)``. ``scale``: median scaling first.
    Raises FrameError where nothing can be compared.
    """
    given = known(truth) if mask is None else mask
    mask = _common(prediction, truth, given)
    d = prediction[mask].astype(np.float64)
    g = truth[mask].astype(np.float64)
    if scale:
        d = d * (np.median(g) / np.median(d))
    d = np.maximum(d, LEAST)
    e = np.log(d) - np.log(g)
    ratio = np.maximum(d / g, g / d)
    inverse = 1000 * (1 / d - 1 / g)
    return {
        "abs_rel": float(np.mean(np.abs(d - g) / g)),
        "sq_rel": float(np.mean((d - g) ** 2 / g)),
        "rmse": float(np.sqrt(np.mean((d - g) ** 2))),
        "rmse_log": float(np.sqrt(np.mean(e**2))),
        "log10": float(np.mean(np.abs(e)) / np.log(10)),
        "silog": float(100 * np.std(e)),
        "delta1": float(np.mean(ratio < 1.25)),
        "delta2": float(np.mean(ratio < 1.25**2)),
        "delta3": float(np.mean(ratio < 1.25**3)),
        "irmse": float(np.sqrt(np.mean(inverse**2))),
        "imae": float(np.mean(np.abs(inverse))),
        "coverage": float(mask.sum() / given.sum()),
    }


def fastdepth_metrics(prediction: Array, truth: Array) -> dict[str, float]:
    """rmse and delta1 as FastDepth counts: pixels where truth or prediction is positive."""
    mask = (truth > 0) | (prediction > 0)
    d, g = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
    ratio = np.maximum(d / np.maximum(g, LEAST), g / np.maximum(d, LEAST))
    return {
        "rmse": float(np.sqrt(np.mean((d - g) ** 2))),
        "delta1": float(np.mean(ratio < 1.25)),
    }


def average(images: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean over images of every measure: the default of the papers (not pooled over pixels)."""
    rows = list(images)
    if not rows:
        raise FrameError("images to average", expected="one or more", got=0)
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def align(estimate: Float64, truth: Float64, *, scale: bool = False) -> Float64:
    """The 4x4 that takes points ``estimate`` (N, 3) closest to ``truth``, Umeyama 1991.

    A rigid motion, or with ``scale`` a similarity: its upper left 3x3 is then s R.
    """
    if estimate.shape != truth.shape or estimate.ndim != 2 or len(estimate) < 3:
        raise FrameError(
            "trajectories to align",
            expected="two arrays (N, 3), N at least 3",
            got=f"{estimate.shape} and {truth.shape}",
        )
    from_mean, to_mean = estimate.mean(axis=0), truth.mean(axis=0)
    a, b = estimate - from_mean, truth - to_mean
    u, singular, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = u @ np.diag(sign) @ vt
    spread = np.mean(np.sum(a**2, axis=1))
    factor = float(singular @ sign / spread) if scale and spread > 0 else 1.0
    out = np.eye(4)
    out[:3, :3] = factor * rotation
    out[:3, 3] = to_mean - factor * rotation @ from_mean
    return out


def trajectory_error(
    estimate: Float64, truth: Float64, *, scale: bool = False
) -> dict[str, float]:
    """Absolute trajectory error (ATE) after alignment, metres; positions (N, 3).

    rmse, mean and max of the remaining distances, ``length`` of the true path, ``rmse_percent`` of
    that length, and the ``scale`` that was applied (1 unless asked for).
    """
    to_truth = align(estimate, truth, scale=scale)
    moved = estimate @ to_truth[:3, :3].T + to_truth[:3, 3]
    distance = np.linalg.norm(moved - truth, axis=1)
    length = float(np.sum(np.linalg.norm(np.diff(truth, axis=0), axis=1)))
    rmse = float(np.sqrt(np.mean(distance**2)))
    return {
        "rmse": rmse,
        "mean": float(distance.mean()),
        "max": float(distance.max()),
        "length": length,
        "rmse_percent": 100 * rmse / length if length > 0 else float("nan"),
        "scale": float(np.cbrt(np.linalg.det(to_truth[:3, :3]))),
    }


def _common(prediction: Array, truth: Array, mask: Mask | None) -> Mask:
    if prediction.shape != truth.shape:
        raise FrameError("depth to compare", expected=truth.shape, got=prediction.shape)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(prediction) & (prediction > 0)
    mask = (known(truth) if mask is None else mask) & usable
    if not mask.any():
        raise FrameError("depth to compare", expected="known truth", got="none that is predicted")
    return mask
