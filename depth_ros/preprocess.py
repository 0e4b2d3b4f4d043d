# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a camera's frame to the network's input: rectify, resize, normalise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.frame import Camera, Frame, UInt8, memory_order

Maps = npt.NDArray[Any]  # as cv2.remap takes them


class Rectify:
    """Undistorts frames into the ideal pinhole of their camera; others pass through."""

    def __init__(self) -> None:
        self._camera: Camera | None = None
        self._maps: tuple[Maps, Maps]

    def __call__(self, frame: Frame) -> Frame:
        """The frame with a rectified image and camera."""
        if frame.camera.is_rectified:
            return frame
        if frame.camera != self._camera:
            self._camera, self._maps = frame.camera, _maps(frame.camera)
        pixels, is_bgr = memory_order(frame.image)
        pixels = cv2.remap(pixels, self._maps[0], self._maps[1], cv2.INTER_LINEAR)
        image = pixels[..., ::-1] if is_bgr else pixels
        return replace(frame, image=image, camera=frame.camera.rectified())


class TakeRectified:
    """For images that a driver has rectified: only the camera changes."""

    def __call__(self, frame: Frame) -> Frame:
        """The frame with the rectified camera."""
        return replace(frame, camera=frame.camera.rectified())


class ToInput:
    """Fills the network's image: resized to its size (the aspect may change), normalised."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        image = spec.inputs[0]
        self._buffer = np.empty(image.shape, image.dtype)
        self._planes = self._buffer.reshape(image.shape[-3:])
        std = np.array(spec.std, np.float32)
        self._gain = 1 / (255 * std)
        self._offset = -np.array(spec.mean, np.float32) / std

    def __call__(self, image: UInt8) -> Arrays:
        """(height, width, 3) RGB to {first input: (..., 3, h, w)}, reused at each call."""
        pixels, is_bgr = memory_order(image)
        size = self._spec.input_size
        small = shrunk(pixels, size)
        if is_bgr != (self._spec.color == "bgr"):
            small = small[..., ::-1]
        for i in range(3):
            plane = self._planes[i]
            np.multiply(small[..., i], self._gain[i], out=plane, casting="unsafe")
            plane += self._offset[i]
        return {self._spec.inputs[0].name: self._buffer}


def shrunk(pixels: UInt8, size: tuple[int, int]) -> UInt8:
    """The image at (width, height), without aliasing.

    Whole factors are the mean of the pixels that become one. Others are halved, the mean of 2x2,
    while the image is twice as large or more, and bilinear from there: OpenCV has fast code for
    both, and its INTER_AREA at such factors takes five times as long.
    """
    width, height = pixels.shape[1], pixels.shape[0]
    while width >= 2 * size[0] and height >= 2 * size[1] and (width % size[0] or height % size[1]):
        width, height = width // 2, height // 2
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    whole = width % size[0] == 0 and height % size[1] == 0
    kind = cv2.INTER_AREA if whole else cv2.INTER_LINEAR
    small: UInt8 = cv2.resize(pixels, size, interpolation=kind)
    return small


def resized(image: UInt8, camera: Camera) -> UInt8:
    """The image at the camera's size; the image itself if that is its size."""
    if image.shape[:2] == (camera.height, camera.width):
        return image
    pixels, is_bgr = memory_order(image)
    size = (camera.width, camera.height)
    small: UInt8 = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small[..., ::-1] if is_bgr else small


def make_rectify(rectified_input: bool) -> Rectify | TakeRectified:
    """The stage for raw or for already rectified images."""
    return TakeRectified() if rectified_input else Rectify()


def _maps(camera: Camera) -> tuple[Maps, Maps]:
    distortion = np.array(camera.distortion, np.float64)
    rotation = np.array(camera.rotation, np.float64).reshape(3, 3)
    size = (camera.width, camera.height)
    make = (
        cv2.fisheye.initUndistortRectifyMap
        if camera.model == "equidistant"
        else cv2.initUndistortRectifyMap
    )
    maps = make(camera.matrix, distortion, rotation, camera.rectified().matrix, size, cv2.CV_16SC2)
    return maps[0], maps[1]
