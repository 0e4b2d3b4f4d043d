# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""DIODE: rooms and outdoor places from one laser scanner (Vasiljevic et al. 2019)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.readers.files import (
    known,
    listed,
    pick,
    problems_of,
    read_npy,
)
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.reading import Reading, Unrelated

# As its devkit's intrinsics.txt says (886.81, 927.06, 512, 384), half a pixel less: there the
# centre of a 1024x768 image is at 512, so that its pixel centres are at halves.
PUBLISHED = Camera(1024, 768, 886.81, 927.06, 511.5, 383.5)


class Diode(Unrelated):
    """All NAME.png with NAME_depth.npy and NAME_depth_mask.npy below ``folder``.

    Depth is (768, 1024, 1) float32 metres, the mask (768, 1024) is 1 where depth can be trusted.
    ``camera`` is that of all images; users have doubted the published one, because its pixels
    are not square and because right angles come out right with 42.3 x 32.4 degrees only
    (diode-devkit, issue 20). None leaves the camera out.
    """

    name = "diode"

    def __init__(self, folder: Path, camera: Camera | None = PUBLISHED) -> None:
        self._folder, self._camera = folder, camera
        self._images = listed(folder, "**/*.png", (".png",))

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int) -> Reading:
        """Reading ``index``, with the mask "valid"."""
        path = pick(self._images, index, self.name)
        depth_path, mask_path = _beside(path)
        image, depth, mask = read_rgb(path), read_npy(depth_path), read_npy(mask_path)
        height, width = image.shape[:2]
        for file, array in ((depth_path, depth), (mask_path, mask)):
            if array.size != height * width or array.dtype.kind not in "fiub":
                raise SourceError(f"{file}", expected=f"{height}x{width} numbers", got=array.shape)
        valid = mask.reshape(height, width) > 0
        depth = known(depth.reshape(height, width))
        depth[~valid] = np.nan
        if self._camera and (self._camera.width, self._camera.height) != (width, height):
            size = f"{self._camera.width}x{self._camera.height}"
            raise SourceError(f"{path}", expected=size, got=f"{width}x{height}")
        name = path.relative_to(self._folder).with_suffix("").as_posix()
        return Reading(image, depth, self._camera, masks={"valid": valid}, name=name)

    def problems(self) -> list[str]:
        """Images that are broken, and arrays that are missing, broken or cut off."""
        return [line for path in self._images for line in problems_of([path, *_beside(path)])]


def _beside(image: Path) -> tuple[Path, Path]:
    """Where the image's depth and mask are."""
    names = (f"{image.stem}_depth.npy", f"{image.stem}_depth_mask.npy")
    return image.with_name(names[0]), image.with_name(names[1])
