# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Corners with depth, and where they went: Shi and Tomasi 1994, Lucas and Kanade 1981."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Camera, Float32, Float64, UInt8, memory_order

WINDOW = (11, 11)
LEVELS = 3  # pyramid: motions up to about 60 pixels from the guess
QUALITY = 0.001  # of the weakest corner, as a share of the strongest
RETURN_PX = 0.5  # a corner tracked there and back must come home this closely
SPREAD = 0.6  # least distance of corners, as a share of that in a full square grid
SURE = 0.2  # less confident depth is not used
RELIEF = 1.12  # depth may vary by this factor around a corner; more is an edge
AROUND_PX = 2  # that far around it, in pixels of the grey image
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.005)
Mask = npt.NDArray[np.bool_]


def to_grey(image: UInt8, camera: Camera, width: int) -> tuple[UInt8, Camera]:
    """A grey image at most ``width`` wide, and its camera."""
    pixels, is_bgr = memory_order(image)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY if is_bgr else cv2.COLOR_RGB2GRAY)
    scale = min(1.0, width / image.shape[1])
    if scale < 1:
        size = round(image.shape[1] * scale), max(1, round(image.shape[0] * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        camera = camera.scaled(*size)
    return np.asarray(grey, np.uint8), camera


@dataclass(frozen=True, slots=True)
class Corners:
    """Corners of one grey image: pixels (n, 2) and points (n, 3) in its camera's axes, metres."""

    grey: UInt8
    camera: Camera
    pixels: Float64
    points: Float64

    def __len__(self) -> int:
        return len(self.pixels)


def find(grey: UInt8, camera: Camera, depth: Float32, confidence: Float32, count: int) -> Corners:
    """Up to ``count`` corners, spread over the image, that lie on trusted, smooth depth."""
    spread = math.sqrt(grey.size / count) * SPREAD
    mask = _smooth(depth, confidence, camera.width)
    mask = np.asarray(
        cv2.resize(mask, grey.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8
    )
    found = cv2.goodFeaturesToTrack(grey, count, QUALITY, spread, mask=mask, blockSize=5)
    pixels = np.zeros((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    z = _sample(depth, pixels, camera)
    pixels, z = pixels[np.isfinite(z)], z[np.isfinite(z)]
    rays = (pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    return Corners(grey, camera, pixels, np.c_[rays, np.ones(len(z))] * z[:, None])


def _smooth(depth: Float32, confidence: Float32, width: int) -> UInt8:
    """255 where depth is valid, trusted and without an edge nearby, at the depth's size."""
    trusted = np.where(confidence >= SURE, np.nan_to_num(depth, nan=0.0, posinf=0.0), 0)
    around = np.ones((2 * max(1, round(AROUND_PX * depth.shape[1] / width)) + 1,) * 2, np.uint8)
    low, high = cv2.erode(trusted, around), cv2.dilate(trusted, around)
    return np.where((low > 0) & (high < RELIEF * low), 255, 0).astype(np.uint8)


def _sample(depth: Float32, pixels: Float64, camera: Camera) -> Float64:
    """Depth at ``pixels`` of ``camera``; linear in 1/depth, which is exact on planes."""
    height, width = depth.shape
    scale = np.array([width / camera.width, height / camera.height])
    at = np.clip((pixels + 0.5) * scale - 0.5, 0, [width - 1, height - 1])
    x, y = np.minimum(at.astype(np.int64), [max(width - 2, 0), max(height - 2, 0)]).T
    u, v = at[:, 0] - x, at[:, 1] - y
    x1, y1 = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = (1 - u) / depth[y, x] + u / depth[y, x1]
        bottom = (1 - u) / depth[y1, x] + u / depth[y1, x1]
        return np.asarray(1 / ((1 - v) * top + v * bottom), np.float64)


def follow(corners: Corners, grey: UInt8, guess: Float64) -> tuple[Float64, Mask]:
    """Where the corners are in ``grey`` (n, 2) and which of them can be believed.

    ``guess`` (n, 2) is where to begin. Each is tracked back, too, from a start that knows only
    how all of them moved, so that a wrong match does not find home by itself.
    """
    if not len(corners):
        return guess, np.zeros(0, np.bool_)
    home = corners.pixels.astype(np.float32)
    there, found = _track(corners.grey, grey, home, guess.astype(np.float32))
    start = there + np.median(home - guess, 0)
    back, returned = _track(grey, corners.grey, there, start.astype(np.float32))
    close = np.linalg.norm(back - home, axis=1) < RETURN_PX
    inside = ((there > 0) & (there < [grey.shape[1] - 1, grey.shape[0] - 1])).all(1)
    return there.astype(np.float64), found & returned & close & inside


def _track(first: UInt8, second: UInt8, at: Float32, guess: Float32) -> tuple[Float32, Mask]:
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        at,
        guess.copy(),
        winSize=WINDOW,
        maxLevel=LEVELS,
        criteria=STOP,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(there, np.float32), np.asarray(status, np.bool_).ravel()
