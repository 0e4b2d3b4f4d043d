# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""KITTI depth prediction and completion: dense truth from eleven scans, uint16 PNG / 256 = metres.

The frames of train and val have their images in KITTI raw: list them with improved_frames() and
read them with KittiRaw(raw, frames, "improved", improved_root=root). What comes with images of its
own, cut to 1216x352, is read here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.frame import Float32
from depth_ros.training.data.readers.files import (
    listed,
    pick,
    pinhole,
    problems_of,
    read_matrix,
)
from depth_ros.training.data.readers.images import read_rgb, read_scaled
from depth_ros.training.data.readers.kitti_raw import CAMERAS, DEPTH_UNIT_M
from depth_ros.training.data.readers.reading import Reading, Unrelated
from depth_ros.training.data.readers.splits import Listed


def improved_frames(root: Path, split: str, side: str = "l") -> list[Listed]:
    """All frames with truth of ``train`` or ``val``, drive by drive, as KittiRaw reads them."""
    found = []
    for drive in sorted((root / split).glob("*_sync")):
        truth = drive / f"proj_depth/groundtruth/image_{CAMERAS[side]}"
        numbers = sorted(int(f.stem) for f in truth.glob("*.png") if f.stem.isdecimal())
        found += [Listed(f"{drive.name[:10]}/{drive.name}", n, side) for n in numbers]
    if not found:
        raise SourceError(f"no truth in {root / split}", expected="DRIVE_sync/proj_depth folders")
    return found


@dataclass
class KittiDepthSelection(Unrelated):
    """val_selection_cropped, or a test set without truth (test_depth_prediction_anonymous).

    Folders: image, groundtruth_depth, velodyne_raw, and intrinsics (nine numbers of K a file).
    """

    root: Path
    name: str = "kitti_depth_selection"
    _images: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._images = listed(self.root / "image", "*", (".png",))

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._images)

    def read(self, index: int) -> Reading:
        """Image ``index`` by name. Raises SourceError."""
        file = pick(self._images, index, self.name)
        image = read_rgb(file)
        truth = self._beside(file, "groundtruth_depth")
        lens = self.root / "intrinsics" / f"{file.stem}.txt"
        camera = None
        if lens.parent.is_dir():
            k = read_matrix(lens, 3, 3)
            size = (image.shape[1], image.shape[0])
            camera = pinhole(lens, *size, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
        depth = read_scaled(truth, DEPTH_UNIT_M) if truth.parent.is_dir() else None
        return Reading(name=file.stem, image=image, depth=depth, camera=camera)

    def sparse(self, index: int) -> Float32:
        """The input of depth completion, metres, NaN where unknown. Raises SourceError."""
        file = pick(self._images, index, self.name)
        return read_scaled(self._beside(file, "velodyne_raw"), DEPTH_UNIT_M)

    def problems(self) -> list[str]:
        """Files that are missing or cut off."""
        found = problems_of(self._images)
        for kind in ("groundtruth_depth", "velodyne_raw"):
            if (self.root / kind).is_dir():
                found += problems_of([self._beside(f, kind) for f in self._images], bits=16)
        if (self.root / "intrinsics").is_dir():
            found += problems_of(self.root / "intrinsics" / f"{f.stem}.txt" for f in self._images)
        return found

    def _beside(self, image: Path, kind: str) -> Path:
        """The file of another folder: ``_sync_image_`` in the image's name becomes the kind."""
        name = image.name.replace("_sync_image_", f"_sync_{kind}_")
        return self.root / kind / name
