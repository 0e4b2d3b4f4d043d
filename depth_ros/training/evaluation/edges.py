# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Edges of a map of numbers (Canny 1986), with thresholds in the map's own units."""

from __future__ import annotations

import cv2
import numpy as np

from depth_ros.frame import Float64
from depth_ros.metrics import Array, Mask


def canny(values: Array, sigma: float, low: float, high: float) -> Mask:
    """Thin edges (H, W): gaussian of ``sigma`` pixels, Sobel's gradient (weights 1 2 1, so a step
    of 1 gives up to 4), the largest along the gradient with interpolation, and hysteresis.

    Edges stronger than ``low`` stay if they touch, over their 8 neighbours, one above ``high``.
    Outside the image the gaussian sees nothing, and the outermost pixels are no edges.
    """
    smooth = _smoothed(np.asarray(values, np.float64), sigma)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_64F, 1, 0, borderType=cv2.BORDER_REFLECT))
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_64F, 0, 1, borderType=cv2.BORDER_REFLECT))
    strength = np.hypot(across, down)
    inside = np.zeros(strength.shape, bool)
    inside[1:-1, 1:-1] = True
    weak = inside & _largest(across, down, strength) & (strength >= low)
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    strong = np.unique(labels[weak & (strength >= high)])
    out: Mask = weak & np.isin(labels, strong)
    return out


def _smoothed(values: Float64, sigma: float) -> Float64:
    radius = int(4 * sigma + 0.5)
    line = cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)

    def blur(image: Float64) -> Float64:
        edge = cv2.BORDER_CONSTANT
        return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, line, line, borderType=edge))

    return blur(values) / blur(np.ones_like(values))


def _largest(across: Float64, down: Float64, strength: Float64) -> Mask:
    """Where the strength is at least that one step up and down the gradient.

    A step ends between two of the eight neighbours, where it is interpolated.
    """
    size = np.maximum(np.abs(across), np.abs(down))
    scale = 1 / np.maximum(size, 1e-300)
    dx, dy = across * scale, down * scale  # the longer of both is 1
    padded = np.pad(strength, 1)
    rows, columns = np.indices(strength.shape) + 1

    def at(sign: int) -> Float64:
        near_row = np.where(np.abs(dy) >= 1, sign * np.sign(dy), 0).astype(np.int64)
        near_column = np.where(np.abs(dx) >= 1, sign * np.sign(dx), 0).astype(np.int64)
        far_row = (sign * np.sign(dy)).astype(np.int64)
        far_column = (sign * np.sign(dx)).astype(np.int64)
        share = np.minimum(np.abs(dx), np.abs(dy))
        near = padded[rows + near_row, columns + near_column]
        far = padded[rows + far_row, columns + far_column]
        value: Float64 = far * share + near * (1 - share)
        return value

    largest: Mask = (size > 0) & (strength >= at(1)) & (strength >= at(-1))
    return largest
