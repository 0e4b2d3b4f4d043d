# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""EngineSpec: what a network eats and returns, as spec.json beside its weights.

The spec drives preprocess.py and decode.py, so that a new network needs no runtime code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from depth_ros.errors import EngineError

FORMAT = 1
Arrays = dict[str, npt.NDArray[Any]]
OutputKind = Literal["metres", "log_depth", "inverse_depth"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape (batch first, channels before rows and columns) and numpy dtype of a tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One zoo entry.

    The first input is the image: (1, 3, height, width), normalised as (pixel / 255 - mean) / std.
    ``kind`` says what the first output means, per pixel:
      metres         depth in metres
      log_depth      natural logarithm of depth in metres
      inverse_depth  one over depth
    With ``canonical_focal_px`` the network has learned depth as a camera of that focal length (in
    pixels of the network's input) would see it, and decode multiplies by the real focal length
    over the canonical one (Metric3D, Yin et al. 2023). ``metric`` is False where depth is only
    right up to a factor.
    """

    network: str
    weights: str  # file name beside the spec
    sha256: str  # of the weights
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    kind: OutputKind
    metric: bool
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    color: Literal["rgb", "bgr"] = "rgb"
    canonical_focal_px: float | None = None
    size_multiple: int = 32
    opset: int = 0
    precision: str = "fp32"  # of the stored weights
    licence: str = ""
    description: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise EngineError("spec format", expected=FORMAT, got=self.format)
        if self.kind not in get_args(OutputKind):
            raise EngineError(
                "spec kind", expected="one of " + ", ".join(get_args(OutputKind)), got=self.kind
            )
        if not self.inputs or not self.outputs or len(self.inputs[0].shape) != 4:
            raise EngineError(
                "spec tensors",
                expected="a first input of shape (1, 3, height, width) and one output or more",
                got=f"inputs {self.inputs}, outputs {self.outputs}",
            )
        if Path(self.weights).name != self.weights:
            raise EngineError("spec weights", expected="a plain file name", got=self.weights)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network's image."""
        return self.inputs[0].shape[3], self.inputs[0].shape[2]

    def save(self, path: Path) -> None:
        """Writes spec.json."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> EngineSpec:
        """Reads spec.json; EngineError if it is missing, broken or has unknown keys."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise EngineError(
                f"no spec at {path}", fix="Name a folder with a spec.json."
            ) from None
        except (OSError, ValueError) as error:
            raise EngineError(f"cannot read {path}: {error}") from error
        return _from_json(path, values)

    def check_inputs(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """EngineError unless the inputs have the spec's names, shapes and types."""
        for tensor in self.inputs:
            array = inputs.get(tensor.name)
            expected = f"{tensor.dtype} {tensor.shape}"
            if array is None:
                raise EngineError(f"input {tensor.name}", expected=expected, got="nothing")
            if array.shape != tensor.shape or array.dtype != np.dtype(tensor.dtype):
                got = f"{array.dtype} {array.shape}"
                raise EngineError(f"input {tensor.name}", expected=expected, got=got)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _from_json(path: Path, values: Any) -> EngineSpec:
    known = {f.name for f in dataclasses.fields(EngineSpec)}
    if not isinstance(values, dict) or not values.keys() <= known:
        unknown = sorted(values.keys() - known) if isinstance(values, dict) else type(values)
        raise EngineError(f"unknown keys in {path}", expected=sorted(known), got=unknown)
    try:
        for side in ("inputs", "outputs"):
            values[side] = tuple(
                TensorSpec(t["name"], tuple(t["shape"]), t["dtype"]) for t in values[side]
            )
        for triple in ("mean", "std"):
            if triple in values:
                values[triple] = cast(Any, tuple(values[triple]))
        return EngineSpec(**values)
    except (TypeError, KeyError) as error:
        raise EngineError(f"incomplete spec {path}: {error}") from error
