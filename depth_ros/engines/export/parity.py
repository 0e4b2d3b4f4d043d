# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether an exported file computes what torch computes: the same videos through both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from depth_ros.engines.networks import Architecture, Part
from depth_ros.engines.spec import Arrays
from depth_ros.engines.zoo.foreign_file import Run, open_in_ort, open_in_ov
from depth_ros.errors import EngineError

Float32 = npt.NDArray[np.float32]


def compare(part: Part, run: Run, frames: Iterable[Float32]) -> tuple[float, float]:
    """Largest difference between torch and ``run`` over a video; each carries its own state.

    The second number is how far torch's own first output reaches from low to high: where that is
    nothing, the first number proves nothing.
    """
    pairs = tuple(part.facts.get("states", ()))
    states: list[Arrays] = [{}, {}]
    worst, low, high = 0.0, np.inf, -np.inf
    first = part.outputs[0].name
    for frame in frames:
        batch = frame.shape[0]
        if not states[0]:
            zeros = {t.name: np.zeros((batch, *t.shape[1:]), t.dtype) for t in part.inputs[1:]}
            states = [zeros, zeros]
        image = {part.inputs[0].name: frame}
        expected = _run_torch(part, {**image, **states[0]})
        got = run({**image, **states[1]})
        worst = max(worst, *(_distance(expected[t.name], got[t.name]) for t in part.outputs))
        low, high = min(low, expected[first].min()), max(high, expected[first].max())
        states = [{i: outputs[o] for i, o in pairs} for outputs in (expected, got)]
    return worst, float(high - low)


def open_reference(path: Path) -> tuple[str, Run]:
    """The ONNX file in OpenVINO fp32, or else in ONNX Runtime; (what it is, a call)."""
    for name, opened in (("OpenVINO fp32", open_in_ov), ("ONNX Runtime fp32", open_in_ort)):
        with suppress(ImportError):
            return name, opened(path)[2]
    raise EngineError(
        "nothing here can run the exported file, to compare it with torch",
        fix="pip install openvino",
    )


def trials(
    architecture: Architecture,
    module: nn.Module,
    name: str,
    images: Sequence[Float32],
    dynamic: bool,
) -> list[tuple[Part, list[Float32]]]:
    """What is compared: the video, two images in one batch and, if dynamic, a larger image."""
    if len(images) < 2:
        raise EngineError("images to compare on", expected="2 or more", got=len(images))
    height, width = images[0].shape[-2:]
    part = architecture.parts(module, width, height)[name]
    frames = list(images)
    if part.inputs[0].shape[-3] == 6:  # a pair of frames, the earlier one first
        frames = [np.concatenate(p, 1) for p in pairwise(images)]
    found = [(part, frames), (part, [np.concatenate((frames[0], frames[-1]))])]
    if dynamic:
        multiple = architecture.size_multiple
        larger = np.pad(frames[0], ((0, 0), (0, 0), (0, multiple), (multiple, 0)), "reflect")
        other = architecture.parts(module, width + multiple, height + multiple)[name]
        found.append((other, [np.ascontiguousarray(larger)]))
    return found


def _run_torch(part: Part, inputs: Arrays) -> Arrays:
    with torch.no_grad():
        outputs = part.module(*(torch.from_numpy(inputs[t.name]) for t in part.inputs))
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    return {t.name: o.numpy() for t, o in zip(part.outputs, several, strict=True)}


def _distance(expected: Any, got: Any) -> float:
    if expected.shape != got.shape:
        raise EngineError("exported output", expected=expected.shape, got=got.shape)
    for who, values in (("torch", expected), ("the exported file", got)):
        if not np.isfinite(values).all():  # the largest of NaN and a number is the number
            raise EngineError(
                f"output of {who}",
                expected="finite numbers",
                got="others",
                fix="Nothing was replaced. Use weights of before.",
            )
    return float(np.abs(expected - got).max())
