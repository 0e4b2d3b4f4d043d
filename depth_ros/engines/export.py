# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From torch weights to a zoo entry: ONNX, spec.json, and proof that both compute the same.

``python -m depth_ros.engines.export CHECKPOINT FOLDER``
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from depth_ros.engines.networks import NETWORKS
from depth_ros.engines.spec import EngineSpec, TensorSpec, sha256
from depth_ros.errors import EngineError

OPSET = 17
TOLERANCE = 1e-4  # largest difference between torch and the exported file, in the output's unit
MEAN = STD = (0.5, 0.5, 0.5)
Float32 = npt.NDArray[np.float32]


def load_checkpoint(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The averaged network of a training checkpoint, in eval mode, and the checkpoint itself."""
    try:
        saved = torch.load(path, weights_only=True, map_location="cpu")
        kind, config = NETWORKS[saved["network"]]
        network = kind(dataclasses.replace(config, output="log_depth"))
        network.load_state_dict(saved["state"])
    except (OSError, KeyError, RuntimeError) as error:
        raise EngineError(
            f"cannot use {path}: {error}", fix="Name a checkpoint.pt of depth_ros.training.train."
        ) from error
    return network.eval(), saved


def to_onnx(network: nn.Module, path: Path, width: int, height: int, output: str) -> None:
    """Writes ``path`` atomically: batch 1, fixed size, batch norm folded into convolutions."""
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter that folds by itself
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, height, width),),
            str(partial),
            input_names=["image"],
            output_names=[output],
            opset_version=OPSET,
            dynamo=False,
        )
    os.replace(partial, path)


def parity(network: nn.Module, path: Path, images: list[Float32]) -> float:
    """Largest absolute difference between torch and OpenVINO in fp32; images (1, 3, H, W)."""
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", hint)
    worst = 0.0
    with torch.no_grad():
        for image in images:
            expected: Tensor = network(torch.from_numpy(image))
            got = next(iter(compiled([image]).values()))
            worst = max(worst, float(np.abs(expected.numpy() - got).max()))
    return worst


def export(
    network: nn.Module,
    folder: Path,
    *,
    name: str,
    size: tuple[int, int],
    canonical_focal_px: float,
    licence: str,
    description: str,
    images: list[Float32],
) -> float:
    """Writes the entry ``folder``: NAME.onnx and spec.json. Returns the largest difference found.

    ``size`` is (width, height); ``images`` are normalised inputs (1, 3, height, width) on which
    both are compared. EngineError, and nothing replaced, where they differ more than TOLERANCE.
    """
    folder.mkdir(parents=True, exist_ok=True)
    width, height = size
    candidate = folder / f"{name}.candidate.onnx"
    to_onnx(network, candidate, width, height, "log_depth")
    difference = parity(network, candidate, images)
    if not difference <= TOLERANCE:
        candidate.unlink()
        raise EngineError(
            "exported network", expected=f"within {TOLERANCE} of torch", got=difference
        )
    spec = EngineSpec(
        network=name,
        weights=f"{name}.onnx",
        sha256=sha256(candidate),
        inputs=(TensorSpec("image", (1, 3, height, width)),),
        outputs=(TensorSpec("log_depth", (1, 1, height, width)),),
        kind="log_depth",
        metric=True,
        mean=MEAN,
        std=STD,
        canonical_focal_px=canonical_focal_px,
        opset=OPSET,
        licence=licence,
        description=description,
    )
    os.replace(candidate, folder / spec.weights)
    partial = folder / "spec.partial"
    spec.save(partial)
    os.replace(partial, folder / "spec.json")
    return difference


def noise_images(size: tuple[int, int], count: int = 4) -> list[Float32]:
    """Smooth random inputs from -1 to 1 for the comparison."""
    import cv2

    rng = np.random.default_rng(0)
    small = rng.uniform(-1, 1, (count, 12, 16, 3)).astype(np.float32)
    large = [cv2.resize(s, size, interpolation=cv2.INTER_CUBIC) for s in small]
    return [np.ascontiguousarray(i.transpose(2, 0, 1)[None], np.float32) for i in large]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path, help="the zoo entry to write; its name names it")
    parser.add_argument("--size", type=int, nargs=2, help="width height; else the last stage's")
    parser.add_argument("--licence", default="")
    parser.add_argument("--description", default="")
    args = parser.parse_args()
    network, saved = load_checkpoint(args.checkpoint)
    last = saved["config"]["stages"][-1]
    size = tuple(args.size) if args.size else (last["width"], last["height"])
    scale = float(np.sqrt(size[0] * size[1] / (256 * 192)))
    difference = export(
        network,
        args.folder,
        name=args.folder.resolve().name,
        size=size,
        canonical_focal_px=saved["config"]["canonical_focal_px"] * scale,
        licence=args.licence,
        description=args.description,
        images=noise_images(size),
    )
    print(f"step {saved['step']}: largest difference from torch {difference:.2e}")


if __name__ == "__main__":
    main()
