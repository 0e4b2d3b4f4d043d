# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How good and how steady a recurrent network is on recordings, streamed and frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn

from depth_ros.engines.networks.stclstm import StClstm
from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Camera, Float32, Float64, UInt8
from depth_ros.metrics import average, depth_metrics
from depth_ros.training.data.augment import MAX_M, MIN_M
from depth_ros.training.data.open import open_data
from depth_ros.training.data.readers.reading import DataSet, Reading, motion_between
from depth_ros.training.data.window import whole_window
from depth_ros.training.evaluation.temporal import pair_consistency
from depth_ros.training.methods.clips import fast
from depth_ros.training.methods.clips.geometry import cut_image, half_depth
from depth_ros.training.methods.common import Meaning, autocast, data_folder, meaning_of
from depth_ros.training.methods.measures import over_sources

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig

LONGEST = 12  # frames of one stretch: then the next place


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network says of one frame, at its output's size; all depth in metres."""

    streamed: Float32
    alone: Float32
    truth: Float32 | None
    image: UInt8
    camera: Camera | None
    reading: Reading


def validate(
    config: TrainConfig, network: nn.Module, size: tuple[int, int], focal: float | None
) -> dict[str, float]:
    """Means over the frames of each source, and over the sources; all without unit.

    ``abs_rel`` and ``delta1`` are median-scaled for each frame, ``metric_abs_rel`` is not, and is
    there where cameras are known; all three of the stream. ``self_consistency`` is how much the
    depth of successive frames disagrees through the true motion (see evaluation.temporal);
    ``alone_*`` are the same of the network that forgets after each frame, and ``steadiness`` the
    ratio of the two self-consistencies: below 1 memory helps. ``score`` is the mean of abs_rel
    and metric_abs_rel plus self_consistency, all relative errors: depth that stands still while
    the camera moves loses in the first what it wins in the second.
    """
    root = data_folder(config.data)
    rows = [
        row
        for source in config.validation
        if (row := _measure(config, network, open_data(source, root), size, focal))
    ]
    if not rows:
        return {}
    found = over_sources(rows)
    if found.get("alone_self_consistency"):
        found["steadiness"] = found["self_consistency"] / found["alone_self_consistency"]
    accuracy = (found["abs_rel"] + found.get("metric_abs_rel", found["abs_rel"])) / 2
    found["score"] = accuracy + found.get("self_consistency", 0.0)
    return found


def _measure(
    config: TrainConfig,
    network: nn.Module,
    data: DataSet,
    size: tuple[int, int],
    focal: float | None,
) -> dict[str, float]:
    frames: list[dict[str, float]] = []
    metric: list[dict[str, float]] = []
    pairs: list[dict[str, float]] = []
    for stretch in stretches(data, config.validation_items):
        seen = list(stream(config, network, data, stretch, size, focal))
        for one in seen:
            accuracy, in_metres = _accuracy(one)
            frames += accuracy
            metric += in_metres
        for before, after in pairwise(seen):
            pairs += _steadiness(before, after)
    if not frames:
        return {}
    return {
        **average(frames),
        **(average(metric) if metric else {}),
        **(average(pairs) if pairs else {}),
    }


def stretches(data: DataSet, items: int) -> list[list[int]]:
    """Up to ``items`` readings as stretches of successive ones, evenly spread over the data."""
    length = min(LONGEST, items)
    count = max(1, items // length)
    found: list[list[int]] = []
    for start in np.unique(np.linspace(0, max(0, len(data) - length), count).astype(int)):
        stretch = [int(start)]
        while len(stretch) < length:
            following = data.neighbour(stretch[-1], 1)
            if following is None:
                break
            stretch.append(following)
        found.append(stretch)
    return found


@torch.no_grad()
def stream(
    config: TrainConfig,
    network: nn.Module,
    data: DataSet,
    indices: list[int],
    size: tuple[int, int],
    focal: float | None,
) -> Iterator[Seen]:
    """The frames one after the other, with the state that each leaves to the next.

    A broken one ends what the network remembers, and is left out.
    """
    whole = cast(StClstm, network)
    meaning = meaning_of(config.network, network)
    device = next(network.parameters()).device
    state: tuple[torch.Tensor, torch.Tensor] | None = None
    for index in indices:
        try:
            reading = data.read(index)
        except SourceError:
            state = None
            continue
        window = whole_window(reading.image, size)
        image = cut_image(reading.image, window)
        batch = meaning.normalise(torch.from_numpy(image)[None].to(device))
        with autocast(config, device):
            features = fast.features(whole, batch)
            empty = whole.start(batch)
            alone = whole.R(features, *empty)[0]
            streamed, *after = whole.R(features, *(state or empty))
        state = (after[0], after[1])
        half = (size[0] // 2, size[1] // 2)
        camera = reading.camera and reading.camera.rectified().scaled(*half)
        factor = camera.focal * 2 / focal if camera is not None and focal is not None else 1.0
        yield Seen(
            _metres(meaning, streamed, factor),
            _metres(meaning, alone, factor),
            None if reading.depth is None else _truth(reading.depth, image, reading, size),
            _small(reading, half),
            camera,
            reading,
        )


def _metres(meaning: Meaning, raw: torch.Tensor, factor: float) -> Float32:
    depth = meaning.log_depth(raw)[0, 0].exp() * factor
    return np.asarray(depth.cpu().numpy(), np.float32)


def _truth(depth: Float32, image: UInt8, reading: Reading, size: tuple[int, int]) -> Float32:
    truth = half_depth(depth, reading.image, whole_window(reading.image, size))
    with np.errstate(invalid="ignore"):
        truth[~((truth > MIN_M) & (truth < MAX_M))] = np.nan
    return truth


def _small(reading: Reading, size: tuple[int, int]) -> UInt8:
    return cut_image(reading.image, whole_window(reading.image, size))


def _accuracy(seen: Seen) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Of one frame: scaled, and in metres; empty where there is nothing to compare."""
    if seen.truth is None:
        return [], []
    try:
        ours = depth_metrics(seen.streamed, seen.truth, scale=True)
        alone = depth_metrics(seen.alone, seen.truth, scale=True)
        row = {
            "abs_rel": ours["abs_rel"],
            "delta1": ours["delta1"],
            "alone_abs_rel": alone["abs_rel"],
        }
        if seen.camera is None:
            return [row], []
        plain = depth_metrics(seen.streamed, seen.truth)
    except FrameError:
        return [], []
    return [row], [{f"metric_{key}": plain[key] for key in ("abs_rel", "delta1")}]


def _steadiness(before: Seen, after: Seen) -> list[dict[str, float]]:
    """How two successive frames agree, streamed and alone; empty where it cannot be said."""
    motion: Float64 | None = motion_between(before.reading, after.reading)
    if motion is None or before.camera is None or before.camera != after.camera:
        return []
    images = before.image, after.image
    try:
        ours = pair_consistency(before.streamed, after.streamed, before.camera, motion, images)
        alone = pair_consistency(before.alone, after.alone, before.camera, motion, images)
    except FrameError:
        return []
    name = "self_consistency"
    return [{name: ours[name], f"alone_{name}": alone[name]}]
