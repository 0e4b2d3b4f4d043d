# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What every EngineSpec must fulfil; what does not is an EngineError that says why."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.errors import EngineError

if TYPE_CHECKING:
    from depth_ros.engines.spec import EngineSpec


def check_spec(spec: EngineSpec, kinds: tuple[str, ...], format_: int) -> None:
    """EngineError unless the spec's fields are possible and fit each other."""
    if spec.format != format_:
        raise EngineError("spec format", expected=format_, got=spec.format)
    if spec.kind not in kinds:
        raise EngineError("spec kind", expected="one of " + ", ".join(kinds), got=spec.kind)
    if Path(spec.weights).name != spec.weights:
        raise EngineError("spec weights", expected="a plain file name", got=spec.weights)
    _check_numbers(spec)
    _check_tensors(spec)
    _check_states(spec)
    if spec.pose is not None and spec.pose.kind != "motion":
        raise EngineError("spec pose", expected="kind motion", got=spec.pose.kind)


def check_size(spec: EngineSpec, width: int, height: int) -> None:
    """EngineError unless the network can take images of this size."""
    multiple, old = spec.size_multiple, spec.input_size
    least = max(1, spec.smallest)
    if min(width, height) < least or width % multiple or height % multiple:
        at_least = f" and at least {least}" if least > multiple else ""
        raise EngineError(
            "image size of the network",
            expected=f"multiples of {multiple}{at_least}, as in {old[0]}x{old[1]}",
            got=f"{width}x{height}",
        )


def _check_numbers(spec: EngineSpec) -> None:
    numbers = (*spec.mean, *spec.std, spec.gain, spec.offset)
    if not all(map(math.isfinite, numbers)) or 0 in spec.std or spec.gain == 0:
        raise EngineError(
            "spec numbers",
            expected="finite mean, std, gain and offset, std and gain not 0",
            got=f"mean {spec.mean}, std {spec.std}, gain {spec.gain}, offset {spec.offset}",
        )
    for name in ("canonical_focal_px", "baseline_m"):
        value = getattr(spec, name)
        if value is not None and not 0 < value < math.inf:
            raise EngineError(f"spec {name}", expected="more than 0", got=value)
    if spec.kind == "disparity" and spec.baseline_m is None:
        raise EngineError("spec baseline_m", expected="metres, for disparity", got=None)


def _check_tensors(spec: EngineSpec) -> None:
    channels = 6 if spec.kind == "motion" else 3
    image = spec.inputs[0].shape if spec.inputs else ()
    output = spec.outputs[0].shape if spec.outputs else ()
    fits = len(image) >= 4 and image[-3] == channels and set(image[:-3]) == {1}
    if spec.kind == "motion":
        fits = fits and math.prod(output) == 6
    else:
        fits = fits and len(output) >= 2 and set(output[:-2]) <= {1}
    if not fits or min(d for t in spec.inputs + spec.outputs for d in t.shape) < 1:
        raise EngineError(
            "spec tensors",
            expected=f"a first input of shape (1, {channels}, height, width) and a first "
            f"output of {'6 numbers' if spec.kind == 'motion' else '(1, 1, height, width)'}",
            got=f"inputs {spec.inputs}, outputs {spec.outputs}",
        )


def _check_states(spec: EngineSpec) -> None:
    inputs = {t.name: t for t in spec.inputs[1:]}
    outputs = {t.name: t for t in spec.outputs[1:]}
    pairs = [(inputs.get(i), outputs.get(o)) for i, o in spec.states]
    paired = all(i and o and (i.shape, i.dtype) == (o.shape, o.dtype) for i, o in pairs) and {
        i for i, _ in spec.states
    } == set(inputs)
    if not paired:
        raise EngineError(
            "spec states",
            expected="a pair (input, output) of one shape and type for every input after the "
            "image",
            got=f"{spec.states} for inputs {spec.inputs[1:]} and outputs {spec.outputs[1:]}",
        )
