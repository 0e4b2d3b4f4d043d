# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI stereo 2015: pairs with the left image's disparity, uint16 PNG / 256 pixels, 0 unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32
from depth_ros.training.data.readers.files import listed, pick, problems_of
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.kitti_calibration import (
    camera_of,
    read_calibration_file,
    read_projection,
)
from depth_ros.training.data.readers.reading import Mask, Reading, Unrelated

# Monodepth's protocol (Godard et al., 2017), for copies without calibration: focal length in
# pixels by the image's width, and one baseline for all.
FOCAL_BY_WIDTH = {1242: 721.5377, 1241: 718.856, 1224: 707.0493, 1226: 707.0912, 1238: 718.3351}
BASELINE_M = 0.54
_FOLDERS = {"occ": "disp_occ_0", "noc": "disp_noc_0", "objects": "obj_map"}


def depth_from_disparity(disparity: Float32, focal_px: float, baseline_m: float) -> Float32:
    """Metres: focal_px * baseline_m / disparity; NaN where disparity is unknown or 0."""
    usable = disparity > 0
    depth = np.full(disparity.shape, np.nan, np.float32)
    depth[usable] = np.float64(focal_px * baseline_m) / disparity[usable]
    return depth


@dataclass
class KittiStereo2015(Unrelated):
    """The training set: image_2, image_3, disp_occ_0, calib_cam_to_cam; NNNNNN_10.png each.

    ``disparity`` is the one with occluded pixels. Masks, where their folders exist: ``noc``
    (pixels that both cameras see, disp_noc_0) and ``foreground`` (cars, obj_map). Depth and camera
    come from calib_cam_to_cam; without that folder depth is Monodepth's (FOCAL_BY_WIDTH), and the
    camera unknown.
    """

    root: Path
    name: str = "kitti_stereo2015"
    _images: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._images = listed(self.root / "image_2", "*_10.*", (".png",))

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._images)

    def read(self, index: int) -> Reading:
        """Pair ``index``. Raises SourceError."""
        file = pick(self._images, index, self.name)
        image = read_rgb(file)
        disparity = read_scaled(self._beside(file, "occ"), 1 / 256)
        camera, focal, baseline = self._calibration(file, image.shape[1], image.shape[0])
        return Reading(
            name=file.stem,
            image=image,
            depth=depth_from_disparity(disparity, focal, baseline),
            camera=camera,
            right=read_rgb(self.root / "image_3" / file.name),
            baseline_m=baseline,
            disparity=disparity,
            masks=self._masks(file),
        )

    def problems(self) -> list[str]:
        """Files that are missing or cut off."""
        found = problems_of(self._images)
        found += problems_of(self.root / "image_3" / f.name for f in self._images)
        found += problems_of([self._beside(f, "occ") for f in self._images], bits=16)
        if self._has("noc"):
            found += problems_of([self._beside(f, "noc") for f in self._images], bits=16)
        if self._has("objects"):
            found += problems_of(self._beside(f, "objects") for f in self._images)
        if (self.root / "calib_cam_to_cam").is_dir():
            found += problems_of(self._calibration_file(f) for f in self._images)
        return found

    def _has(self, kind: str) -> bool:
        return (self.root / _FOLDERS[kind]).is_dir()

    def _beside(self, image: Path, kind: str) -> Path:
        return self.root / _FOLDERS[kind] / image.name

    def _calibration_file(self, image: Path) -> Path:
        return self.root / "calib_cam_to_cam" / f"{image.stem.partition('_')[0]}.txt"

    def _masks(self, image: Path) -> dict[str, Mask]:
        masks: dict[str, Mask] = {}
        if self._has("noc"):
            masks["noc"] = np.isfinite(read_scaled(self._beside(image, "noc"), 1 / 256))
        if self._has("objects"):
            masks["foreground"] = read_rgb(self._beside(image, "objects"))[..., 0] > 0
        return masks

    def _calibration(
        self, image: Path, width: int, height: int
    ) -> tuple[Camera | None, float, float]:
        """Camera, focal length in pixels and baseline in metres."""
        file = self._calibration_file(image)
        if file.parent.is_dir():
            values = read_calibration_file(file)
            left, right = (read_projection(values, f"P_rect_0{i}", file) for i in (2, 3))
            camera = camera_of(left, width, height, file)
            return camera, camera.fx, left.baseline_m(right)
        if width not in FOCAL_BY_WIDTH:
            raise SourceError(
                f"focal length of {image}",
                expected=f"calib_cam_to_cam, or a width of {list(FOCAL_BY_WIDTH)}",
                got=width,
            )
        return None, FOCAL_BY_WIDTH[width], BASELINE_M
