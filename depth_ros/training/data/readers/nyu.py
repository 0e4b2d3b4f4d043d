# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2: rooms seen by a Kinect (Silberman et al. 2012), in the forms it travels in.

``NyuLabelled`` is the published .mat with its splits, ``NyuFrames`` a frame per .h5 file (as for
FastDepth), ``NyuFolder`` images with 16-bit PNGs (as for ST-CLSTM, BTS and others).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, UInt8
from depth_ros.training.data.readers.files import (
    IMAGE_SUFFIXES,
    known,
    listed,
    natural,
    numbered,
    open_hdf5,
    pick,
    problems_of,
    read_mat,
)
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.reading import Numbered, Place, Reading, Unrelated

# The toolbox counts pixels from 1 (rgb_plane2rgb_world.m), so that its principal point
# (325.58, 253.74) is at one less here.
CAMERA = Camera(
    640,
    480,
    518.85790117450188,
    519.46961112127485,
    325.58244941119034 - 1,
    253.73616633400465 - 1,
)
MILLIMETRES = 0.001
ST_CLSTM_UNIT_M = 1 / 6000  # metres that 1 stands for in ST-CLSTM's depth PNGs

Split = Literal["all", "train", "test"]
_SPLIT_NAMES = {"train": "trainNdxs", "test": "testNdxs"}


class NyuLabelled(Unrelated):
    """nyu_depth_v2_labeled.mat: 1449 undistorted images with depth, 795 to train, 654 to test.

    ``splits`` is the published splits.mat (MATLAB 5, frames counted from 1), needed for a split.
    ``raw`` takes the Kinect's own depth with its holes instead of the filled one, against which
    the published numbers are measured. Names are the frames' numbers in MATLAB, from 1.
    """

    name = "nyu"

    def __init__(
        self, path: Path, splits: Path | None = None, split: Split = "all", raw: bool = False
    ) -> None:
        self._path, self._depths = path, "rawDepths" if raw else "depths"
        with open_hdf5(path) as file:
            self._frames = self._count(file)
        self._splits = splits
        self._indices = self._chosen(split)

    def _count(self, file: Any) -> int:
        """How many frames there are; SourceError where images and depths do not agree."""
        for key in ("images", self._depths):
            if key not in file:
                raise SourceError(f"{self._path}", expected=f"a variable {key}", got=list(file))
        images, depths = file["images"].shape, file[self._depths].shape
        # MATLAB's (h, w, 3, n) is (n, 3, w, h) in the file.
        if len(images) != 4 or images[1] != 3 or depths != (images[0], *images[2:]):
            raise SourceError(
                f"{self._path}", expected="images (n, 3, w, h), depths (n, w, h)", got=images
            )
        if file[self._depths].dtype.kind != "f":
            raise SourceError(
                f"{self._depths} of {self._path}", expected="metres", got=file[self._depths].dtype
            )
        return int(images[0])

    def _chosen(self, split: Split) -> list[int]:
        if split == "all":
            return list(range(self._frames))
        if self._splits is None:
            raise SourceError(f"split {split} of {self._path}", expected="splits.mat", got="none")
        key = _SPLIT_NAMES[split]
        numbers = np.asarray(read_mat(self._splits, key)[key]).ravel()
        if numbers.dtype.kind not in "iuf" or numbers.size == 0:
            raise SourceError(f"{key} of {self._splits}", expected="numbers", got=numbers)
        low, high = int(numbers.min()), int(numbers.max())
        if low < 1 or high > self._frames:
            raise SourceError(
                f"{key} of {self._splits}", expected=f"1..{self._frames}", got=f"{low}..{high}"
            )
        return [int(number) - 1 for number in numbers]

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, index: int) -> Reading:
        """Reading ``index`` of the split: 640x480, with the toolbox's camera."""
        frame = pick(self._indices, index, self.name)
        with open_hdf5(self._path) as file:
            pixels, depth = file["images"][frame], file[self._depths][frame]
        image = _rgb(self._path, pixels.transpose(0, 2, 1))
        return Reading(image, known(depth.T), _camera(image), name=f"{frame + 1:04d}")

    def problems(self) -> list[str]:
        """The two files, if they changed since: both were checked when they were opened."""
        return problems_of([self._path, *([self._splits] if self._splits else [])])


