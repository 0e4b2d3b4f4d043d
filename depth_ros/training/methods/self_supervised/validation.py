# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth against truth, motion against truth, and where there is neither, how well views fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from depth_ros.errors import SourceError
from depth_ros.frame import Float32, Float64
from depth_ros.metrics import average, depth_metrics, known, median_scale
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.trajectories import SNIPPET, snippet_errors
from depth_ros.training.methods.measures import accuracy, judged, over_sources
from depth_ros.training.methods.self_supervised.ego import ego_motion, unsupervised
from depth_ros.training.methods.self_supervised.examples import assemble, places, sources_of
from depth_ros.training.methods.self_supervised.networks import Reading
from depth_ros.training.methods.self_supervised.pairs import pairs_of
from depth_ros.training.methods.self_supervised.synthesis import photometric, unmoved
from depth_ros.training.methods.self_supervised.views import Shots

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig

_BATCH = 8
_NEAREST_M = 1e-3


@torch.no_grad()
def validate(
    network: nn.Module, config: TrainConfig, shots: Mapping[str, Shots]
) -> dict[str, float]:
    """Means over the sources that have the truth for a measure.

    abs_rel and delta1 after each image's median scaling, metric_abs_rel and metric_delta1 in
    metres, as the network says them; of pairs without true depth stereo_abs_rel, against stereo
    matching in metres, and stereo_scale, how much too far the network is; ate, the error in metres
    of the pose network's 5-frame snippets after scaling; photometric, the loss at the finest scale
    of frames and what explains them. ``score`` is abs_rel where depth is known, else photometric.
    """
    if not shots:
        return {}
    device = next(network.parameters()).device
    with judged(network):
        judge = _Judge(network, config, Reading(config.network, network).to(device), device)
        found = over_sources([judge.measures(s) for s in shots.values()])
    score = found.get("abs_rel", found.get("photometric"))
    return found if score is None else {**found, "score": score}


