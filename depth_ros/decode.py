# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From the network's raw output to depth in metres and its confidence."""

from __future__ import annotations

from typing import Literal, cast

import cv2
import numpy as np

from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.frame import Camera, Float32

# A step of this share of the depth from one network pixel to the next halves the confidence.
EDGE_STEP = 0.1


class Decode:
    """Turns the first output into depth at the size that the user asked for.

    Confidence is geometric: ``1 / (1 + (|gradient of depth| / depth / EDGE_STEP)^2)``. It falls
    where depth changes within a pixel, because there a network blends fore- and background.
    """

    def __init__(self, spec: EngineSpec, size: Literal["image", "network"]) -> None:
        self._spec = spec
        self._size = size

    def __call__(self, outputs: Arrays, camera: Camera) -> tuple[Float32, Float32, Camera]:
        """Depth in metres (NaN invalid), confidence, and the camera of both.

        ``camera`` is the rectified camera of the whole image that the network has seen.
        """
        output = outputs[self._spec.outputs[0].name]
        raw: Float32 = output.reshape(output.shape[-2:]).astype(np.float32, copy=False)
        depth = _to_metres(raw, self._spec, camera.scaled(*self._spec.input_size))
        confidence = _edge_confidence(depth)
        if self._size == "network":
            return depth, confidence, camera.scaled(raw.shape[1], raw.shape[0])
        size = (camera.width, camera.height)
        return cv2.resize(depth, size), cv2.resize(confidence, size), camera


class Limit:
    """Marks depth outside the range, or not finite, as invalid. It never clips."""

    def __init__(self, min_m: float, max_m: float) -> None:
        self._min_m = min_m
        self._max_m = max_m

    def __call__(self, depth: Float32, confidence: Float32) -> tuple[Float32, Float32]:
        """Changes both in place: NaN depth and zero confidence where invalid."""
        invalid = ~((depth >= self._min_m) & (depth <= self._max_m))
        depth[invalid] = np.nan
        confidence[invalid] = 0
        return depth, confidence


def _to_metres(raw: Float32, spec: EngineSpec, camera: Camera) -> Float32:
    """A new array; ``camera`` is that of the network's input."""
    value: Float32 = raw * np.float32(spec.gain) + np.float32(spec.offset)
    if spec.kind == "log_depth":
        depth = np.exp(value)
    elif spec.kind in ("inverse_depth", "disparity"):
        depth = 1 / np.maximum(value, np.float32(1e-6))
    else:
        depth = value
    if spec.kind == "disparity":
        depth *= np.float32(camera.fx * cast(float, spec.baseline_m))
    if spec.canonical_focal_px is not None:
        depth *= np.float32(camera.focal / spec.canonical_focal_px)
    return depth


def _edge_confidence(depth: Float32) -> Float32:
    across = cv2.Sobel(depth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(depth, cv2.CV_32F, 0, 1, scale=1 / 8)
    step = cv2.magnitude(across, down)
    allowed = np.maximum(depth, np.float32(1e-6)) * np.float32(EDGE_STEP)
    with np.errstate(invalid="ignore", over="ignore"):  # a network may return anything
        confidence: Float32 = allowed * allowed / (allowed * allowed + step * step)
    return np.nan_to_num(confidence, copy=False)
