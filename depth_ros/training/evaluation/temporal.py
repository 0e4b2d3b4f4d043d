# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How steady depth is over time: TCC, and each frame against the next through the true motion."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.errors import FrameError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.metrics import Array, Mask, known

WINDOW, SIGMA = 11, 1.5  # of SSIM's gaussian, pixels
OCCLUSION = 50.0  # exp(-OCCLUSION * colour difference) must exceed LEAST_VISIBLE
LEAST_VISIBLE = 1e-2


def ssim(first: Array, second: Array, data_range: float = 1.0) -> float:
    """Structural similarity (Wang 2004) of two maps (H, W), not below 0.

    Gaussian window of 11x11 pixels, sigma 1.5, only where it lies inside the image; C1 =
    (0.01 L)^2 and C2 = (0.03 L)^2 with L the ``data_range``; moments with the window's weights.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < WINDOW:
        raise FrameError(
            "maps for SSIM",
            expected=f"two of one size, at least {WINDOW}x{WINDOW}",
            got=f"{first.shape} and {second.shape}",
        )
    x, y = first.astype(np.float64), second.astype(np.float64)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x = _windowed(x * x) - mean_x**2
    var_y = _windowed(y * y) - mean_y**2
    cov = _windowed(x * y) - mean_x * mean_y
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return max(0.0, float(np.mean(light * structure)))


def tcc(before: Array, after: Array, truth_before: Array, truth_after: Array) -> float:
    """Temporal change consistency (ST-CLSTM, Zhang 2019) of two successive frames.

    SSIM(|d' - d|, |g' - g|) with data range 1, depth in metres, pixels without truth or
    prediction in either frame 0 in both. 1 is best.
    """
    with np.errstate(invalid="ignore"):
        change = np.abs(np.asarray(after, np.float64) - before)
        true_change = np.abs(np.asarray(truth_after, np.float64) - truth_before)
    mask = known(truth_before) & known(truth_after) & np.isfinite(change)
    return ssim(np.where(mask, change, 0), np.where(mask, true_change, 0))


def motion_flow(
    depth: Array, camera: Camera, next_from_this: Float64
) -> tuple[Float64, Float64, Float64]:
    """Where each pixel is in the next image: columns, rows, and its depth there, each (H, W).

    ``depth`` (H, W) metres, ``camera`` the rectified pinhole of both images, ``next_from_this``
    4x4 takes points of this camera to the next. NaN where depth is unknown or the point is
    behind the next camera.
    """
    if depth.shape != (camera.height, camera.width):
        raise FrameError(
            "depth for this camera",
            expected=(camera.height, camera.width),
            got=depth.shape,
        )
    across = (np.arange(camera.width) - camera.cx) / camera.fx
    down = (np.arange(camera.height) - camera.cy) / camera.fy
    z = depth.astype(np.float64)
    points = np.stack([z * across, z * down[:, None], z], axis=-1)
    moved = points @ next_from_this[:3, :3].T + next_from_this[:3, 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        ahead = np.where(moved[..., 2] > 1e-6, moved[..., 2], np.nan)
        columns: Float64 = camera.fx * moved[..., 0] / ahead + camera.cx
        rows: Float64 = camera.fy * moved[..., 1] / ahead + camera.cy
    return columns, rows, ahead


def sample(values: Array | UInt8, columns: Float64, rows: Float64) -> Float64:
    """``values`` (H, W) or (H, W, C) at fractional pixels, linearly; NaN outside the image."""
    height, width = values.shape[:2]
    with np.errstate(invalid="ignore"):
        inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    x, y = np.where(inside, columns, 0), np.where(inside, rows, 0)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    top = np.minimum(y.astype(np.int64), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    extra = (1,) * (values.ndim - 2)
    u = (x - left).reshape(*x.shape, *extra)
    v = (y - top).reshape(*y.shape, *extra)
    value = values.astype(np.float64)
    upper = value[top, left] * (1 - u) + value[top, right] * u
    lower = value[bottom, left] * (1 - u) + value[bottom, right] * u
    out: Float64 = upper * (1 - v) + lower * v
    out[~inside] = np.nan
    return out


def visible(image: UInt8, next_image: UInt8, columns: Float64, rows: Float64) -> Mask:
    """Where the next image, warped, still shows the same: exp(-50 |I - warp I'|) > 0.01.

    |.| is the length of the difference of the colours, each in 0..1.
    """
    warped = sample(next_image, columns, rows)
    difference = np.linalg.norm(image.astype(np.float64) - warped, axis=-1) / 255
    with np.errstate(invalid="ignore"):
        seen: Mask = np.exp(-OCCLUSION * difference) > LEAST_VISIBLE
    return seen


def pair_consistency(
    before: Float32 | Float64,
    after: Float32 | Float64,
    camera: Camera,
    next_from_this: Float64,
    images: tuple[UInt8, UInt8] | None = None,
) -> dict[str, float]:
    """How two successive predictions agree, through the true motion and the predicted depth.

    Each point of ``before`` is moved into the next camera, where it has the depth z, and meets
    d', ``after`` at its pixel. ``self_consistency`` mean |d' - z| / z and ``self_consistency_m``
    mean |d' - z|; ``rtc`` the share with max(d'/z, z/d') < 1.01; ``opw`` mean |d' - d|, which does
    not allow for motion along the axis; ``compared`` the share of pixels. With ``images`` pixels
    that look different are occluded and left out. Static or degenerate depth wins here: read it
    beside an accuracy (Khan 2023).
    """
    columns, rows, z = motion_flow(before, camera, next_from_this)
    found = sample(after, columns, rows)
    with np.errstate(invalid="ignore"):
        mask = np.isfinite(found) & np.isfinite(z) & (found > 0)
    if images is not None:
        mask &= visible(images[0], images[1], columns, rows)
    if not mask.any():
        raise FrameError("frames to compare", expected="a common view", got="none")
    d, expected, own = found[mask], z[mask], np.asarray(before, np.float64)[mask]
    off = np.abs(d - expected)
    return {
        "self_consistency": float(np.mean(off / expected)),
        "self_consistency_m": float(np.mean(off)),
        "rtc": float(np.mean(np.maximum(d / expected, expected / d) < 1.01)),
        "opw": float(np.mean(np.abs(d - own))),
        "compared": float(mask.mean()),
    }


def _windowed(values: Float64) -> Float64:
    """Means under the gaussian where it lies wholly inside: (H - 10, W - 10)."""
    line = np.asarray(cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F))
    edge = WINDOW // 2
    full = np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, line, line))
    return full[edge:-edge, edge:-edge]
