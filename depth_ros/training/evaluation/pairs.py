# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Protocols that compare each frame of a video with the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from depth_ros.errors import FrameError
from depth_ros.training.evaluation import temporal
from depth_ros.training.evaluation.depth import Judged, Row
from depth_ros.training.evaluation.predict import Prediction
from depth_ros.training.evaluation.protocols import Protocol
from depth_ros.training.evaluation.run import Outcome, Watch, evaluate_depth, mean_of
from depth_ros.training.evaluation.truth import Truth


def evaluate_tcc(
    protocol: Protocol, predictions: Iterable[Prediction], truth: Truth, watch: Watch | None = None
) -> Outcome:
    """Accuracy of every frame, and tcc the mean over pairs of successive frames."""
    return _over_pairs(protocol, predictions, truth, _change, watch)


def evaluate_consistency(
    protocol: Protocol, predictions: Iterable[Prediction], truth: Truth, watch: Watch | None = None
) -> Outcome:
    """Accuracy of every frame, and pair_consistency's means; truth has to be a recording."""

    def compare(index: int, before: Judged, after: Judged) -> Row:
        this, following = truth.reading(index - 1), truth.reading(index)
        pose, next_pose = this.world_from_camera, following.world_from_camera
        if this.camera is None or pose is None or next_pose is None:
            raise FrameError("truth for self_consistency", expected="camera and poses", got="none")
        next_from_this = np.linalg.inv(next_pose) @ pose
        height, width = before.truth.shape
        images = None
        if this.image.shape[:2] == (height, width):
            images = this.image, following.image
        camera = this.camera.scaled(width, height)
        return temporal.pair_consistency(
            before.prediction, after.prediction, camera, next_from_this, images
        )

    return _over_pairs(protocol, predictions, truth, compare, watch)


def _over_pairs(
    protocol: Protocol,
    predictions: Iterable[Prediction],
    truth: Truth,
    compare: Callable[[int, Judged, Judged], Row],
    watch: Watch | None,
) -> Outcome:
    last: list[tuple[int, Judged]] = []
    pairs: list[Row] = []

    def extra(index: int, judged: Judged) -> Row:
        if last and last[-1][0] == index - 1 and truth.follows(index):
            pairs.append(compare(index, last[-1][1], judged))
        last[:] = [(index, judged)]
        return {}

    outcome = evaluate_depth(protocol, predictions, truth, extra=extra, watch=watch)
    if not pairs:
        raise FrameError("successive frames with truth", expected="two or more", got=1)
    outcome.measures |= mean_of(protocol, pairs)
    outcome.measures["pairs"] = float(len(pairs))
    return outcome


def _change(_: int, before: Judged, after: Judged) -> Row:
    value = temporal.tcc(before.prediction, after.prediction, before.truth, after.truth)
    return {"tcc": value}
