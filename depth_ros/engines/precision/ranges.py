# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The range that each tensor of a network needs, measured over images: what int8 is scaled by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from depth_ros.engines.ort import onnxruntime
from depth_ros.engines.spec import Arrays, EngineSpec
from depth_ros.errors import EngineError

# Share of a tensor's values, over all images, that may lie beyond the int8 range at either end. On
# FastDepth, plain minimum and maximum make half as much error again.
CLIPPED = 1e-4
Range = tuple[float, float]


def new_session(model: bytes | str, options: Any) -> Any:
    """An ONNX file, or its content, in ONNX Runtime on the CPU."""
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ranges_of(
    model: Any, spec: EngineSpec, tensors: list[str], images: Iterable[Arrays]
) -> tuple[Arrays, dict[str, Range]]:
    """The first inputs, and the range that each tensor needs over all images."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    fed_names = [t.name for t in spec.inputs]
    present = {*fed_names, *(output.name for output in probe.graph.output)}
    probe.graph.output.extend(onnx.ValueInfoProto(name=n) for n in tensors if n not in present)
    session = new_session(probe.SerializeToString(), onnxruntime.SessionOptions())
    asked = [name for name in tensors if name not in fed_names]
    asked += [name for _, name in spec.states if name not in asked]
    fed = {t.name: np.zeros(t.shape, t.dtype) for t in spec.inputs}
    first: Arrays = {}
    ends = {name: Ends() for name in tensors}
    for image in images:
        fed[fed_names[0]] = image[fed_names[0]].copy()
        spec.check_inputs(fed)
        first = first or dict(fed)
        found = {**fed, **dict(zip(asked, session.run(asked, fed), strict=True))}
        for name, end in ends.items():
            end.add(found[name])
        fed |= {name: found[source] for name, source in spec.states}
    if not first:
        expected = "one image or more"
        raise EngineError(f"calibration of {spec.network}", expected=expected, got="none")
    return first, {name: end.range() for name, end in ends.items()}


class Ends:
    """The smallest and the largest values of a tensor over all images."""

    def __init__(self) -> None:
        self._low = self._high = np.empty(0, np.float32)
        self._count = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Takes one image's. A hundred times the share is kept: one image may have it all."""
        flat = values.ravel()
        if not np.isfinite(flat).all():
            raise EngineError("calibration", expected="finite values in the network", got="others")
        self._count += flat.size
        kept = int(100 * CLIPPED * flat.size) + int(CLIPPED * self._count) + 1
        self._low = _smallest(np.concatenate([self._low, _smallest(flat, kept)]), kept)
        self._high = -_smallest(np.concatenate([-self._high, _smallest(-flat, kept)]), kept)

    def range(self) -> Range:
        """Of all values but the share CLIPPED at either end; with zero, exact in int8."""
        beyond = int(CLIPPED * self._count)
        low, high = np.sort(self._low)[beyond], np.sort(self._high)[-1 - beyond]
        return min(float(low), 0.0), max(float(high), 0.0)


def _smallest(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """The ``count`` smallest of the values, in any order."""
    if values.size <= count:
        return values
    return np.partition(values, count - 1)[:count]
