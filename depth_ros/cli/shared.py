# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands of depth_cli share, and what they stand for."""

from __future__ import annotations

import argparse
import os
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_ros.errors import EngineError

if TYPE_CHECKING:
    from depth_ros.engines.spec import EngineSpec
    from depth_ros.frame import UInt8

FRAMES = 8  # of a source, that a network is compared or tried on
NOISE = "smooth noise; --images SOURCE takes real ones"


def zoo_for(name: str, zoo: str | None) -> Path:
    """Where an entry goes; a shipped one's name would hide which of the two runs."""
    from depth_ros.share import share_dir, user_zoo

    folder = user_path(zoo) if zoo else user_zoo()
    shipped = share_dir() / "engines"
    if folder.resolve() != shipped.resolve() and (shipped / name / "spec.json").is_file():
        raise EngineError(
            f"a network called {name} is shipped with depth_ros", fix="Choose another --name."
        )
    return folder


def user_path(text: str) -> Path:
    return Path(os.path.expanduser(text))


def size_of(args: argparse.Namespace) -> tuple[int, int] | None:
    return tuple(args.size) if args.size else None


def say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)


def size_argument(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--size",
        nargs=2,
        type=int,
        metavar=("W", "H"),
        help=f"width and height of the network's image (default: {default})",
    )


def zoo_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--zoo", metavar="DIR", help="where to put the entry (default: your zoo, $DEPTH_ROS_ZOO)"
    )


def images_argument(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument(
        "--images", metavar="SOURCE", help=f"{text}, as in depth_cli run (default: smooth noise)"
    )


def read_images(source: str | None, spec: EngineSpec | None) -> tuple[list[UInt8], str]:
    """The first frames of a source, rectified, or smooth noise; and what they are."""
    if source is None:
        return noise_images(), NOISE
    from depth_ros.preprocess import make_rectify
    from depth_ros.sources import open_source

    rectify = make_rectify(False)
    opened = open_source(source)
    images = [rectify(item.frame).image.copy() for item in islice(iter(opened), FRAMES)]
    if spec is not None and len(images) < 2:
        raise EngineError(f"frames of {source}", expected="2 or more", got=len(images))
    if not images:
        raise EngineError(f"frames of {source}", expected="at least one", got="none")
    return images, f"first of {opened.name}"


def noise_images(width: int = 320, height: int = 240, count: int = 4) -> list[UInt8]:
    """Smooth random images, the same at every call."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (count, 12, 16, 3)).astype(np.float32)
    large = [cv2.resize(s, (width, height), interpolation=cv2.INTER_CUBIC) for s in small]
    return [np.clip(np.rint(i), 0, 255).astype(np.uint8) for i in large]


def prepared(spec: EngineSpec, image: UInt8) -> Any:
    from depth_ros.preprocess import ToInput

    return ToInput(spec)(image)[spec.inputs[0].name]
