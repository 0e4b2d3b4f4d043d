# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Relative depth: is the order of two points right? WHDR, ORD and D3R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Float64
from depth_ros.metrics import Array, Mask

Pairs = npt.NDArray[np.int64]  # (N, 4): row and column of a, row and column of b
Order = npt.NDArray[np.int64]  # (N,): 1 a is nearer, -1 a is farther, 0 equally far


def read_relations(path: Path) -> tuple[Pairs, Order]:
    """Lines of ``row_a column_a row_b column_b relation``, 0-based pixels, as text or .npy."""
    try:
        read = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _lines(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read pairs in {path}: {error}") from error
    if read.ndim != 2 or read.shape[1] != 5 or not np.isin(read[:, 4], (-1, 0, 1)).all():
        raise SourceError(
            f"pairs in {path}",
            expected="five numbers a line, the last 1 (a nearer), -1 (a farther) or 0",
            got=f"shape {read.shape}",
        )
    whole = read.astype(np.int64)
    return whole[:, :4], whole[:, 4]


def order_of(depth: Array, pairs: Pairs, tolerance: float = 0.0) -> Order:
    """The relation of each pair in ``depth`` (H, W): 1 where z_b / z_a > 1 + tolerance, -1 where
    z_a / z_b is, else 0. Depth must be positive there; FrameError where a pixel is outside."""
    height, width = depth.shape
    limits = np.array([height, width, height, width])
    if ((pairs < 0) | (pairs >= limits)).any():
        raise FrameError("pixels of pairs", expected=f"inside {width}x{height}", got="outside")
    a = depth[pairs[:, 0], pairs[:, 1]].astype(np.float64)
    b = depth[pairs[:, 2], pairs[:, 3]].astype(np.float64)
    if not (np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)).all():
        raise FrameError("depth at the pairs", expected="positive numbers", got="others")
    most = 1 + tolerance
    return (b > most * a).astype(np.int64) - (a > most * b).astype(np.int64)


def whdr(
    depth: Array, pairs: Pairs, truth: Order, tolerance: float = 0.0, weights: Array | None = None
) -> float:
    """Weighted human disagreement rate (Chen 2016, DIW): sum w [predicted != truth] / sum w.

    With the tolerance 0 of DIW a prediction says equal only where two depths are.
    """
    if len(pairs) == 0 or len(pairs) != len(truth):
        raise FrameError("pairs", expected="one relation for each", got=f"{len(truth)} relations")
    wrong = order_of(depth, pairs, tolerance) != truth
    return float(np.average(wrong, weights=weights))


def random_pairs(mask: Mask, count: int, seed: int = 0) -> Pairs:
    """``count`` pairs of different pixels of the mask, the same for the same seed."""
    pixels = np.argwhere(mask)
    if len(pixels) < 2:
        raise FrameError("pixels to pair", expected="two or more", got=len(pixels))
    rng = np.random.default_rng(seed)
    first = rng.integers(len(pixels), size=count)
    second = (first + rng.integers(1, len(pixels), size=count)) % len(pixels)
    return np.concatenate([pixels[first], pixels[second]], axis=1).astype(np.int64)


def ordinal_error(prediction: Array, truth: Array, pairs: Pairs, tolerance: float = 0.03) -> float:
    """ORD (Xian 2020): the share of pairs whose relation in prediction and truth differs."""
    return whdr(prediction, pairs, order_of(truth, pairs, tolerance), tolerance)


def d3r(prediction: Array, truth: Array, pairs: Pairs, discontinuity: float = 0.1) -> float:
    """Depth discontinuity disagreement ratio (Miangoleh 2021, Boosting).

    ``pairs`` are the centres of touching superpixels. Only pairs whose true depths differ by more
    than the share ``discontinuity`` count; the share of them that the prediction orders otherwise.
    """
    relation = order_of(truth, pairs, discontinuity)
    across = relation != 0
    if not across.any():
        raise FrameError("pairs across an edge", expected="one or more", got=0)
    return whdr(prediction, pairs[across], relation[across], discontinuity)


def grid_pairs(mask: Mask, cell: int = 16) -> Pairs:
    """Neighbouring centres of square cells: a plain stand-in for the paper's superpixels.

    Numbers with it compare networks with each other, not with published ones.
    """
    half = cell // 2
    rows, columns = np.mgrid[half : mask.shape[0] : cell, half : mask.shape[1] : cell]
    centres = np.stack([rows, columns], axis=-1)
    right = np.concatenate([centres[:, :-1], centres[:, 1:]], axis=-1).reshape(-1, 4)
    below = np.concatenate([centres[:-1], centres[1:]], axis=-1).reshape(-1, 4)
    pairs = np.concatenate([right, below]).astype(np.int64)
    usable = mask[pairs[:, 0], pairs[:, 1]] & mask[pairs[:, 2], pairs[:, 3]]
    return pairs[usable]


def _lines(path: Path) -> Float64:
    text = path.read_text(encoding="utf-8").replace(",", " ")
    return np.array([line.split() for line in text.splitlines() if line.strip()], np.float64)
