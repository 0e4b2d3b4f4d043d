# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Images made worse before a network sees them: dark, blurred, or of a narrower camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from depth_ros.errors import ConfigError
from depth_ros.frame import Float32
from depth_ros.training.data.readers.reading import DataSet, Reading


@dataclass(frozen=True)
class Disturbance:
    """What is done to every image, and where it is cropped to camera, depth and masks too.

    ``gain`` multiplies the light (on the pixels' gamma of 2.2): 0.25 is dark. ``blur`` is a
    standard deviation in pixels of the image. ``crop`` is the share of width and height that is
    kept, in the middle. ConfigError out of range.
    """

    gain: float = 1.0
    blur: float = 0.0
    crop: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (("gain", 1e-3, 1e3), ("blur", 0.0, 1e3), ("crop", 0.05, 1.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(name, expected=f"{low} to {high}", got=value)

    def __call__(self, reading: Reading) -> Reading:
        """The reading as a network is to see it. A stereo pair loses its right image."""
        rows, columns = self._window(reading.image.shape[:2])
        pixels = reading.image[rows, columns].astype(np.float32) * self.gain ** (1 / 2.2)
        if self.blur > 0:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), self.blur), np.float32)
        camera = reading.camera
        if camera is not None:
            height, width = pixels.shape[:2]
            camera = camera.cropped(columns.start, rows.start, width, height)
        return replace(
            reading,
            image=np.clip(np.rint(pixels), 0, 255).astype(np.uint8),
            depth=self._cropped(reading.depth),
            camera=camera,
            right=None,
            disparity=self._cropped(reading.disparity),
            masks={name: mask[self._window(mask.shape)] for name, mask in reading.masks.items()},
        )

    def words(self) -> str:
        """What is done, for the list of what was done."""
        said = f"images: light times {self.gain:g}, blurred by {self.blur:g} px"
        return f"{said}, the middle {self.crop:g} of width and height"

    def _window(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        height, width = (round(self.crop * n) for n in shape[:2])
        top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
        return slice(top, top + height), slice(left, left + width)

    def _cropped(self, values: Float32 | None) -> Float32 | None:
        return None if values is None else values[self._window(values.shape)]


NOTHING = Disturbance()


class Disturbed:
    """A data set whose images are disturbed as they are read."""

    def __init__(self, data: DataSet, disturb: Disturbance) -> None:
        self._data, self._disturb = data, disturb
        self.name = data.name

    def __len__(self) -> int:
        return len(self._data)

    def read(self, index: int) -> Reading:
        """Reading ``index``, disturbed. Raises SourceError."""
        return self._disturb(self._data.read(index))

    def neighbour(self, index: int, offset: int) -> int | None:
        """As the data set says."""
        return self._data.neighbour(index, offset)

    def problems(self) -> list[str]:
        """As the data set says."""
        return self._data.problems()
