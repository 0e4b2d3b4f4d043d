# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which code does what the command asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from depth_ros.errors import SourceError
from depth_ros.metrics import average, depth_metrics, known
from depth_ros.training.data.readers.ibims import Ibims
from depth_ros.training.evaluation import ibims, pairs, relative, run, stereo, stereo_scale
from depth_ros.training.evaluation.completion import ause, completion_metrics
from depth_ros.training.evaluation.depth import Judged, Row
from depth_ros.training.evaluation.disturb import NOTHING
from depth_ros.training.evaluation.maps import Maps, check_counts, read_maps, read_unit
from depth_ros.training.evaluation.paths import evaluate_path
from depth_ros.training.evaluation.predict import (
    EnginePredictions,
    Prediction,
    constant,
    from_files,
)
from depth_ros.training.evaluation.request import Request
from depth_ros.training.evaluation.truth import Truth

KITTI_UNIT = 1 / 256  # of KITTI's PNGs of depth (metres) and of disparity (pixels)
Predictions = Iterable[Prediction]
Judge = Callable[[Request, Truth, Predictions, "run.Watch | None"], run.Outcome]


def evaluate(request: Request) -> run.Outcome:
    """Does what the request asks for; DepthError where it cannot."""
    task = request.protocol.task
    if request.protocol.is_motion:
        return evaluate_path(request)
    special = {"whdr": _whdr, "stereo": _stereo, "completion": _completion, "ibims": _ibims}
    if task in special:
        return special[task](request)
    truth = request.read_truth()
    if task == "stereo_scale":
        truth = stereo_scale.stereo_truth(truth)
    return _finished(request, truth, _judge)


def _finished(request: Request, truth: Truth, judge: Judge) -> run.Outcome:
    """Judges the predictions and, if asked for, the baseline; says what made the predictions."""
    predictions = _predictions(request, truth)
    outcome = judge(request, truth, predictions, request.watch)
    if isinstance(predictions, EnginePredictions):
        outcome.done.append(predictions.description)
        outcome.precision = predictions.precision
    if request.disturb != NOTHING:
        outcome.done.append(request.disturb.words())
    if request.baseline:
        outcome.baseline = judge(request, truth, constant(truth), None).measures
    return outcome


def _judge(
    request: Request, truth: Truth, predictions: Predictions, watch: run.Watch | None
) -> run.Outcome:
    protocol, task = request.protocol, request.protocol.task
    if task == "tcc":
        return pairs.evaluate_tcc(protocol, predictions, truth, watch)
    if task == "self_consistency":
        return pairs.evaluate_consistency(protocol, predictions, truth, watch)
    if task == "stereo_scale":
        return stereo_scale.evaluate_scale(protocol, predictions, truth, watch)
    extra = run.ordinal_measures if task == "ordinal" else None
    return run.evaluate_depth(protocol, predictions, truth, extra=extra, watch=watch)


def _ibims(request: Request) -> run.Outcome:
    """Truth is a .mat or .npz of iBims-1 or a folder of them, for an engine one of .mat."""
    path = Path(request.truth.removeprefix("ibims:"))
    data = None if request.engine is None else Ibims(path)
    files = _files(path, (".mat", ".npz")) if data is None else data.paths
    names = [file.stem for file in files]
    truth = Truth(Maps(names, lambda index: ibims.read_annotated(files[index]).depth), data)

    def extra(index: int, judged: Judged) -> Row:
        annotated = ibims.read_annotated(files[index])
        return {
            "log10": ibims.log10_error(judged.prediction, judged.truth),
            **ibims.plane_errors(judged.prediction, annotated),
            **ibims.edge_errors(judged.prediction, annotated.edges),
            **ibims.directed_errors(judged.prediction, judged.truth),
        }

    def judge(
        request: Request, truth: Truth, predictions: Predictions, watch: run.Watch | None
    ) -> run.Outcome:
        return run.evaluate_depth(request.protocol, predictions, truth, extra=extra, watch=watch)

    return _finished(request, truth, judge)


def _stereo(request: Request) -> run.Outcome:
    """Disparity in pixels, and depth by KITTI's focal length and baseline, clamped to the cap."""
    protocol = request.protocol
    predicted = _maps(request.file(), request.unit)
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
    predicted = _maps(request.file(), request.unit)
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


def _predictions(request: Request, truth: Truth) -> Predictions:
    if request.engine is not None:
        return EnginePredictions(
            request.engine,
            truth,
            request.protocol.window,
            request.backend,
            request.precision,
            request.alone,
        )
    maps = _depths(request)
    check_counts(maps.names, truth.maps.names)
    return from_files(maps, request.kind)


def _depths(request: Request) -> Maps:
    return read_maps(request.file(), read_unit(request.unit))


def _maps(path: Path, unit: str | None) -> Maps:
    """Maps whose PNGs have KITTI's unit unless another is given."""
    pictures = path.suffix == ".png" or (path.is_dir() and any(path.glob("*.png")))
    return read_maps(path, read_unit(unit) or (KITTI_UNIT if pictures else None))


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix in suffixes)
    if not files:
        raise SourceError(f"truth in {path}", expected=" or ".join(suffixes), got="none")
    return files
