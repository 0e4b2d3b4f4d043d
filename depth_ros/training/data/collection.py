# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Mixed collections: single frames and bursts from many places, with ``scenes.txt``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.sequence import Item, read_depth, read_image, read_meta

Intrinsics = tuple[float, float, float, float]  # fx, fy, cx, cy, pixels

# Focal lengths that the sources publish, as a share of the image's width; used where a collection
# comes without intrinsics. Scenes that are in neither place teach depth only up to scale.
PUBLISHED_FOCAL = {
    "tum_fr1_office": 517.3 / 640,
    "tum_fr2_hall": 520.9 / 640,
    "tum_fr3_office": 535.4 / 640,
    "slambook_dining": 518.0 / 640,
    "nyu_kitchenette": 518.9 / 561,
    "sun_kv2_a": 529.5 / 730,
}


def open_collection(folder: Path) -> dict[str, list[Item]]:
    """All items in memory, by scene. ``camera`` is None where depth is right only up to scale."""
    meta = read_meta(folder)
    scenes = (folder / "scenes.txt").read_text(encoding="utf-8").split()
    if len(scenes) != meta["frames"]:
        raise SourceError(f"{folder / 'scenes.txt'}", expected=meta["frames"], got=len(scenes))
    uncertain = set(meta.get("scale_uncertain_scenes", ()))
    intrinsics = _intrinsics(folder, meta["intrinsics"], len(scenes))
    items: dict[str, list[Item]] = {}
    for index, scene in enumerate(scenes):
        image = read_image(folder / f"rgb/{index:06d}.jpg")
        depth = read_depth(folder / f"depth/{index:06d}.png", meta["depth_unit_m"])
        camera = None
        height, width = image.shape[:2]
        if scene not in uncertain:
            camera = _camera(intrinsics[index], scene, width, height)
        items.setdefault(scene, []).append(Item(image, depth, camera))
    return items


def _intrinsics(folder: Path, given: object, frames: int) -> list[Intrinsics | None]:
    if isinstance(given, dict):
        fx, fy, cx, cy = (float(given[k]) for k in ("fx", "fy", "cx", "cy"))
        return [(fx, fy, cx, cy)] * frames
    path = folder / "intrinsics.txt"
    if not path.exists():
        return [None] * frames
    lines = path.read_text(encoding="utf-8").split("\n")[:frames]
    return [None if "none" in line else _numbers(line) for line in lines]


def _numbers(line: str) -> Intrinsics:
    fx, fy, cx, cy = map(float, line.split())
    return fx, fy, cx, cy


def _camera(numbers: Intrinsics | None, scene: str, width: int, height: int) -> Camera | None:
    if numbers is not None:
        return Camera(width, height, *numbers)
    if scene in PUBLISHED_FOCAL:
        field_of_view = 2 * float(np.arctan(0.5 / PUBLISHED_FOCAL[scene]))
        return Camera.from_fov(width, height, field_of_view)
    return None
