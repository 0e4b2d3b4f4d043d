# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Protocols of motion: the path of the camera against the true one."""

from __future__ import annotations

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.frame import Float64
from depth_ros.training.evaluation import run, trajectories
from depth_ros.training.evaluation.motion import EnginePath, follow
from depth_ros.training.evaluation.request import Request
from depth_ros.training.evaluation.truth import (
    dataset_part,
    named_source,
    part_of,
    read_truth,
)


def read_path(text: str) -> Float64:
    """Poses (N, 4, 4) of a file, or of a recording as read_truth() names it. SourceError."""
    folder, part = dataset_part(text)
    if (folder / "poses.txt").is_file():
        whole = trajectories.read_poses(folder / "poses.txt")
        return whole[part_of(part, len(whole))]
    if named_source(text) is None:
        return trajectories.read_poses(folder)
    truth = read_truth(text)
    poses = [truth.reading(i).world_from_camera for i in range(len(truth.maps))]
    known = [pose for pose in poses if pose is not None]
    if len(known) < len(poses):
        raise SourceError(f"poses of {text}", expected=len(poses), got=f"{len(known)} known")
    return np.array(known)


def evaluate_path(request: Request) -> run.Outcome:
    """The errors of the camera's path, from an engine's motion or from a file of poses."""
    protocol = request.protocol
    truth = read_path(request.truth)
    ours, found = _ours(request)
    if protocol.task == "ate":
        measures = trajectories.path_errors(ours, truth)
        words = ["positions aligned by a similarity (ate) and by a rigid motion (ate_rigid)"]
    elif protocol.task == "ate_snippets":
        measures = trajectories.snippet_errors(ours, truth)
        words = [f"snippets of {trajectories.SNIPPET} poses, each in its first frame and scaled"]
    else:
        scaled = protocol.scale != "none"
        if not isinstance(protocol.scale, str):
            ours[:, :3, 3] *= protocol.scale
            scaled = False
        measures = trajectories.segment_errors(ours, truth, scale=scaled)
        words = [f"scale: {'aligned over the sequence' if scaled else protocol.scale}"]
    outcome = run.Outcome(protocol, measures, len(truth), [*protocol.words(), *words])
    if found is None or request.engine is None:
        outcome.done.append("poses from a file")
        return outcome
    outcome.measures["lost"] = float(found.lost)
    outcome.precision = found.precision
    origin = "pose network" if found.source == "network" else "visual odometry on its depth"
    outcome.done.append(f"engine {request.engine.name}, {origin}")
    return outcome


def _ours(request: Request) -> tuple[Float64, EnginePath | None]:
    """Poses, and where they are an engine's, what else is known of them."""
    if request.engine is None:
        return trajectories.read_poses(request.file()), None
    recording = request.read_truth()
    found = follow(request.engine, recording, request.backend, request.precision)
    return found.poses, found
