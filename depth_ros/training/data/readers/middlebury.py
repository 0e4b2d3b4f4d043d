# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Middlebury's stereo pairs: those of 2014 and 2021 with calibration, and version 2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, UInt8
from depth_ros.training.data.readers.files import (
    natural,
    pick,
    pinhole,
    problems_of,
    read_pfm,
    reading_file,
)
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.reading import Mask, Reading, Unrelated

_DISPARITIES = ("disp0.pfm", "disp0GT.pfm")  # as published, and as in the benchmark's MiddEval3
_NONOCC = "mask0nocc.png"  # MiddEval3: 255 seen by both, 128 by the left camera only, 0 unknown
_V2_MASKS = ("nonocc", "all", "disc")


@dataclass(frozen=True, slots=True)
class StereoCalibration:
    """What a calib.txt says: the left camera, and depth = baseline_m * fx / (disparity + doffs).

    ``doffs`` is how much further right, in pixels, the principal point is in the right image.
    """

    camera: Camera
    baseline_m: float
    doffs: float

    def depth(self, disparity: Float32) -> Float32:
        """Metres from pixels, NaN where the disparity is unknown or no point has it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shifted = disparity.astype(np.float64) + self.doffs
            metres = self.baseline_m * self.camera.fx / shifted
            return np.where(shifted > 0, metres, np.nan).astype(np.float32)


def read_calibration(path: Path) -> StereoCalibration:
    """A calib.txt of 2014 or 2021; its baseline is millimetres. SourceError says what is missing.

    The page does not say where pixels have their centres; cx and cy are taken as they are.
    """
    with reading_file(path):
        text = path.read_text(encoding="utf-8")
    values = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    keys = ("cam0", "doffs", "baseline", "width", "height")
    missing = [key for key in keys if key not in values]
    if missing:
        raise SourceError(f"{path}", expected=f"{', '.join(missing)} = ...", got="none")
    with reading_file(path):
        k = np.array(values["cam0"].strip("[]").replace(";", " ").split(), np.float64)
        doffs, baseline = float(values["doffs"]), float(values["baseline"]) / 1000
        width, height = int(values["width"]), int(values["height"])
    if k.size != 9 or not (np.isfinite(doffs) and np.isfinite(baseline) and baseline > 0):
        got = f"{values['cam0']}, {values['doffs']}, {values['baseline']}"
        raise SourceError(f"{path}", expected="3x3 cam0, doffs and baseline", got=got)
    return StereoCalibration(pinhole(path, width, height, k[0], k[4], k[2], k[5]), baseline, doffs)


class Middlebury(Unrelated):
    """Scenes of 2014 or 2021: folders with calib.txt, im0.png, im1.png and disp0.pfm.

    ``folder`` is a scene or holds scenes. ``disparity`` is that between the images as they are,
    infinite (unknown) made NaN; ``depth`` takes ``doffs`` into account, so that it is not simply
    baseline over disparity. ``right`` chooses another exposure or lighting of the right image,
    such as "im1E". MiddEval3's names (disp0GT.pfm, mask0nocc.png as mask "nonocc") are read too.
    """

    name = "middlebury"

    def __init__(self, folder: Path, right: str = "im1") -> None:
        self._right = right
        self._scenes = sorted((path.parent for path in folder.glob("**/calib.txt")), key=natural)
        if not self._scenes:
            raise SourceError(f"scenes in {folder}", expected="folders with calib.txt", got="none")

    def __len__(self) -> int:
        return len(self._scenes)

    def calibration(self, index: int) -> StereoCalibration:
        """The calibration of scene ``index``."""
        return read_calibration(pick(self._scenes, index, self.name) / "calib.txt")

    def read(self, index: int) -> Reading:
        """Scene ``index``, from its left camera."""
        calibration, scene = self.calibration(index), self._scenes[index]
        left_path, right_path, truth_path, *_ = self._files(scene)
        left, right = _pair(left_path, right_path)
        camera, size = calibration.camera, (left.shape[1], left.shape[0])
        if (camera.width, camera.height) != size:
            said = f"{camera.width}x{camera.height}, as calib.txt says"
            raise SourceError(f"{left_path}", expected=said, got=f"{size[0]}x{size[1]}")
        disparity = read_pfm(truth_path)
        if disparity.shape != left.shape[:2]:
            raise SourceError(f"{truth_path}", expected=left.shape[:2], got=disparity.shape)
        disparity[~np.isfinite(disparity)] = np.nan
        masks: dict[str, Mask] = {}
        if (scene / _NONOCC).is_file():
            masks["nonocc"] = _white(scene / _NONOCC, left.shape[:2])
        return Reading(
            left,
            calibration.depth(disparity),
            camera,
            right=right,
            baseline_m=calibration.baseline_m,
            disparity=disparity,
            masks=masks,
            name=scene.name,
        )

    def _files(self, scene: Path) -> list[Path]:
        truth = next((name for name in _DISPARITIES if (scene / name).is_file()), _DISPARITIES[0])
        files = [scene / "im0.png", scene / f"{self._right}.png", scene / truth]
        return files + [path for path in (scene / _NONOCC,) if path.is_file()]

    def problems(self) -> list[str]:
        """Calibrations that say too little, and images and disparities that are broken."""
        found: list[str] = []
        for index, scene in enumerate(self._scenes):
            try:
                self.calibration(index)
            except SourceError as error:
                found.append(str(error))
            found += problems_of(self._files(scene))
        return found


class MiddleburyV2(Unrelated):
    """The four pairs of the second benchmark (Tsukuba, Venus, Cones, Teddy), a folder each.

    imL.png, imR.png, groundtruth.png (8 bits, 0 unknown) and info.txt with what to divide its
    values by, then the number of disparities. Masks are nonocc.png, all.png and disc.png where
    they are white. Cameras and baselines are not published with them, so there is no depth.
    """

    name = "middlebury-v2"

    def __init__(self, folder: Path) -> None:
        scenes = [path.parent for path in folder.glob("**/groundtruth.png")]
        self._scenes = sorted(scenes, key=natural)
        if not scenes:
            raise SourceError(f"scenes in {folder}", expected="*/groundtruth.png", got="none")

    def __len__(self) -> int:
        return len(self._scenes)

    def read(self, index: int) -> Reading:
        """Pair ``index``, by name."""
        scene = pick(self._scenes, index, self.name)
        left, right = _pair(scene / "imL.png", scene / "imR.png")
        divisor, _ = read_info(scene / "info.txt")
        grey = _grey(scene / "groundtruth.png", left.shape[:2])
        disparity = np.where(grey > 0, grey / divisor, np.nan).astype(np.float32)
        masks = {name: _white(scene / f"{name}.png", left.shape[:2]) for name in _V2_MASKS}
        return Reading(left, right=right, disparity=disparity, masks=masks, name=scene.name)

    def disparities(self, index: int) -> int:
        """How many disparities a matcher searches in pair ``index``: from 0 to one less."""
        return read_info(pick(self._scenes, index, self.name) / "info.txt")[1]

    def problems(self) -> list[str]:
        """Files that are missing or broken."""
        names = ("imL", "imR", "groundtruth", *_V2_MASKS)
        found: list[str] = []
        for scene in self._scenes:
            found += problems_of(scene / f"{name}.png" for name in names)
            try:
                read_info(scene / "info.txt")
            except SourceError as error:
                found.append(str(error))
        return found


def read_info(path: Path) -> tuple[float, int]:
    """Grey levels per pixel of disparity, and the number of disparities."""
    with reading_file(path):
        divisor, count = path.read_text(encoding="utf-8").split()
        numbers = float(divisor), int(count)
    if not (0 < numbers[0] < np.inf and numbers[1] > 0):
        raise SourceError(f"{path}", expected="two positive numbers", got=numbers)
    return numbers


def _pair(left: Path, right: Path) -> tuple[UInt8, UInt8]:
    first, second = read_rgb(left), read_rgb(right)
    if first.shape != second.shape:
        raise SourceError(f"{right}", expected=first.shape, got=second.shape)
    return first, second


def _grey(path: Path, shape: tuple[int, ...]) -> Float32:
    """(h, w) levels of an 8-bit image; some are stored as colour with three equal channels."""
    levels = read_rgb(path)
    if levels.shape[:2] != shape:
        raise SourceError(f"{path}", expected=shape, got=levels.shape[:2])
    return levels[..., 0].astype(np.float32)


def _white(path: Path, shape: tuple[int, ...]) -> Mask:
    """Where a mask is 255."""
    mask: Mask = _grey(path, shape) == 255
    return mask
