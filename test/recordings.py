# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recordings in the uniform layout, as tests write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# A camera of 64x48 that looks straight ahead.
SMALL = {"width": 64, "height": 48, "fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5}


def write_recording(
    folder: Path,
    images: Iterable[npt.NDArray[np.uint8]],
    depths_mm: Iterable[npt.NDArray[Any]] = (),
    poses: npt.NDArray[np.float64] | None = None,
    /,
    *,
    suffix: str = "png",
    **meta: object,
) -> Path:
    """RGB images (h, w, 3), depth (h, w) in millimetres, and (n, 4, 4) world from camera."""
    (folder / "rgb").mkdir(parents=True)
    for i, image in enumerate(images):
        assert cv2.imwrite(str(folder / f"rgb/{i:06d}.{suffix}"), image[..., ::-1])
    for i, depth in enumerate(depths_mm):
        (folder / "depth").mkdir(exist_ok=True)
        assert cv2.imwrite(str(folder / f"depth/{i:06d}.png"), depth.astype(np.uint16))
    if poses is not None:
        np.savetxt(folder / "poses.txt", poses.reshape(len(poses), 16))
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder
