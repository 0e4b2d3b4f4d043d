# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Anyone's ONNX file as an entry of the zoo. Its graph is kept as it is; the spec says the rest.

Names, shapes and types are read from the file and from running it; the user says what no file
tells: normalisation, what the numbers mean, the licence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.engines.file_precision import precision_of
from depth_ros.engines.spec import Arrays, EngineSpec, TensorSpec
from depth_ros.engines.zoo.card import UNKNOWN_LICENCE, new_card
from depth_ros.engines.zoo.entry import scratch, write_entry
from depth_ros.engines.zoo.foreign_file import Port, Run, copy_whole, open_file
from depth_ros.errors import EngineError

TYPICAL_M = 2.0  # the median depth that a relative network is given, so that limits make sense
Image = npt.NDArray[np.uint8]
Prepare = Callable[[EngineSpec], Callable[[Image], Arrays]]


def add_onnx(
    path: Path,
    zoo: Path,
    said: Mapping[str, Any],
    images: Sequence[Image],
    prepare: Prepare,
    *,
    images_are: str = "smooth noise",
    size: tuple[int, int] | None = None,
    output: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Path, EngineSpec]:
    """Makes the entry ``zoo``/said["network"] of an ONNX file that maps an image to depth.

    ``said`` are the fields of the spec that the user knows; ``size`` (width, height) is needed
    where the file's is dynamic, and ``output`` where it has several. ``prepare`` is ToInput. The
    file is run on ``images``. EngineError, and nothing written, if it does not run or returns
    nothing of use.
    """
    with scratch(zoo / said["network"]) as temporary:
        weights = temporary / "weights.onnx"
        copy_whole(path.expanduser(), weights)
        inputs, outputs, run = open_file(weights)
        image = _image(inputs, size)
        say(f"{path.name}: {', '.join(map(str, inputs))} -> {', '.join(map(str, outputs))}")
        probed = run({image.name: np.zeros(image.shape, image.dtype)})
        depth = _depth(outputs, probed, output)
        spec = _spec({"precision": precision_of(weights), **said}, image, depth)
        results = _run(run, prepare(spec), spec, images)
        where = f"{len(images)} images ({images_are})"
        say(f"ran on {where}: {spec.outputs[0].name} {_range(results)}")
        spec = _with_gain(spec, said, results, where, say)
        card = new_card(
            spec,
            f"Added by `depth_cli add-onnx {path.name}`. It was run on {where}: "
            f"{spec.outputs[0].name} {_range(results)}. gain {spec.gain:g}, "
            f"offset {spec.offset:g}.",
            {},
            [path.expanduser()],
        )
        spec = write_entry(zoo / spec.network, spec, {"depth": weights}, card)
    say(f"wrote {zoo / spec.network}")
    return zoo / spec.network, spec


def _image(inputs: Sequence[Port], size: tuple[int, int] | None) -> TensorSpec:
    port = inputs[0] if len(inputs) == 1 else None
    dims = port.dims if port else ()
    fits = len(dims) >= 4 and dims[-3] in (3, None) and set(dims[:-3]) <= {1, None}
    if port is None or not fits or port.dtype not in ("float32", "float16"):
        raise EngineError(
            "inputs of the file",
            expected="one image of float32 or float16, (1, 3, height, width) or (1, 1, 3, ...)",
            got=", ".join(f"{p} {p.dtype}" for p in inputs) or "none",
        )
    width, height = size or (dims[-1], dims[-2])
    if width is None or height is None:
        raise EngineError(
            "the file takes images of any size", fix="Choose one by --size WIDTH HEIGHT."
        )
    for given, fixed in ((width, dims[-1]), (height, dims[-2])):
        if fixed not in (None, given):
            raise EngineError(
                "image size of the file",
                expected=f"{dims[-1] or 'any'}x{dims[-2] or 'any'}",
                got=f"{width}x{height}",
            )
    return TensorSpec(port.name, (*(1 for _ in dims[:-3]), 3, height, width), port.dtype)


def _depth(outputs: Sequence[Port], found: Arrays, chosen: str) -> TensorSpec:
    names = [p.name for p in outputs]
    name = chosen or next((n for n in ("predicted_depth", "depth") if n in names), "")
    name = name or (names[0] if len(names) == 1 else "")
    if name not in names:
        raise EngineError(
            "output of the file",
            expected=f"one of {', '.join(names)}",
            got=name or "none named",
            fix="Choose the depth by --output NAME.",
        )
    array = found[name]
    shape = array.shape
    if len(shape) < 2 or set(shape[:-2]) > {1} or min(shape[-2:]) < 2:
        raise EngineError(
            f"output {name}",
            expected="sizes of 1, then height and width",
            got=shape,
            fix="Choose another by --output, or transpose it in the file.",
        )
    return TensorSpec(name, tuple(shape), str(array.dtype))


def _spec(said: Mapping[str, Any], image: TensorSpec, depth: TensorSpec) -> EngineSpec:
    read = {"weights": "weights.onnx", "sha256": "", "inputs": (image,), "outputs": (depth,)}
    licence = said.get("licence") or UNKNOWN_LICENCE
    try:
        spec = EngineSpec(**{**said, **read, "licence": licence})
    except TypeError as error:
        raise EngineError(f"incomplete spec: {error}") from error
    if any(n % spec.size_multiple for n in spec.input_size):
        width, height = spec.input_size
        raise EngineError(
            "image size of the network",
            expected=f"multiples of {spec.size_multiple}",
            got=f"{width}x{height}",
        )
    return spec


def _run(
    run: Run,
    prepare: Callable[[Image], Arrays],
    spec: EngineSpec,
    images: Sequence[Image],
) -> npt.NDArray[np.float64]:
    name = spec.outputs[0].name
    results = np.stack([run(prepare(image))[name] for image in images]).astype(np.float64)
    share = np.isfinite(results).mean()
    if share < 0.5 or np.ptp(results[np.isfinite(results)]) == 0:
        raise EngineError(
            f"output {name}",
            expected="finite numbers that differ",
            got=f"{share:.0%} finite, {_range(results)}",
            fix="Check --mean and --std, and that the file is whole.",
        )
    return results


def _with_gain(
    spec: EngineSpec,
    said: Mapping[str, Any],
    results: npt.NDArray[np.float64],
    where: str,
    say: Callable[[str], None],
) -> EngineSpec:
    """For relative inverse depth of no stated gain: the one that puts the median at TYPICAL_M."""
    if spec.kind != "inverse_depth" or spec.metric or "gain" in said:
        return spec
    median = float(np.median(results[np.isfinite(results)]))
    wanted = 1 / TYPICAL_M - spec.offset
    if median <= 0 or wanted <= 0:
        raise EngineError(
            f"median of {spec.outputs[0].name}",
            expected="more than 0 for inverse depth",
            got=f"{median:g}",
            fix="Check --kind; state --gain (and --offset) if the output is inverse depth.",
        )
    gain = wanted / median
    say(f"gain {gain:g}: the median depth on {where} is then {TYPICAL_M:g}")
    return dataclasses.replace(spec, gain=gain)


def _range(results: npt.NDArray[np.float64]) -> str:
    finite = results[np.isfinite(results)]
    if not finite.size:
        return "no finite number"
    return f"{finite.min():.4g} to {finite.max():.4g}, median {np.median(finite):.4g}"