class _Judge:
    def __init__(
        self, network: nn.Module, config: TrainConfig, reading: Reading, device: torch.device
    ) -> None:
        self.network, self.config = network, config
        self.own = unsupervised(config.self_supervised)
        self.reading, self.device = reading, device

    def measures(self, shots: Shots) -> dict[str, float]:
        """All that the source has the truth for."""
        chosen = spread_evenly(len(shots), self.config.validation_items)
        found = self._depth(shots, chosen)
        found.update(self._motion(shots))
        found.update(self._photometric(shots, chosen))
        return found

    def _depth(self, shots: Shots, chosen: list[int]) -> dict[str, float]:
        """Against the truth, or where there is none against stereo matching, in metres."""
        scaled: list[dict[str, float]] = []
        metric: list[dict[str, float]] = []
        matched: list[dict[str, float]] = []
        for indices in _chunks(chosen):
            seen = [s for s in (_read(shots, index) for index in indices) if s is not None]
            seen = [s for s in seen if s.truth is not None or s.left.hint is not None]
            if not seen:
                continue
            found = self._inverse([shot.left.image for shot in seen])
            for inverse_depth, shot in zip(found, seen, strict=True):
                truth = 1 / shot.left.hint if shot.truth is None else shot.truth
                prediction, wanted = self._comparable(inverse_depth, truth)
                if not np.isfinite(wanted).any():
                    continue
                if shot.truth is None:
                    one = depth_metrics(prediction, wanted)
                    ratio = 1 / median_scale(prediction, wanted)
                    matched.append({"stereo_abs_rel": one["abs_rel"], "stereo_scale": ratio})
                else:
                    scaled.append(depth_metrics(prediction, wanted, scale=True))
                    metric.append(depth_metrics(prediction, wanted))
        return {**(average(matched) if matched else {}), **accuracy(scaled, metric)}

    def _comparable(self, inverse_depth: Float32, truth: Float32) -> tuple[Float32, Float32]:
        """Both at the truth's size, the truth NaN outside the crop and the range."""
        size = truth.shape[1], truth.shape[0]
        full = np.asarray(cv2.resize(inverse_depth, size, interpolation=cv2.INTER_LINEAR))
        inside = np.zeros(truth.shape, np.bool_)
        inside[crop_window(self.own.crop, truth.shape)] = True
        mask = inside & known(truth, _NEAREST_M, self.own.cap_m)
        return np.asarray(1 / full, np.float32), np.asarray(
            np.where(mask, truth, np.nan), np.float32
        )

    def _inverse(self, images: list[Any]) -> Float32:
        stacked = torch.from_numpy(np.stack(images)).to(self.device).movedim(-1, 1).float() / 255
        found = self.reading.inverse_depths(self.network, self.reading.normalised(stacked), 1)
        return np.asarray(found[0][:, 0].cpu().numpy(), np.float32)

    def _motion(self, shots: Shots) -> dict[str, float]:
        """Of the longest runs of successive frames whose poses are known."""
        if not self.reading.has_pose:
            return {}
        errors = []
        for run in _runs(shots, self.config.validation_items):
            images = [shots.shot(i).left.image for i in run]
            stacked = torch.from_numpy(np.stack(images)).to(self.device).movedim(-1, 1)
            seen = self.reading.normalised(stacked.float() / 255)
            steps: list[Tensor] = []
            for start in range(0, len(run) - 1, _BATCH):
                first, second = seen[start : start + _BATCH], seen[start + 1 : start + 1 + _BATCH]
                said = self.reading.motion(self.network, first[: len(second)], second)
                steps.extend(said.cpu().double())
            truth = [shots.shot(i).left.world_from_camera for i in run]
            path = _path([np.asarray(s.numpy()) for s in steps])
            errors.append(snippet_errors(path, np.stack([p for p in truth if p is not None])))
        return {"ate": float(np.mean([e["ate"] for e in errors]))} if errors else {}

    def _photometric(self, shots: Shots, chosen: list[int]) -> dict[str, float]:
        own, total, count = self.own, 0.0, 0
        width, height = shots.size
        for indices in _chunks(chosen):
            made = []
            for index in indices:
                try:
                    target, sources = sources_of(shots, index, "left", own)
                except SourceError:
                    continue
                if not sources:
                    continue
                made.append(assemble(target, sources, None, (width, height), places(own)))
            if not made:
                continue
            batch = {k: torch.stack([m[k] for m in made]).to(self.device) for k in made[0]}
            pairs = pairs_of(batch)
            if not self.reading.has_pose and bool((pairs.temporal() & ~pairs.known).any()):
                return {}
            seen = self.reading.normalised(pairs.images.flatten(0, 1)).view(pairs.images.shape)
            found = self.reading.inverse_depths(self.network, seen[:, 0], 1)
            ego = ego_motion(self.reading, self.network, seen, pairs, own)
            fits, _ = photometric(pairs, found, ego.transforms, unmoved(pairs, own), own)
            total, count = total + float(fits) * len(made), count + len(made)
        return {"photometric": total / count} if count else {}


def spread_evenly(count: int, most: int) -> list[int]:
    """At most ``most`` indices from 0 to count - 1, evenly spread."""
    if count <= most:
        return list(range(count))
    return [int((i + 0.5) * count / most) for i in range(most)]


def _read(shots: Shots, index: int) -> Any:
    try:
        return shots.shot(index)
    except SourceError:
        return None


def _runs(shots: Shots, most: int) -> Iterator[list[int]]:
    """Runs of at least five successive frames with poses, up to ``most`` frames in all."""
    run: list[int] = []
    for index in range(min(len(shots), most)):
        shot = _read(shots, index)
        if shot is None or shot.left.world_from_camera is None:
            if len(run) >= SNIPPET:
                yield run
            run = []
            continue
        if run and shots.neighbour(run[-1], 1) != index:
            if len(run) >= SNIPPET:
                yield run
            run = []
        run.append(index)
    if len(run) >= SNIPPET:
        yield run


def _path(second_from_first: list[Float64]) -> Float64:
    """world_from_camera (N + 1, 4, 4) of N motions, the first the identity."""
    poses = [np.eye(4)]
    for motion in second_from_first:
        poses.append(poses[-1] @ np.linalg.inv(motion))
    return np.stack(poses)


def _chunks(indices: list[int]) -> Iterator[list[int]]:
    rest = iter(indices)
    while chunk := list(islice(rest, _BATCH)):
        yield chunk
