# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the command asks for, and which code answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_ros.errors import ConfigError, SourceError
from depth_ros.frame import Float64
from depth_ros.metrics import average, depth_metrics, known
from depth_ros.training.evaluation import ibims, relative, run, stereo, trajectories
from depth_ros.training.evaluation.completion import ause, completion_metrics
from depth_ros.training.evaluation.depth import Judged, Row
from depth_ros.training.evaluation.maps import (
    Maps,
    Truth,
    check_counts,
    dataset_part,
    part_of,
    read_maps,
    read_truth,
    read_unit,
)
from depth_ros.training.evaluation.motion import follow
from depth_ros.training.evaluation.predict import EnginePredictions, Prediction, from_files
from depth_ros.training.evaluation.protocols import Protocol

KITTI_UNIT = 1 / 256  # of KITTI's PNGs of depth (metres) and of disparity (pixels)


@dataclass(frozen=True)
class Request:
    """The command's arguments; one of ``pred`` and ``engine`` is given."""

    protocol: Protocol
    truth: str
    pred: Path | None = None
    engine: Path | None = None
    kind: str = "depth"
    unit: str | None = None
    truth_unit: str | None = None
    uncertainty: Path | None = None
    backend: str = "auto"
    precision: str = "auto"
    watch: run.Watch | None = None


def evaluate(request: Request) -> run.Outcome:
    """Does what the request asks for; DepthError where it cannot."""
    protocol, task = request.protocol, request.protocol.task
    if protocol.is_motion:
        return _motion(request)
    special = {"whdr": _whdr, "stereo": _stereo, "completion": _completion, "ibims": _ibims}
    if task in special:
        return special[task](request)
    truth = read_truth(request.truth, read_unit(request.truth_unit))
    predictions = _predictions(request, truth)
    if task == "tcc":
        outcome = run.evaluate_tcc(protocol, predictions, truth, request.watch)
    elif task == "self_consistency":
        outcome = run.evaluate_consistency(protocol, predictions, truth, request.watch)
    else:
        extra = run.ordinal_measures if task == "ordinal" else None
        outcome = run.evaluate_depth(
            protocol, predictions, truth, extra=extra, watch=request.watch
        )
    if isinstance(predictions, EnginePredictions):
        outcome.done.append(predictions.description)
    return outcome


def read_path(text: str) -> Float64:
    """Poses (N, 4, 4) of a file, or of a recording: FOLDER or FOLDER:first:stop."""
    folder, part = dataset_part(text)
    if not folder.is_dir():
        return trajectories.read_poses(folder)
    poses = trajectories.read_poses(folder / "poses.txt")
    return poses[part_of(part, len(poses))]


def _motion(request: Request) -> run.Outcome:
    protocol = request.protocol
    truth = read_path(request.truth)
    ours, lost, origin = _path(request)
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
    measures |= {} if lost is None else {"lost": float(lost)}
    return run.Outcome(protocol, measures, len(truth), [*protocol.words(), *words, origin])


def _path(request: Request) -> tuple[Float64, int | None, str]:
    """Poses, how many frames were lost where that is known, and where the poses come from."""
    if request.engine is None:
        return trajectories.read_poses(_file(request)), None, "poses from a file"
    recording = read_truth(request.truth)
    found = follow(request.engine, recording, request.backend, request.precision)
    origin = "pose network" if found.source == "network" else "visual odometry on its depth"
    return found.poses, found.lost, f"engine {request.engine.name}, {origin}"


def _ibims(request: Request) -> run.Outcome:
    """Truth is a .mat or .npz of iBims-1, or a folder of them."""
    files = _files(Path(request.truth), (".mat", ".npz"))
    names = [file.stem for file in files]
    truth = Truth(Maps(names, lambda index: ibims.read_annotated(files[index]).depth))

    def extra(index: int, judged: Judged) -> Row:
        annotated = ibims.read_annotated(files[index])
        return {
            "log10": ibims.log10_error(judged.prediction, judged.truth),
            **ibims.plane_errors(judged.prediction, annotated),
            **ibims.edge_errors(judged.prediction, annotated.edges),
            **ibims.directed_errors(judged.prediction, judged.truth),
        }

    predictions = _predictions(request, truth)
    return run.evaluate_depth(
        request.protocol, predictions, truth, extra=extra, watch=request.watch
    )


