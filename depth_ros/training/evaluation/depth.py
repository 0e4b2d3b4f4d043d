# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth against truth as a protocol says: resize, crop, scale, clamp, then the measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Float64
from depth_ros.metrics import Array, Mask, average, depth_metrics, fastdepth_metrics, known
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.protocols import Protocol, Resize

Row = dict[str, float]
MOST_SQUEEZED = 1.75  # 512x256 of 1242x375 is 1.66; 480x640 for 640x480 is 1.78
_OF_SQUARES = ("rmse", "rmse_log", "irmse")


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame, ready to compare.

    ``prediction`` and ``truth`` (H, W) metres at the truth's size, ``mask`` the pixels that count
    (truth is known there; the prediction may be NaN), ``scale`` the factor that was applied.
    """

    prediction: Float64
    truth: Float64
    mask: Mask
    scale: float


def invert(values: Array) -> Float64:
    """1 / values: 0 to infinity and back, NaN where a value is negative or NaN."""
    out = np.full(values.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(1.0, values, out=out, where=values >= 0)
    return out


def resize(depth: Float64, shape: tuple[int, int], rule: Resize) -> Float64:
    """Depth (h, w) at another ``shape`` (H, W), metres.

    ``depth``: linear, pixel centres kept (cv2); ``inverse``: 1/depth so, then inverted again, as
    networks of disparity are judged; ``nearest``; ``corners``: linear, the outer pixels' centres
    on one another (align_corners).
    """
    if depth.shape == shape:
        return depth
    size = shape[1], shape[0]
    if rule == "inverse":
        return invert(_resized(invert(depth), size, cv2.INTER_LINEAR))
    if rule == "corners":
        down = np.linspace(0, depth.shape[0] - 1, shape[0])
        across = np.linspace(0, depth.shape[1] - 1, shape[1])
        turned = _interpolate(_interpolate(depth, down).T, across)
        out: Float64 = turned.T
        return out
    return _resized(depth, size, cv2.INTER_NEAREST if rule == "nearest" else cv2.INTER_LINEAR)


def place(
    protocol: Protocol, prediction: Array, shape: tuple[int, int], in_window: bool = False
) -> Float64:
    """The prediction at the truth's ``shape``, NaN outside what the network has seen.

    One of the truth's own size is of the whole frame, unless ``in_window``.
    """
    values = prediction.astype(np.float64)
    if values.ndim != 2:
        raise FrameError("predicted map", expected="(height, width)", got=values.shape)
    if values.shape == shape and not in_window:
        return values
    rows, columns = crop_window(protocol.window, shape)
    inner = rows.stop - rows.start, columns.stop - columns.start
    if not in_window:
        _check_aspect(values.shape, inner)
    out = np.full(shape, np.nan)
    out[rows, columns] = resize(values, inner, protocol.resize)
    return out


def judge(
    protocol: Protocol,
    prediction: Array,
    truth: Array,
    *,
    scale: float | None = None,
    in_window: bool = False,
) -> Judged:
    """One frame by the protocol. ``scale``: the factor of the sequence, instead of the rule.

    Raises FrameError where no pixel can be compared.
    """
    if truth.ndim != 2:
        raise FrameError("true depth", expected="(height, width)", got=truth.shape)
    wanted: Float64 = truth.astype(np.float64)
    placed = place(protocol, prediction, (wanted.shape[0], wanted.shape[1]), in_window)
    mask = np.zeros(wanted.shape, bool)
    window = crop_window(protocol.crop, wanted.shape)
    mask[window] = known(wanted[window], protocol.low_m, protocol.high_m)
    factor = _factor(protocol, placed, wanted, mask) if scale is None else scale
    placed = placed * factor
    if protocol.clamp:
        placed = np.clip(placed, protocol.low_m, protocol.high_m)
    return Judged(placed, wanted, mask, factor)


def measure(protocol: Protocol, judged: Judged) -> Row:
    """The measures of one frame.

    Those of depth_metrics, ``log_bias`` the mean of ln d - ln g, ``pixels`` that were compared,
    and the applied ``scale``.
    """
    d, g = judged.prediction, judged.truth
    row = depth_metrics(d, g, judged.mask)
    with np.errstate(invalid="ignore"):
        usable = judged.mask & np.isfinite(d) & (d > 0)
    row["log_bias"] = float(np.mean(np.log(np.maximum(d[usable], 1e-6)) - np.log(g[usable])))
    if protocol.task == "fastdepth":
        row |= fastdepth_metrics(np.nan_to_num(d), np.nan_to_num(np.where(judged.mask, g, 0)))
    return row | {"pixels": float(usable.sum()), "scale": judged.scale}


def summarise(protocol: Protocol, rows: Sequence[Row]) -> Row:
    """Mean over images, or what all pixels together give, exactly."""
    if protocol.pool == "image":
        return average(rows)
    if not rows:
        raise FrameError("images to pool", expected="one or more", got=0)
    pixels = np.array([row["pixels"] for row in rows])

    def mean(values: Any) -> float:
        return float(np.sum(pixels * np.asarray(values)) / pixels.sum())

    out = {key: mean([row[key] for row in rows]) for key in rows[0]}
    for key in _OF_SQUARES:
        out[key] = float(np.sqrt(mean([row[key] ** 2 for row in rows])))
    out["silog"] = 100 * float(np.sqrt(max(out["rmse_log"] ** 2 - out["log_bias"] ** 2, 0.0)))
    truth = pixels / np.array([row["coverage"] for row in rows])
    out["coverage"] = float(pixels.sum() / truth.sum())
    out["pixels"] = float(pixels.mean())
    return out


def _factor(protocol: Protocol, placed: Float64, truth: Float64, mask: Mask) -> float:
    if not isinstance(protocol.scale, str):
        return float(protocol.scale)
    if protocol.scale == "none":
        return 1.0
    with np.errstate(invalid="ignore"):
        usable = mask & (placed > 0)  # false where it is NaN
    if not usable.any():
        raise FrameError("depth to compare", expected="known truth", got="none that is predicted")
    middle = float(np.median(placed[usable]))
    return float(np.median(truth[usable])) / middle if np.isfinite(middle) else 1.0


def _check_aspect(got: tuple[int, ...], expected: tuple[int, int]) -> None:
    """Networks may see an image squeezed, but hardly so much; a turned picture is a mistake."""
    squeeze = (got[1] * expected[0]) / (got[0] * expected[1])
    if not 1 / MOST_SQUEEZED <= squeeze <= MOST_SQUEEZED:
        raise FrameError(
            "shape of the prediction",
            expected=f"the view of {expected[1]}x{expected[0]} pixels of truth",
            got=f"{got[1]}x{got[0]}",
            fix="Give prediction and truth of the same picture, not turned or cropped.",
        )


def _resized(values: Float64, size: tuple[int, int], how: int) -> Float64:
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float64)


def _interpolate(values: Float64, at: Float64) -> Float64:
    """Rows of ``values`` at fractional indices ``at``, linearly."""
    first = np.minimum(at.astype(np.int64), values.shape[0] - 1)
    second = np.minimum(first + 1, values.shape[0] - 1)
    share = (at - first)[:, None]
    out: Float64 = values[first] * (1 - share) + values[second] * share
    return out