class NyuFrames(Numbered):
    """All .h5 below ``folder``, a frame each: ``rgb`` (3, h, w) uint8, ``depth`` (h, w) metres.

    The frames come from the raw recordings, whose lens distortion was left in.
    """

    name = "nyu-frames"

    _stride = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = listed(folder, "**/*.h5", (".h5",))

    def __len__(self) -> int:
        return len(self._paths)

    def _places(self) -> list[Place]:
        return numbered(self._paths)

    def read(self, index: int) -> Reading:
        """Reading ``index``; its camera is the toolbox's where the image is 640x480."""
        path = pick(self._paths, index, self.name)
        with open_hdf5(path) as file:
            _check_frame(path, file)
            pixels, depth = file["rgb"][()], file["depth"][()]
        image = _rgb(path, pixels)
        name = path.relative_to(self._folder).with_suffix("").as_posix()
        return Reading(image, known(depth), _camera(image), name=name)

    def problems(self) -> list[str]:
        """Frames that cannot be opened, or lack one of the two arrays."""
        found: list[str] = []
        for path in self._paths:
            try:
                with open_hdf5(path) as file:
                    _check_frame(path, file)
            except SourceError as error:
                found.append(str(error))
        return found


class NyuFolder(Numbered):
    """Images with 16-bit depth PNGs, in any number of scene folders below ``folder``.

    An image is ``rgb/NAME`` or ``rgb/rgb_NAME`` with ``depth/`` beside, or ``rgb_NAME`` with its
    depth in the same folder; the depth is ``depth_NAME.png``, ``sync_depth_NAME.png`` or
    ``NAME.png``. ``depth_unit_m`` is a millimetre, or ST_CLSTM_UNIT_M for ST-CLSTM's clips.
    ``camera`` is that of all images, because a folder does not say how they were cropped; the
    whole undistorted images have CAMERA.
    """

    name = "nyu-folder"

    _stride = 0

    def __init__(
        self, folder: Path, depth_unit_m: float = MILLIMETRES, camera: Camera | None = None
    ) -> None:
        self._folder, self._unit, self._camera = folder, depth_unit_m, camera
        images = folder.glob("**/*")
        self._images = sorted((path for path in images if _is_color(path)), key=natural)
        if not self._images:
            raise SourceError(f"images in {folder}", expected="rgb/*.jpg or rgb_*.jpg", got="none")
        self._depths = [_depth_beside(path) for path in self._images]

    def __len__(self) -> int:
        return len(self._images)

    def _places(self) -> list[Place]:
        return numbered(self._images)

    def read(self, index: int) -> Reading:
        """Reading ``index``."""
        path = pick(self._images, index, self.name)
        image, depth = read_rgb(path), read_scaled(self._depths[index], self._unit)
        height, width = image.shape[:2]
        camera = self._camera
        if camera and (camera.width, camera.height) != (width, height):
            size = f"{camera.width}x{camera.height}, as the camera"
            raise SourceError(f"{path}", expected=size, got=f"{width}x{height}")
        name = path.relative_to(self._folder).with_suffix("").as_posix()
        return Reading(image, depth, camera, name=name)

    def problems(self) -> list[str]:
        """Images that are broken, and depth that is missing, broken or not of 16 bits."""
        return problems_of(self._images) + problems_of(self._depths, bits=16)


def _is_color(path: Path) -> bool:
    named = path.parent.name == "rgb" or path.stem.startswith("rgb_")
    return named and path.suffix.lower() in IMAGE_SUFFIXES


def _depth_beside(image: Path) -> Path:
    """Where the image's depth is, or would be."""
    number = image.stem.removeprefix("rgb_")
    names = [f"depth_{number}.png", f"sync_depth_{number}.png"]
    folder = image.parent
    if folder.name == "rgb":
        folder = folder.parent / "depth"
        names.append(f"{number}.png")
    paths = [folder / name for name in names]
    return next((path for path in paths if path.is_file()), paths[-1])


def _check_frame(path: Path, file: Any) -> None:
    """SourceError unless the open .h5 has a frame's two arrays."""
    for key in ("rgb", "depth"):
        if key not in file:
            raise SourceError(f"{path}", expected=f"an array {key}", got=list(file))
    rgb, depth = file["rgb"].shape, file["depth"].shape
    if len(rgb) != 3 or rgb[0] != 3 or depth != rgb[1:]:
        raise SourceError(f"{path}", expected="rgb (3, h, w) and depth (h, w)", got=(rgb, depth))
    if file["depth"].dtype.kind not in "fiu":
        raise SourceError(f"depth in {path}", expected="numbers", got=file["depth"].dtype)


def _rgb(path: Path, pixels: npt.NDArray[Any]) -> UInt8:
    """(h, w, 3) of (3, h, w)."""
    if pixels.dtype != np.uint8:
        raise SourceError(f"image in {path}", expected="uint8", got=pixels.dtype)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _camera(image: UInt8) -> Camera | None:
    """The toolbox's, if this is a whole image."""
    return CAMERA if image.shape[:2] == (CAMERA.height, CAMERA.width) else None
