# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A rendered video on disk: rgb/, depth/, poses.txt, meta.json.

rgb/NNNNNN.jpg; depth/NNNNNN.png in uint16 millimetres, 0 where there is none or beyond 65 m;
poses.txt holds camera-to-world, 4x4 row by row, a line per frame, optical camera axes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.errors import SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.training.render.camera import render
from depth_ros.training.render.draw import random_scene
from depth_ros.training.render.motion import trajectory
from depth_ros.training.render.scene import Scene
from depth_ros.training.render.version import RENDERER_VERSION

UInt16 = npt.NDArray[np.uint16]
Task = tuple[str, int, str | None, Camera, int, Float64]


def write_sequence(
    folder: str | Path,
    *,
    seed: int,
    kind: str | None,
    frames: int,
    camera: Camera,
    rate_hz: float,
    workers: int = 1,
    on_frame: Callable[[int], None] | None = None,
) -> Path:
    """Render and write; the folder appears only when complete, and replaces an older one.

    ``workers`` above 1 renders in that many processes (call it under a main guard then).
    ``on_frame`` hears how many frames are done. Raises `ConfigError` and `SourceError`.
    """
    folder = Path(folder)
    scene = random_scene(seed, kind)
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    poses = trajectory(
        scene, rng, frames, rate_hz, "drive" if scene.kind == "street" else "handheld"
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for part in ("rgb", "depth"):
            (partial / part).mkdir()
        tasks = ((str(partial), seed, kind, camera, k, pose) for k, pose in enumerate(poses))
        for done in _draw_all(tasks, workers):
            if on_frame is not None:
                on_frame(done)
        lines = [" ".join(f"{n:.12g}" for n in pose.ravel()) for pose in poses]
        (partial / "poses.txt").write_text("\n".join(lines) + "\n")
        meta = _meta(folder.name, scene, frames, camera, rate_hz)
        (partial / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def is_written(
    folder: str | Path, *, seed: int, kind: str | None, frames: int, camera: Camera, rate_hz: float
) -> bool:
    """Whether the folder already holds this very sequence, by this version of the renderer."""
    folder = Path(folder)
    try:
        found = json.loads((folder / "meta.json").read_text())
    except (OSError, ValueError):
        return False
    want = _meta(folder.name, random_scene(seed, kind), frames, camera, rate_hz)
    return bool(found == want)


def to_millimetres(depth: Float32) -> UInt16:
    """uint16 millimetres; 0 for NaN and for what does not fit."""
    millimetres = np.round(np.nan_to_num(depth.astype(np.float64), nan=0.0) * 1000)
    return np.where(millimetres > 65535, 0, millimetres).astype(np.uint16)


def _meta(
    name: str, scene: Scene, frames: int, camera: Camera, rate_hz: float
) -> dict[str, object]:
    return {
        "name": name,
        "frames": frames,
        "width": camera.width,
        "height": camera.height,
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "fps": rate_hz,
        "depth": "uint16 PNG, unit mm, 0 = no value",
        "poses": "camera-to-world 4x4 row-major per line, OpenCV axes, metres",
        "source": "depth_ros procedural renderer",
        "licence": "Apache-2.0",
        "seed": scene.seed,
        "kind": scene.kind,
        "renderer_version": RENDERER_VERSION,
    }


def _draw_all(tasks: Iterable[Task], workers: int) -> Iterable[int]:
    if workers <= 1:
        for done, task in enumerate(tasks, 1):
            _draw(task)
            yield done
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _quiet)
    try:
        for done, _ in enumerate(pool.map(_draw, tasks, chunksize=4), 1):
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def _quiet() -> None:
    """One process per core is enough: no threads inside."""
    cv2.setNumThreads(1)


@lru_cache(maxsize=1)
def _scene(seed: int, kind: str | None) -> Scene:
    return random_scene(seed, kind)


def _draw(task: Task) -> None:
    folder, seed, kind, camera, number, pose = task
    picture = render(_scene(seed, kind), camera, pose)
    colour = cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR)
    _write(Path(folder, "rgb", f"{number:06d}.jpg"), colour, [cv2.IMWRITE_JPEG_QUALITY, 95])
    depth = to_millimetres(picture.depth)
    _write(Path(folder, "depth", f"{number:06d}.png"), depth, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _write(path: Path, image: UInt8 | UInt16, options: list[int]) -> None:
    if not cv2.imwrite(str(path), image, options):
        raise SourceError(
            "rendered frame could not be written", expected="a writable folder", got=str(path)
        )


def _put_in_place(partial: Path, folder: Path) -> None:
    """Swap the finished folder in; what was there before goes away last."""
    partial.chmod(0o755)
    if not folder.exists():
        os.replace(partial, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    os.replace(folder, old / folder.name)
    os.replace(partial, folder)
    shutil.rmtree(old, ignore_errors=True)
