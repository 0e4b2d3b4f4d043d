# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""``python -m depth_ros.training.render OUT --seed 13``: render a video with exact depth."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable

from depth_ros.errors import DepthError
from depth_ros.frame import Camera
from depth_ros.training.render.scene import KINDS
from depth_ros.training.render.sequence import is_written, write_sequence


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(
        prog="python -m depth_ros.training.render",
        description="Render a procedural room, corridor or street as a video with exact depth.",
    )
    out.add_argument("folder", help="where to write; skipped if it holds the same sequence")
    out.add_argument("--seed", type=int, default=13)
    out.add_argument("--kind", choices=KINDS, default="room")
    out.add_argument("--frames", type=int, default=300)
    out.add_argument("--width", type=int, default=640)
    out.add_argument("--height", type=int, default=480)
    out.add_argument("--rate", type=float, default=30.0, help="frames per second")
    out.add_argument("--fov", type=float, default=62.0, help="horizontal, degrees")
    out.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    return out


def progress(frames: int) -> Callable[[int], None]:
    """A bar where tqdm is installed, a line that counts otherwise."""
    try:
        from tqdm import tqdm
    except ImportError:
        return lambda done: _count(done, frames)
    bar = tqdm(total=frames, desc="render", unit="frame")

    def show(done: int) -> None:
        bar.update(done - bar.n)
        if done == frames:
            bar.close()

    return show


def _count(done: int, frames: int) -> None:
    if done % 10 == 0 or done == frames:
        sys.stderr.write(f"\rrender {done}/{frames}" + ("\n" if done == frames else ""))
        sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written or already there, 1 refused."""
    options = parser().parse_args(arguments)
    try:
        camera = Camera.from_fov(options.width, options.height, math.radians(options.fov))
        wanted = {
            "seed": options.seed,
            "kind": options.kind,
            "frames": options.frames,
            "camera": camera,
            "rate_hz": options.rate,
        }
        if is_written(options.folder, **wanted):
            sys.stderr.write(f"{options.folder} is already rendered\n")
            return 0
        write_sequence(
            options.folder, **wanted, workers=options.workers, on_frame=progress(options.frames)
        )
    except DepthError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
