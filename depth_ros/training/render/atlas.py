# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""All patterns in one image, each with its mip levels: one remap textures a whole frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32, UInt8
from depth_ros.training.render import patterns, pictures
from depth_ros.training.render.patterns import SIZE, Draw

LEVELS = 7  # SIZE >> 6 = 4 pixels at the coarsest
_BORDER = 2  # wrapped pixels around every tile, so that bilinear sampling never leaves it
_COLUMNS = 12
_SEED = 20260101  # of the patterns themselves, the same on every machine

_RECIPES: dict[str, tuple[Draw, int]] = {
    "plain": (patterns.plain, 6),
    "marble": (patterns.marble, 6),
    "blotches": (patterns.blotches, 8),
    "wood": (patterns.wood, 14),
    "brick": (patterns.brick, 6),
    "tiles": (patterns.tiles, 8),
    "checks": (patterns.checks, 6),
    "stripes": (patterns.stripes, 8),
    "wallpaper": (patterns.wallpaper, 10),
    "carpet": (patterns.carpet, 4),
    "weave": (patterns.weave, 4),
    "folds": (patterns.folds, 4),
    "shapes": (patterns.shapes, 14),
    "landscape": (pictures.landscape, 8),
    "blobs": (pictures.paint_blobs, 6),
    "text": (pictures.text, 4),
    "books": (pictures.books, 6),
    "leaves": (pictures.leaves, 3),
    "screen": (pictures.screen, 5),
    "asphalt": (pictures.asphalt, 3),
    "panels": (pictures.panels, 6),
}


@dataclass(frozen=True, slots=True)
class Atlas:
    """``image`` (H, W, 3) uint8; ``origin`` (levels, patterns, 2) is x, y of each tile in it."""

    image: UInt8
    origin: Float32
    names: Mapping[str, npt.NDArray[np.int64]]


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """The atlas of this process, drawn on first use (about a second)."""
    tiles: list[UInt8] = []
    names: dict[str, npt.NDArray[np.int64]] = {}
    for index, (name, (draw, count)) in enumerate(_RECIPES.items()):
        rng = np.random.Generator(np.random.PCG64([_SEED, index]))
        names[name] = np.arange(len(tiles), len(tiles) + count)
        tiles += [np.round(draw(rng) * 255).astype(np.uint8) for _ in range(count)]
    image, origin = _pack(tiles)
    return Atlas(image, origin, names)


def _pack(tiles: list[UInt8]) -> tuple[UInt8, Float32]:
    """Level by level, one below the other, each level a grid of bordered tiles."""
    rows = -(-len(tiles) // _COLUMNS)
    sides = [(SIZE >> level) + 2 * _BORDER for level in range(LEVELS)]
    image = np.zeros((rows * sum(sides), _COLUMNS * sides[0], 3), np.uint8)
    origin = np.zeros((LEVELS, len(tiles), 2), np.float32)
    top = 0
    for level, side in enumerate(sides):
        for index, tile in enumerate(tiles):
            x, y = (index % _COLUMNS) * side, top + (index // _COLUMNS) * side
            small = cv2.resize(tile, (SIZE >> level, SIZE >> level), interpolation=cv2.INTER_AREA)
            image[y : y + side, x : x + side] = np.pad(
                small, ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0)), mode="wrap"
            )
            # u in 0 to 1 spans the tile's edges; its first pixel's centre is half a pixel in.
            origin[level, index] = x + _BORDER - 0.5, y + _BORDER - 0.5
        top += rows * side
    return image, origin


@lru_cache(maxsize=1)
def origins() -> Float32:
    """(2, levels * patterns) x and y of the tiles in the atlas, level by level."""
    return np.ascontiguousarray(atlas().origin.reshape(-1, 2).T)


@lru_cache(maxsize=1)
def sides() -> Float32:
    """(levels,) pixels along a tile's side."""
    return np.array([SIZE >> level for level in range(LEVELS)], np.float32)
