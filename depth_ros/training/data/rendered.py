# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The renderer as a data set: views of seeded scenes, made as they are asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from depth_ros.cli.ending import exit_code
from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float64
from depth_ros.training.data.pool import begin_pool, write_view
from depth_ros.training.data.readers.reading import Reading, Unrelated
from depth_ros.training.render import (
    Scene,
    random_camera,
    random_scene,
    random_view,
    render,
    write_sequence,
)
from depth_ros.training.render.scene import KINDS
from depth_ros.training.render.sequence import is_written

WIDTH, HEIGHT = 320, 240
VIEWS_PER_SCENE = 4
CORRIDORS = 0.18  # of indoor scenes; the others are rooms
HANDHELD_HZ, STREET_HZ = 30.0, 10.0  # frames a second of clips
INDOOR = ""
SCENE_KINDS = (INDOOR, "any", *KINDS)
ENDLESS = 2**31  # readings, more than any run can draw


class RenderedScenes(Unrelated):
    """Four views of each random scene, from the scene ``seed`` on; the same ones every time.

    ``kind`` is room, corridor or street, any for all three, or "" for rooms and some corridors.
    """

    def __init__(self, seed: int = 0, kind: str = INDOOR) -> None:
        self.name = "rendered"
        if kind not in SCENE_KINDS:
            raise SourceError("kind of rendered scenes", expected=SCENE_KINDS, got=kind)
        self._seed, self._kind = seed, kind

    def __len__(self) -> int:
        """So many that they never end."""
        return ENDLESS

    def read(self, index: int) -> Reading:
        """View ``index``: 320x240, exact depth, a camera of its own, and its pose."""
        if not 0 <= index < ENDLESS:
            raise SourceError("rendered view", expected=f"0..{ENDLESS - 1}", got=index)
        seed, view = divmod(index, VIEWS_PER_SCENE)
        return render_view(self._seed + seed, view, self._kind)

    def problems(self) -> list[str]:
        """Nothing can be missing."""
        return []


def render_view(seed: int, view: int, kind: str = INDOOR) -> Reading:
    """View 0 to 3 of the random scene ``seed``."""
    scene, viewpoints = _scene(seed, kind)
    camera, pose = viewpoints[view]
    picture = render(scene, camera, pose)
    name = f"rendered {seed} {view}"
    return Reading(picture.image, picture.depth, camera, pose, name=name)


@lru_cache(maxsize=2)
def _scene(seed: int, kind: str) -> tuple[Scene, list[tuple[Camera, Float64]]]:
    """The scene and its four viewpoints; views of one scene are often asked for in a row."""
    rng = np.random.default_rng(seed)
    scene = random_scene(seed, _scene_kind(rng, kind))
    views = range(VIEWS_PER_SCENE)
    return scene, [(random_camera(rng, WIDTH, HEIGHT), random_view(scene, rng)) for _ in views]


def _scene_kind(rng: np.random.Generator, kind: str) -> str | None:
    """What the renderer calls it; None lets the seed draw any kind."""
    indoor = "corridor" if rng.random() < CORRIDORS else "room"
    return {INDOOR: indoor, "any": None}.get(kind, kind)


def fill_pool(folder: Path, first_seed: int, scenes: int, kind: str = INDOOR) -> None:
    """Render scenes of consecutive seeds; what is there already is not rendered again.

    Raises SourceError where another version of the renderer began the pool.
    """
    begin_pool(folder, kind)
    for seed in _counted(first_seed, scenes):
        paths = [folder / f"{seed:08d}_{view}.npz" for view in range(VIEWS_PER_SCENE)]
        for view, path in enumerate(paths):
            if not path.exists():
                write_view(path, render_view(seed, view, kind))


def fill_clips(
    folder: Path, first_seed: int, scenes: int, frames: int, kind: str = INDOOR
) -> None:
    """A clip of ``frames`` frames for each scene, each a recording in a folder of its own.

    A hand-held camera at 30 Hz, or a car at 10 Hz in a street; 320x240, with poses. Those that
    are there already, by this version of the renderer, are not rendered again.
    """
    for seed in _counted(first_seed, scenes):
        rng = np.random.default_rng(seed)
        drawn = _scene_kind(rng, kind)
        wanted: dict[str, Any] = {
            "seed": seed,
            "kind": drawn,
            "frames": frames,
            "camera": random_camera(rng, WIDTH, HEIGHT),
            "rate_hz": STREET_HZ if random_scene(seed, drawn).kind == "street" else HANDHELD_HZ,
        }
        if not is_written(folder / f"{seed:08d}", **wanted):
            write_sequence(folder / f"{seed:08d}", **wanted)


def _counted(first: int, count: int) -> Iterable[int]:
    """These seeds, with a bar where tqdm is installed.

    In one thread, because more processes gain more than more threads.
    """
    cv2.setNumThreads(1)
    seeds: Iterable[int] = range(first, first + count)
    try:
        from tqdm import tqdm
    except ImportError:
        return seeds
    return cast("Iterable[int]", tqdm(seeds, unit="scene"))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line that fills a pool; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m depth_ros.training.data.rendered",
        description="Fill a pool of rendered views, or of short clips, to learn from.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=1000, help="how many (4 views each)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene")
    parser.add_argument("--kind", choices=SCENE_KINDS[1:], default=None,
        help="of scenes; without it rooms and some corridors")  # fmt: skip
    parser.add_argument("--clip", type=int, default=0, metavar="N",
        help="N successive frames of one motion through each scene instead of single views, each "
        "clip in a folder of its own")  # fmt: skip

    def fill() -> None:
        args = parser.parse_args(argv)
        kind = args.kind or INDOOR
        if args.clip > 0:
            fill_clips(args.folder, args.seed, args.scenes, args.clip, kind)
        else:
            fill_pool(args.folder, args.seed, args.scenes, kind)

    return exit_code("depth_ros.training.data.rendered", fill)


if __name__ == "__main__":
    sys.exit(main())
