# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What an engine loses against the same network in fp32, on real images, as the node would use it.

accuracy = compare(open_engine(path, precision="fp32"), open_engine(path), samples)
accuracy.check(0.05)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from depth_ros.engines import Engine
from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.errors import EngineError, FrameError
from depth_ros.frame import Camera, Float32, UInt8
from depth_ros.metrics import average, depth_metrics, known
from depth_ros.network import Network
from depth_ros.preprocess import ToInput


@dataclass(frozen=True, slots=True)
class Sample:
    """One rectified image. ``truth`` is metres; ``starts`` says that it begins a run of frames."""

    image: UInt8
    camera: Camera
    camera_known: bool = True
    truth: Float32 | None = None
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The loss of a candidate against its reference.

    ``abs_rel`` and ``delta1`` compare depth in metres, averaged over the frames; ``lost`` is the
    share of the reference's pixels for which the candidate has no depth. Of a pose network,
    ``abs_rel`` is the length of all differences over the length of all motions, and ``delta1``
    None. ``max_abs`` is the largest difference of every raw output; a pose network's are rotation
    (radians) and translation. ``truth`` has AbsRel and delta1 of both against true depth, with
    median scaling where the network or the camera is not metric; it is empty without truth.
    """

    frames: int
    abs_rel: float
    delta1: float | None
    lost: float
    max_abs: dict[str, float]
    truth: dict[str, dict[str, float]] = field(default_factory=dict)

    def check(self, max_loss: float, what: str = "candidate engine") -> None:
        """EngineError, with the numbers, if abs_rel or lost is above ``max_loss``."""
        if not (self.abs_rel <= max_loss and self.lost <= max_loss):
            raise EngineError(
                f"{what}, on {self.frames} frames",
                expected=f"a mean relative difference from fp32 of at most {max_loss:g}",
                got=f"{self.abs_rel:.4f}, and {100 * self.lost:.1f} % of the depth lost",
                fix="Take another precision or, for int8, images that show more of what the "
                "camera will see.",
            )

    def facts(self) -> dict[str, Any]:
        """The numbers, as JSON has them."""
        numbers = {"frames": self.frames, "abs_rel": self.abs_rel, "delta1": self.delta1}
        return {
            **{name: value for name, value in numbers.items() if value is not None},
            "lost": self.lost,
            "max_abs": dict(self.max_abs),
            **({"truth": self.truth} if self.truth else {}),
        }


def compare(reference: Engine, candidate: Engine, samples: Iterable[Sample]) -> Accuracy:
    """Runs both over the samples, in order; each carries its own state from frame to frame.

    Raises EngineError without a single sample, or pair of samples for a pose network.
    """
    if reference.spec.kind == "motion":
        return _compare_motion(reference, candidate, samples)
    networks = {"fp32": Network(reference), "engine": Network(candidate)}
    rows: list[dict[str, float]] = []
    max_abs: dict[str, float] = {}
    truths: dict[str, list[dict[str, float]]] = {name: [] for name in networks}
    for sample in samples:
        outputs = {name: _run(network, sample) for name, network in networks.items()}
        for output, expected in outputs["fp32"].items():
            most = _largest(outputs["engine"][output], expected)
            max_abs[output] = max(max_abs.get(output, 0.0), most)
        depth = {n: net.decode(outputs[n], sample.camera)[0] for n, net in networks.items()}
        rows.append(_loss(depth["engine"], depth["fp32"]))
        if sample.truth is not None and known(sample.truth).any():
            scale = not (reference.spec.metric and sample.camera_known)
            for name, prediction in depth.items():
                truths[name].append(_error(prediction, sample.truth, scale=scale))
    if not rows:
        raise EngineError("comparison with fp32", expected="one image or more", got="none")
    mean = average(rows)
    truth = {n: average(found) for n, found in truths.items() if found}
    return Accuracy(len(rows), mean["abs_rel"], mean["delta1"], mean["lost"], max_abs, truth)


def motion_inputs(samples: Iterable[Sample], spec: EngineSpec) -> Iterator[Arrays]:
    """What a pose network sees of the samples: every one stacked upon the one before it."""
    first = spec.inputs[0]
    one = TensorSpec(first.name, (*first.shape[:-3], 3, *first.shape[-2:]), first.dtype)
    map_of_one = TensorSpec("depth", (1, 1, *first.shape[-2:]))
    to_input = ToInput(replace(spec, kind="metres", inputs=(one,), outputs=(map_of_one,)))
    before: Float32 | None = None
    for sample in samples:
        image = to_input(sample.image)[first.name].copy()
        if before is not None and not sample.starts:
            yield {first.name: np.concatenate([before, image], axis=-3)}
        before = image


def _run(network: Network, sample: Sample) -> Arrays:
    if sample.starts:
        network.reset()
    return network.infer(network.preprocess(sample.image))


def _loss(depth: Float32, reference: Float32) -> dict[str, float]:
    try:
        found = depth_metrics(depth, reference)
    except FrameError:  # nothing finite in the one or the other
        lost = float(known(reference).any())
        return {"abs_rel": np.inf if lost else 0.0, "delta1": 1 - lost, "lost": lost}
    kept = {name: found[name] for name in ("abs_rel", "delta1")}
    return {**kept, "lost": 1 - found["coverage"]}


def _error(depth: Float32, truth: Float32, *, scale: bool) -> dict[str, float]:
    if depth.shape != truth.shape:
        depth = cv2.resize(depth, truth.shape[::-1])
    try:
        found = depth_metrics(depth, truth, scale=scale)
    except FrameError:
        return {"abs_rel": np.inf, "delta1": 0.0}
    return {name: found[name] for name in ("abs_rel", "delta1")}


def _compare_motion(reference: Engine, candidate: Engine, samples: Iterable[Sample]) -> Accuracy:
    name, frames, difference, length = reference.spec.outputs[0].name, 0, 0.0, 0.0
    max_abs = {"rotation": 0.0, "translation": 0.0}
    for inputs in motion_inputs(samples, reference.spec):
        expected = reference.infer(inputs)[name].ravel().astype(np.float64)
        got = candidate.infer(inputs)[name].ravel().astype(np.float64)
        frames += 1
        difference += float(np.linalg.norm(got - expected))
        length += float(np.linalg.norm(expected))
        for part, at in (("rotation", np.s_[:3]), ("translation", np.s_[3:])):
            max_abs[part] = max(max_abs[part], _largest(got[at], expected[at]))
    if not frames:
        raise EngineError("comparison with fp32", expected="two images in a row", got="none")
    share = difference / max(length, 1e-12) if np.isfinite(difference) else np.inf
    return Accuracy(frames, share, None, 0.0, max_abs)


def _largest(got: Any, expected: Any) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        most = float(np.abs(got - expected).max(initial=0))
    return most if np.isfinite(most) else np.inf
