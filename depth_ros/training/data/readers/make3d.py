# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make3D: photographs outdoors with a coarse laser scan each (Saxena, Sun and Ng 2009).

``img-NAME.jpg`` (1704x2272, portrait) goes with ``depth_sph_corr-NAME.mat``, whose variable
Position3DGrid (55, 305, 4) holds Y, X, Z and the depth in metres on a grid over the whole image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.training.data.readers.files import (
    known,
    listed,
    pick,
    problems_of,
    read_mat,
)
from depth_ros.training.data.readers.images import read_rgb
from depth_ros.training.data.readers.reading import Reading, Unrelated

_IMAGE, _DEPTH = "img-", "depth_sph_corr-"


class Make3d(Unrelated):
    """The photographs in ``images`` with the scans in ``depth`` (or in folders below them).

    As published: Train400Img and Train400Depth, Test134 and Gridlaserdata. ``depth`` of a reading
    is the grid's fourth layer, because every published number is measured against that one. It
    is the scanner's range along the ray, unlike the depth of all other data sets here.
    Where the laser came back from nothing the files say about 81 m, which the protocols C1
    (below 70 m) and C2 (below 80 m) leave out; it is kept here. The cameras are not published.
    """

    name = "make3d"

    def __init__(self, images: Path, depth: Path) -> None:
        self._images = listed(images, f"**/{_IMAGE}*", (".jpg", ".jpeg", ".png"))
        found = {path.stem: path for path in depth.glob(f"**/{_DEPTH}*.mat")}
        stems = [_DEPTH + path.stem[len(_IMAGE) :] for path in self._images]
        self._scans = [found.get(stem, depth / f"{stem}.mat") for stem in stems]

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int) -> Reading:
        """Reading ``index``: an image and its depth of 55x305 values."""
        path = pick(self._images, index, self.name)
        scan = self._scans[index]
        grid = np.asarray(read_mat(scan, "Position3DGrid")["Position3DGrid"])
        if grid.ndim != 3 or grid.shape[2] != 4 or grid.dtype.kind not in "fiu":
            raise SourceError(f"Position3DGrid of {scan}", expected="(h, w, 4)", got=grid.shape)
        name = path.stem[len(_IMAGE) :]
        return Reading(read_rgb(path), known(grid[..., 3]), name=name)

    def problems(self) -> list[str]:
        """Photographs that are broken, and scans that are missing or broken."""
        return problems_of(self._images) + problems_of(self._scans)
