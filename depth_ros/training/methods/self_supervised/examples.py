# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Examples: a target, what may explain it, and what is known of how the cameras stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from depth_ros.errors import ConfigError, SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.training.data.draw import Chances, first_whole
from depth_ros.training.data.readers.reading import motion_between
from depth_ros.training.methods.self_supervised.augment import (
    Window,
    draw_color,
    draw_window,
    shown,
    shown_camera,
    shown_map,
    shown_motion,
    shown_pixels,
)
from depth_ros.training.methods.self_supervised.tracks import Tracks
from depth_ros.training.methods.self_supervised.views import Shots, Side, Size, View

if TYPE_CHECKING:
    from depth_ros.training.methods.self_supervised.config import SelfSupervisedConfig

_NO_COLOR = np.hstack([np.eye(3), np.zeros((3, 1))])


@dataclass(frozen=True, slots=True)
class Source:
    """What may explain a target."""

    view: View
    order: int  # frames after the target; 0 is the same time
    source_from_target: Float64 | None  # 4x4, metres
    index: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A data set to draw targets from: (index, side) each, with how often it is drawn."""

    shots: Shots
    targets: Sequence[tuple[int, Side]]
    share: float
    tracks: Tracks | None = None


def sources_of(
    shots: Shots, index: int, side: Side, config: SelfSupervisedConfig
) -> tuple[View, list[Source]]:
    """The target and all that may explain it, which may be nothing. Raises SourceError."""
    shot = shots.shot(index)
    target, found = shot.side(side), []
    for offset in config.neighbours:
        there = shots.neighbour(index, offset)
        if there is None:
            continue
        view = shots.shot(there).side(side)
        motion = motion_between(target, view)
        if config.poses == "given" and motion is None:
            continue
        if motion is not None and np.linalg.norm(motion[:3, 3]) < config.still_m:
            continue
        if np.allclose(view.k, target.k):
            found.append(Source(view, offset, motion, there))
    if config.stereo and shot.right is not None:
        beside = np.eye(4)
        beside[0, 3] = -shot.baseline_m if side == "left" else shot.baseline_m
        other = shot.right if side == "left" else shot.left
        found.append(Source(other, 0, beside, index))
    return target, found


class ViewExamples:
    """Map-style and endless: example i is a function of the seed and i alone.

    An example is a dict of tensors, with S places for sources:

    - images (1 + S, 3, H, W) uint8, the target first; k (4,) fx, fy, cx, cy in pixels
    - source_from_target (S, 4, 4), metres, identity where unknown; known (S,) bool
    - exists (S,) bool; order (S,) int64 frames after the target, 0 for the other of a pair
    - color (3, 4): what the networks see instead of the colours, see ``augment.draw_color``
    - points (2, H, W) inverse depth and its variance, NaN unknown, with points_metric () bool;
      hint (1, H, W) inverse depth; each only where its weight is above 0

    A broken frame is skipped: the next one that the same generator draws takes its place, and
    skipped () int64 says how many there were.
    """

    def __init__(
        self, recordings: Sequence[Recording], size: Size, config: SelfSupervisedConfig, seed: int
    ) -> None:
        self.recordings = [r for r in recordings if r.targets and r.share > 0]
        if not self.recordings:
            raise ConfigError(
                "sources",
                expected="frames with a neighbour, or stereo pairs",
                got="none",
                fix="Set self_supervised.neighbours and stereo as the data has them.",
            )
        self.size, self.config, self.seed = size, config, seed
        self._chances = Chances([r.share for r in self.recordings], "share")

    def __len__(self) -> int:
        """How many targets there are; any index beyond makes further examples."""
        return sum(len(r.targets) for r in self.recordings)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))

        def make() -> dict[str, Tensor] | None:
            recording = self.recordings[self._chances.draw(rng)]
            target = recording.targets[int(rng.integers(len(recording.targets)))]
            return self._example(recording, target, rng)

        made, skipped = first_whole(make, "frames")
        return {**made, "skipped": torch.tensor(skipped)}

    def _example(
        self, recording: Recording, target: tuple[int, Side], rng: np.random.Generator
    ) -> dict[str, Tensor] | None:
        """The example of a target; None where nothing may explain it, as for a camera at rest."""
        config = self.config
        view, sources = sources_of(recording.shots, *target, config)
        if not sources:
            return None
        stored = view.image.shape[1], view.image.shape[0]
        window = draw_window(stored, config, rng)
        color = draw_color(config, rng)
        made = assemble(view, sources, window, self.size, places(config))
        made["color"] = torch.from_numpy(color).float()
        if config.proxy > 0:
            made["hint"] = _hint(view, window, self.size)
        if recording.tracks is not None:
            made.update(_points(recording.tracks, target, sources, view, window, self.size))
        return made


def places(config: SelfSupervisedConfig) -> int:
    """S: how many sources an example has room for."""
    return len(config.neighbours) + config.stereo


def assemble(
    target: View, sources: Sequence[Source], window: Window | None, size: Size, room: int
) -> dict[str, Tensor]:
    """The tensors of an example but color; without a window the whole image as it is."""
    if window is None:
        window = Window(0, 0, target.image.shape[1], target.image.shape[0], False)
    images = np.zeros((1 + room, size[1], size[0], 3), np.uint8)
    motions = np.tile(np.eye(4, dtype=np.float32), (room, 1, 1))
    known, exists = np.zeros(room, np.bool_), np.zeros(room, np.bool_)
    order = np.zeros(room, np.int64)
    images[0] = shown(target.image, window, size)
    for place, source in enumerate(sources):
        images[1 + place] = shown(source.view.image, window, size)
        exists[place], order[place] = True, source.order
        if source.source_from_target is not None:
            motions[place] = shown_motion(source.source_from_target, window)
            known[place] = True
    return {
        "images": torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        "k": torch.from_numpy(shown_camera(target.k, window, size)).float(),
        "source_from_target": torch.from_numpy(motions),
        "known": torch.from_numpy(known),
        "exists": torch.from_numpy(exists),
        "order": torch.from_numpy(order),
        "color": torch.from_numpy(_NO_COLOR).float(),
    }


def _hint(view: View, window: Window, size: Size) -> Tensor:
    if view.hint is None:
        return torch.full((1, size[1], size[0]), torch.nan)
    return torch.from_numpy(shown_map(view.hint, window, size).copy())[None]


def _points(
    tracks: Tracks,
    target: tuple[int, Side],
    sources: Sequence[Source],
    view: View,
    window: Window,
    size: Size,
) -> dict[str, Tensor]:
    sparse: Float32 = np.full((2, size[1], size[0]), np.nan, np.float32)
    points = tracks.points(target, view, [s for s in sources if s.order != 0])
    at, inside = shown_pixels(points.pixels, window, size)
    x, y = at[inside].T
    sparse[0, y, x], sparse[1, y, x] = points.inverse_depth[inside], points.variance[inside]
    metric = torch.tensor(points.metric)
    return {"points": torch.from_numpy(sparse), "points_metric": metric}


def targets_of(shots: Shots, config: SelfSupervisedConfig) -> list[tuple[int, Side]]:
    """Every frame with a neighbour or a partner, and of pairs both sides."""
    pairs = config.stereo and has_pairs(shots)
    sides: tuple[Side, ...] = ("left", "right") if pairs else ("left",)
    return [
        (index, side)
        for index in range(len(shots))
        for side in sides
        if pairs or any(shots.neighbour(index, o) is not None for o in config.neighbours)
    ]


def has_pairs(shots: Shots) -> bool:
    """Whether the first frame that can be read is a stereo pair."""
    for index in range(len(shots)):
        try:
            return shots.shot(index).right is not None
        except SourceError:
            continue
    return False
