# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The images that networks are benched on: synthetic ones that move, or those of a source."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from depth_ros.accuracy import Sample, motion_inputs
from depth_ros.bench.stages import moving_frames
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import SourceError
from depth_ros.preprocess import ToInput, make_rectify

COUNT = 16  # images in a row


def samples(source: str | None, count: int = COUNT) -> list[Sample]:
    """The first images of a source, rectified; without one, a window that moves over blobs."""
    if source is None:
        found = (Sample(f.image, f.camera, True, None, False) for f in moving_frames())
        return list(islice(found, count))
    from depth_ros.sources import open_source

    rectify = make_rectify(False)
    opened = (rectify(item.frame) for item in open_source(source))
    images = [
        Sample(f.image, f.camera, f.camera_known, None, False) for f in islice(opened, count)
    ]
    if len(images) < 2:
        raise SourceError(f"images of {source}", expected="2 or more", got=len(images))
    return images


def inputs(spec: EngineSpec, images: Iterable[Sample]) -> list[Arrays]:
    """The first input of the network for each image, or for each pair where it wants motion."""
    if spec.kind == "motion":
        return list(motion_inputs(images, spec))
    to_input = ToInput(spec)
    return [{name: a.copy() for name, a in to_input(s.image).items()} for s in images]
