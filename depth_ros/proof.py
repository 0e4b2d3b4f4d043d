# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Real frames for ``depth_cli build``: some to calibrate int8 on, others to prove the accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_ros.accuracy import Sample, compare, motion_inputs
from depth_ros.engines import Engine
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import SourceError
from depth_ros.preprocess import ToInput, make_rectify
from depth_ros.sources import Source

__all__ = ["Calibration", "Check", "Clip", "Sample", "motion_inputs", "run_length"]

LIMIT = 64  # frames for each of the two purposes
RECURRENT_RUN = 8  # frames in a row that a recurrent network sees before the clip jumps

# The largest mean of |depth - depth in fp32| / depth in fp32 that a precision may cost: about
# twice what it costs fastdepth_indoor on frames unlike those that it has learned from
# (icl_livingroom1), which is fp16 0.008, bf16 0.023, int8 0.021. Calibrated on noise, on a black
# image or on rooms, int8 costs 0.05 to 0.11 on the road (kitti_odom00_mono).
MAX_LOSS = {"fp32": 0.001, "fp16": 0.02, "bf16": 0.05, "int8": 0.04}


class Clip:
    """Frames of a source, spread evenly over it, read again at each use.

    Runs of frames in a row (of one frame, unless the network wants more) go in turn to
    ``samples(0)``, to calibrate on, and ``samples(1)``, to check with.
    """

    def __init__(self, source: Source, run: int = 1, limit: int = LIMIT) -> None:
        if source.live:
            raise SourceError(f"source {source.name}", expected="a recording", got="a live camera")
        self.name = source.name
        self._source, self._run = source, run
        count = source.frames if source.frames is not None else sum(1 for _ in source)
        runs = min(count // run, 2 * max(1, limit // run))
        if runs < 2:
            raise SourceError(
                f"frames of {source.name}", expected=f"{2 * run} or more", got=str(count)
            )
        starts = np.linspace(0, count - run, runs).astype(int)
        self._purpose = {int(start): i % 2 for i, start in enumerate(starts)}

    def samples(self, purpose: int) -> Iterator[Sample]:
        """The samples for one purpose, in order."""
        rectify, left = make_rectify(False), 0
        last = max(self._purpose) + self._run
        for index, item in enumerate(self._source):
            if index >= last:
                break
            starts = self._purpose.get(index) == purpose
            left = self._run if starts else left
            if left < 1:
                continue
            left -= 1
            frame = rectify(item.frame)
            truth = item.depth if item.frame.camera.is_rectified else None
            yield Sample(frame.image, frame.camera, frame.camera_known, truth, starts)


def run_length(spec: EngineSpec) -> int:
    """How many frames in a row the network wants to see."""
    if spec.kind == "motion":
        return 2
    return RECURRENT_RUN if spec.states else 1


class Calibration:
    """The normalised first inputs of the samples to calibrate on; iterating again reads again."""

    def __init__(self, clip: Clip, spec: EngineSpec) -> None:
        self._clip, self._spec = clip, spec

    def __iter__(self) -> Iterator[Arrays]:
        samples = self._clip.samples(0)
        if self._spec.kind == "motion":
            yield from motion_inputs(samples, self._spec)
            return
        to_input = ToInput(self._spec)
        for sample in samples:
            yield {name: a.copy() for name, a in to_input(sample.image).items()}


@dataclass(frozen=True, slots=True)
class Check:
    """What building.build() asks: is the candidate close enough to fp32 on the clip's frames?

    Depth is compared as it would be published. EngineError where the mean relative difference is
    above ``max_loss``, by default that in MAX_LOSS of the ``precision`` that was asked for, or of
    the one that the backend computes in, if that is coarser.
    """

    clip: Clip
    precision: str = "auto"
    max_loss: float | None = None

    def __call__(self, reference: Engine, candidate: Engine) -> dict[str, Any]:
        """The facts: AbsRel and delta1 against fp32 and, of both, against the truth."""
        accuracy = compare(reference, candidate, self.clip.samples(1))
        limit = self.max_loss
        if limit is None:
            limit = max(MAX_LOSS.get(p, 0) for p in (self.precision, candidate.precision))
        what = f"{candidate.precision} engine of {reference.spec.network} for {candidate.backend}"
        accuracy.check(limit, what)
        return {**accuracy.facts(), "clip": self.clip.name, "max_loss": limit}