def _stereo(request: Request) -> run.Outcome:
    """Disparity in pixels, and depth by KITTI's focal length and baseline, clamped to the cap."""
    protocol = request.protocol
    predicted = _maps(_file(request), request.unit)
    truth = _maps(Path(request.truth), request.truth_unit)
    check_counts(predicted.names, truth.names)
    rows = []
    for i in range(len(truth)):
        g = truth.read(i)
        d = stereo.resize_disparity(predicted.read(i), (g.shape[0], g.shape[1]))
        metres = np.clip(stereo.kitti_depth(d), protocol.low_m, protocol.high_m)
        true_metres = np.where(known(g), stereo.kitti_depth(g), np.nan)
        rows.append({**depth_metrics(metres, true_metres), **stereo.disparity_metrics(d, g)})
    words = [
        "disparity resized linearly to the truth's size, times the ratio of widths",
        f"depth = focal length of this width * {stereo.KITTI_BASELINE_M} m / disparity",
        f"predicted depth clamped to {protocol.low_m:g}..{protocol.high_m:g} m, truth not capped",
        "averaged over images",
    ]
    return _outcome(request, truth.names, rows, words)


def _completion(request: Request) -> run.Outcome:
    predicted = _maps(_file(request), request.unit)
    truth = _maps(Path(request.truth), request.truth_unit)
    check_counts(predicted.names, truth.names)
    doubts = None if request.uncertainty is None else read_maps(request.uncertainty)
    if doubts is not None:
        check_counts(doubts.names, truth.names)
    rows = []
    for i in range(len(truth)):
        d, g = predicted.read(i), truth.read(i)
        row = {**depth_metrics(d, g), **completion_metrics(d, g)}
        rows.append(row | (ause(d, g, doubts.read(i)) if doubts is not None else {}))
    words = ["every pixel of known truth, as predicted", "averaged over images"]
    return _outcome(request, truth.names, rows, words)


def _whdr(request: Request) -> run.Outcome:
    """Truth is a file of pairs, or a folder of one for each prediction."""
    files = _files(Path(request.truth), (".txt", ".csv", ".npy"))
    predicted = _depths(request)
    check_counts(predicted.names, [file.stem for file in files])
    rows = []
    for prediction, file in zip(from_files(predicted, request.kind), files, strict=True):
        pairs, order = relative.read_relations(file)
        wrong = relative.whdr(prediction.values, pairs, order)
        rows.append({"whdr": wrong, "pairs": float(len(pairs))})
    words = ["no tolerance: equal depth is predicted only by equal numbers"]
    return _outcome(request, predicted.names, rows, words)


def _outcome(request: Request, names: list[str], rows: list[Row], words: list[str]) -> run.Outcome:
    frames = [{"name": name, **row} for name, row in zip(names, rows, strict=True)]
    protocol = request.protocol
    done = protocol.words()[:1] + words
    return run.Outcome(protocol, average(rows), len(rows), done, rows=frames)


def _predictions(request: Request, truth: Truth) -> EnginePredictions | Iterator[Prediction]:
    if request.engine is not None:
        window, backend = request.protocol.window, request.backend
        return EnginePredictions(request.engine, truth, window, backend, request.precision)
    maps = _depths(request)
    check_counts(maps.names, truth.maps.names)
    return from_files(maps, request.kind)


def _depths(request: Request) -> Maps:
    return read_maps(_file(request), read_unit(request.unit))


def _maps(path: Path, unit: str | None) -> Maps:
    """Maps whose PNGs have KITTI's unit unless another is given."""
    pictures = path.suffix == ".png" or (path.is_dir() and any(path.glob("*.png")))
    return read_maps(path, read_unit(unit) or (KITTI_UNIT if pictures else None))


def _file(request: Request) -> Path:
    if request.pred is None:
        raise ConfigError(
            f"predictions for {request.protocol.name}",
            expected="files (--pred)",
            got="an engine",
            fix="This protocol needs more than the depth of one image.",
        )
    return request.pred


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix in suffixes)
    if not files:
        raise SourceError(f"truth in {path}", expected=" or ".join(suffixes), got="none")
    return files
