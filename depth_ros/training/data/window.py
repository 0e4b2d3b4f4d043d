# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The window of an image that a network is shown, and the camera and axes that go with it.

A crop moves and stretches pixels, a roll turns the camera about its axis, a flip mirrors the
world. Depth stays what it was; motion between frames has to be seen in the new axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from depth_ros.frame import Camera, Float32, Float64, Intrinsics, UInt8

if TYPE_CHECKING:
    from depth_ros.training.data.augment import AugmentConfig

WHOLE = 0.25  # how often the largest possible window is taken


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of an image becomes the network's image of ``size`` (width, height).

    ``centre`` is its middle and ``width`` and ``height`` its size, all in the image's pixels;
    it is turned by ``angle`` radians about its middle and, with ``mirrored``, flipped.
    """

    size: tuple[int, int]
    centre: tuple[float, float]
    width: float
    height: float
    angle: float = 0.0
    mirrored: bool = False

    def matrix(self, out: tuple[int, int], shape: tuple[int, int], of: UInt8) -> Float64:
        """2x3 from pixels of an image of ``out`` to those of a map of ``shape`` (rows, columns).

        The map has the field of view of the image ``of``, maybe at another size.
        """
        linear = self._turn() @ np.diag(
            [(-1 if self.mirrored else 1) * self.width / out[0], self.height / out[1]]
        )
        corner = np.array(self.centre) - linear @ [(out[0] - 1) / 2, (out[1] - 1) / 2]
        scale = np.array([shape[1] / of.shape[1], shape[0] / of.shape[0]])
        return np.column_stack([scale[:, None] * linear, (corner + 0.5) * scale - 0.5])

    def intrinsics(self, camera: Camera, out: tuple[int, int]) -> Intrinsics:
        """fx, fy, cx, cy of the window at size ``out``; ``camera`` is that of the whole image."""
        across, down = self.width / out[0], self.height / out[1]
        linear = self._turn() @ np.diag([(-1 if self.mirrored else 1) * across, down])
        off = np.linalg.solve(linear, np.array([camera.cx, camera.cy]) - self.centre)
        cx, cy = off + np.array([out[0] - 1, out[1] - 1]) / 2
        return camera.fx / across, camera.fy / down, float(cx), float(cy)

    def shrink(self) -> float:
        """How many of the image's pixels become one across and down, their geometric mean."""
        return float(np.sqrt(self.width * self.height / (self.size[0] * self.size[1])))

    def focal(self, camera: Camera) -> float:
        """The focal length in pixels of the network's image; ``camera`` is the whole image's."""
        return camera.focal / self.shrink()

    def axes(self) -> Float64:
        """4x4 from the camera's axes to the window's; a mirrored one is left-handed."""
        out = np.eye(4)
        out[:2, :2] = np.diag([-1.0 if self.mirrored else 1.0, 1.0]) @ self._turn().T
        return out

    def moved(self, across: float, down: float) -> Window:
        """The window that many of the network's pixels further to the right and down."""
        step = self._turn() @ [
            across * self.width / self.size[0],
            down * self.height / self.size[1],
        ]
        return replace(self, centre=(self.centre[0] + step[0], self.centre[1] + step[1]))

    def _turn(self) -> Float64:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])


def whole_window(image: UInt8, size: tuple[int, int]) -> Window:
    """The whole image, as the network sees it when it runs: the aspect may change."""
    height, width = image.shape[:2]
    return Window(size, ((width - 1) / 2, (height - 1) / 2), width, height)


def draw_crop(
    shape: tuple[int, ...], size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator
) -> tuple[float, float]:
    """Width and height, in pixels of an image of ``shape``, of a crop that is stretched a little.

    ``size`` (width, height) is what it is shown at.
    """
    height, width = shape[:2]
    aspect = size[0] / size[1] * config.aspect ** rng.uniform(-1, 1)
    zoom = 1.0 if rng.random() < WHOLE else rng.uniform(config.zoom, 1.0)
    crop_w = min(width, height * aspect) * zoom
    return float(crop_w), float(crop_w / aspect)


def draw_centre(
    shape: tuple[int, ...], crop: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float]:
    """The middle of a crop somewhere in an image of ``shape``."""
    height, width = shape[:2]
    left, top = (
        rng.uniform(0, max(0.0, width - crop[0])),
        rng.uniform(0, max(0.0, height - crop[1])),
    )
    return float(left + (crop[0] - 1) / 2), float(top + (crop[1] - 1) / 2)


def cut_depth(depth: Float32, image: UInt8, window: Window, out: tuple[int, int]) -> Float32:
    """Depth of ``image`` in the window at ``out`` (width, height), the nearest pixel's.

    NaN outside the image.
    """
    found = cv2.warpAffine(
        depth,
        window.matrix(out, (depth.shape[0], depth.shape[1]), image),
        out,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return np.asarray(found, np.float32)
