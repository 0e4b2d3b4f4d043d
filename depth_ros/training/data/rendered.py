# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Rendered rooms on disk: a pool that one process fills while another learns from it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from depth_ros.errors import SourceError
from depth_ros.frame import Camera
from depth_ros.training.data.sequence import Item

WIDTH, HEIGHT = 320, 240
VIEWS_PER_SCENE = 4
CORRIDORS = 0.18  # of the scenes; the others are rooms


def render_items(seed: int) -> Iterator[Item]:
    """Views of the random indoor scene ``seed``."""
    from depth_ros.training.render import random_camera, random_scene, random_view, render

    rng = np.random.default_rng(seed)
    scene = random_scene(seed, "corridor" if rng.random() < CORRIDORS else "room")
    for _ in range(VIEWS_PER_SCENE):
        camera = random_camera(rng, WIDTH, HEIGHT)
        pose = random_view(scene, rng)
        view = render(scene, camera, pose)
        yield Item(view.image, view.depth, camera, pose)


def write_item(path: Path, item: Item) -> None:
    """Atomically, depth as half floats."""
    camera, depth = item.camera, item.depth
    if camera is None or depth is None:
        raise SourceError("item to store", expected="depth and a camera", got="none")
    partial = path.with_suffix(".partial")
    numbers = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    with partial.open("wb") as file:
        np.savez(file, image=item.image, depth=depth.astype(np.float16), intrinsics=numbers)
    os.replace(partial, path)


def read_item(path: Path) -> Item:
    """What write_item wrote."""
    with np.load(path, allow_pickle=False) as file:
        image, depth = file["image"], file["depth"].astype(np.float32)
        fx, fy, cx, cy = (float(v) for v in file["intrinsics"])
    camera = Camera(image.shape[1], image.shape[0], fx, fy, cx, cy)
    return Item(image, depth, camera)


class PoolSource:
    """Draws views from a pool, all with the same chance, and notices when it grows."""

    def __init__(self, folder: Path, relist_every: int = 200) -> None:
        self.folder, self.relist_every = folder, relist_every
        self._paths: list[Path] = []
        self._draws = 0

    def draw(self, rng: np.random.Generator) -> Item:
        """A random view; SourceError while the pool is empty."""
        if self._draws % self.relist_every == 0:
            self._paths = sorted(self.folder.glob("*.npz"))
        self._draws += 1
        if not self._paths:
            raise SourceError(
                f"no rendered views in {self.folder}",
                fix="Fill it: python -m depth_ros.training.data.rendered FOLDER --scenes 1000",
            )
        return read_item(self._paths[int(rng.integers(len(self._paths)))])


def fill_pool(folder: Path, first_seed: int, scenes: int) -> None:
    """Render scenes of consecutive seeds; what is there already is not rendered again."""
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for seed in tqdm(range(first_seed, first_seed + scenes), unit="scene"):
        if (folder / f"{seed:08d}_{VIEWS_PER_SCENE - 1}.npz").exists():
            continue
        for view, item in enumerate(render_items(seed)):
            write_item(folder / f"{seed:08d}_{view}.npz", item)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill a pool of rendered rooms.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=1000, help="how many (4 views each)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene")
    args = parser.parse_args()
    fill_pool(args.folder, args.seed, args.scenes)


if __name__ == "__main__":
    main()
