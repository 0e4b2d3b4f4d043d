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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from depth_ros.engines.spec_checks import check_size, check_spec
from depth_ros.errors import EngineError

FORMAT = 1
Arrays = dict[str, npt.NDArray[Any]]
OutputKind = Literal["metres", "log_depth", "inverse_depth", "disparity", "motion"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape (batch first, channels before rows and columns) and numpy dtype of a tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One network, as it is deployed.

    The first input is the image: (..., 3, height, width), leading sizes 1, normalised as
    (pixel / 255 - mean) / std. ``kind`` says what ``gain * y + offset`` means, per pixel, for the
    first output y of shape (..., height, width):
      metres         depth in metres
      log_depth      natural logarithm of depth in metres
      inverse_depth  one over depth
      disparity      pixels of the network's image between two views that are ``baseline_m`` apart
    With ``canonical_focal_px`` the network has learned depth as a camera of that focal length (in
    pixels of the network's input) would see it, and decode multiplies by the real focal length
    over the canonical one (Metric3D, Yin et al. 2023). ``metric`` is False where depth is only
    right up to a factor.

    ``states`` pairs the inputs and outputs by which a recurrent network hands its state to the
    next frame; it starts as zeros. Every input after the first is a state's.

    ``pose`` is a second network of the same entry, of kind ``motion``: its image is (1, 6, height,
    width), the previous and the present frame; its output (1, 6) is the axis-angle rotation in
    radians and the translation (times ``gain``, in units of depth) that take points of the
    previous camera to the present one, in optical axes.

    ``architecture`` and ``options`` name the torch module behind the weights, for those who train
    and export (networks/__init__.py); a foreign ONNX file has none.
    """

    network: str
    weights: str  # file name beside the spec: .onnx, or .safetensors until it is exported
    sha256: str  # of the weights
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    kind: OutputKind
    metric: bool
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    color: Literal["rgb", "bgr"] = "rgb"
    gain: float = 1.0
    offset: float = 0.0
    canonical_focal_px: float | None = None
    baseline_m: float | None = None
    states: tuple[tuple[str, str], ...] = ()
    size_multiple: int = 32
    smallest: int = 0  # width and height that the network needs at least; 0 if nobody says
    opset: int = 0
    precision: str = "fp32"  # of the stored weights
    architecture: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    pose: EngineSpec | None = None
    licence: str = ""
    description: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_spec(self, get_args(OutputKind), FORMAT)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network's image."""
        return self.inputs[0].shape[-1], self.inputs[0].shape[-2]

    def resized(self, width: int, height: int) -> EngineSpec:
        """The spec of the same network on images of another size, where its file is dynamic.

        Tensors keep their ratio to the image. EngineError unless both are multiples of
        ``size_multiple`` and at least ``smallest``.
        """
        check_size(self, width, height)
        old = self.input_size

        def resize(tensor: TensorSpec) -> TensorSpec:
            if len(tensor.shape) < 3:
                return tensor
            rows, columns = tensor.shape[-2] * height / old[1], tensor.shape[-1] * width / old[0]
            shape = (*tensor.shape[:-2], round(rows), round(columns))
            return dataclasses.replace(tensor, shape=shape)

        return dataclasses.replace(
            self,
            inputs=tuple(map(resize, self.inputs)),
            outputs=tuple(map(resize, self.outputs)),
            pose=self.pose and self.pose.resized(width, height),
        )

    def save(self, path: Path) -> None:
        """Writes spec.json, without the fields that have their default."""
        text = json.dumps(_to_json(self), indent=1)
        path.write_text(text + "\n", encoding="utf-8")

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


def _to_json(spec: EngineSpec) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for f in dataclasses.fields(spec):
        value = getattr(spec, f.name)
        if f.name == "pose" and value is not None:
            values[f.name] = _to_json(value)
        elif f.name in ("inputs", "outputs"):
            values[f.name] = [dataclasses.asdict(t) for t in value]
        elif f.name == "format" or (value != f.default and value != {}):
            values[f.name] = value
    return values


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
                values[triple] = tuple(map(float, values[triple]))
        values["states"] = tuple((str(i), str(o)) for i, o in values.get("states", ()))
        if values.get("pose") is not None:
            values["pose"] = _from_json(path, values["pose"])
        return EngineSpec(**values)
    except (TypeError, KeyError, ValueError) as error:
        raise EngineError(f"incomplete spec {path}: {error}") from error
