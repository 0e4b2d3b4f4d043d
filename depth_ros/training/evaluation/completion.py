# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth completion: errors in mm and 1/km, and how well an uncertainty sorts the errors (AUSE)."""

from __future__ import annotations

import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Float64
from depth_ros.metrics import Array, Mask, known

STEPS = 100


def completion_metrics(
    prediction: Array, truth: Array, mask: Mask | None = None
) -> dict[str, float]:
    """mae_mm, rmse_mm, imae and irmse (1/km) of one image, KITTI depth completion; metres in.

    Predictions of at most 0 count in mm but not in 1/km, as they have no inverse; NaN is an
    error, because completed depth is dense by promise.
    """
    mask = known(truth) if mask is None else mask
    d, g = _compared(prediction, truth, mask)
    off = 1000 * (d - g)
    positive = d > 0
    if not positive.any():
        raise FrameError("completed depth", expected="positive metres", got="none")
    inverse = 1000 * (1 / d[positive] - 1 / g[positive])
    return {
        "mae_mm": float(np.mean(np.abs(off))),
        "rmse_mm": float(np.sqrt(np.mean(off**2))),
        "imae": float(np.mean(np.abs(inverse))),
        "irmse": float(np.sqrt(np.mean(inverse**2))),
    }


def sparsification(error: Float64, order: Float64, steps: int = STEPS) -> Float64:
    """Root mean square of the ``error`` (N,) that is left when the first k / steps are removed.

    The pixels of the largest ``order`` go first, k = 0 .. steps - 1. Ties keep their order.
    """
    ranked = error[np.argsort(-order, kind="stable")] ** 2
    left = np.cumsum(ranked[::-1])[::-1]  # sum of what remains from index i on
    start = (np.arange(steps) * len(error)) // steps
    curve: Float64 = np.sqrt(left[start] / (len(error) - start))
    return curve


def ause(
    prediction: Array, truth: Array, uncertainty: Array, mask: Mask | None = None
) -> dict[str, float]:
    """Area between the sparsification by ``uncertainty`` and that by the true error (Ilg 2018).

    ``ause_mm``: of RMSE in mm over the removed share 0..1 (trapezoids); ``ause``: with both
    curves divided by the RMSE of all pixels. 0 is best. ``uncertainty`` may be any number that
    grows with the expected error, such as the variance.
    """
    mask = known(truth) if mask is None else mask
    d, g = _compared(prediction, truth, mask)
    doubt = np.asarray(uncertainty, np.float64)
    if doubt.shape != truth.shape or not np.isfinite(doubt[mask]).all():
        raise FrameError(
            "uncertainty",
            expected=f"finite numbers, {truth.shape}",
            got=f"{doubt.shape}" if doubt.shape != truth.shape else "NaN or infinity",
        )
    error = 1000 * np.abs(d - g)
    ours, best = sparsification(error, doubt[mask]), sparsification(error, error)
    gap = ours - best
    area = float(np.sum((gap[1:] + gap[:-1]) / 2) / STEPS)
    whole = float(best[0])
    return {"ause_mm": area, "ause": area / whole if whole > 0 else 0.0}


def _compared(prediction: Array, truth: Array, mask: Mask) -> tuple[Float64, Float64]:
    if prediction.shape != truth.shape:
        raise FrameError("depth to compare", expected=truth.shape, got=prediction.shape)
    if not mask.any():
        raise FrameError("depth to compare", expected="known truth", got="none")
    d, g = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
    if not np.isfinite(d).all():
        raise FrameError("completed depth", expected="dense", got="NaN where truth is known")
    return d, g
