# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The weights before the first step: an entry of the zoo, a checkpoint, or ImageNet's encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor, nn

from depth_ros.engines.checkpoints import read_state
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.weights import COUNTER, listed, load_state, other_shapes, state_of
from depth_ros.errors import ConfigError, EngineError
from depth_ros.share import engine_folder
from depth_ros.training.config import StartConfig
from depth_ros.training.encoder import (
    is_folded,
    load_mobilenets,
    load_resnets,
    restore_normalisation,
)

Images = Callable[[], Iterable[Tensor]]
Ask = Callable[[nn.Module, Tensor], object]


def load_start(
    network: nn.Module, start: StartConfig, data: Path, images: Images, ask: Ask | None = None
) -> None:
    """Gives the network the weights that the settings name, if they name any, on the CPU.

    ``data`` is the folder of the data sets, below which an encoder's file lies. ``images`` makes
    a few normalised batches (N, 3, H, W), which ``ask`` runs through the network; they are only
    made where a file's batch norms are folded and have to learn again. Raises ConfigError where
    two starts are named, and EngineError, with the names, for tensors that are missing or do not
    fit.
    """
    named = [name for name in ("entry", "checkpoint", "encoder") if getattr(start, name)]
    if len(named) > 1 and "encoder" not in named:
        raise ConfigError("start", expected="entry or checkpoint", got="both")
    loaded: set[str] = set()
    if start.encoder:
        parts = () if len(named) > 1 else start.parts
        loaded |= load_imagenet(network, data / Path(start.encoder).expanduser(), parts)
    if start.entry:
        loaded |= load_parts(network, entry_state(start.entry), start.parts, start.entry)
    if start.checkpoint:
        path = Path(start.checkpoint).expanduser()
        loaded |= load_parts(network, read_state(path)[0], start.parts, str(path))
    if is_folded(network, loaded):
        restore_normalisation(network, images(), ask)


def entry_state(name: str) -> dict[str, Tensor]:
    """All tensors of an entry of the zoo, those of its pose network among them."""
    folder = engine_folder(name)
    spec = EngineSpec.load(folder / "spec.json")
    state = state_of(folder / spec.weights)
    return state if spec.pose is None else state | state_of(folder / spec.pose.weights)


def load_imagenet(network: nn.Module, path: Path, parts: tuple[str, ...] = ()) -> set[str]:
    """A MobileNet V1 (.tflite) or a ResNet with torchvision's names (.safetensors, .pth).

    Returns the names of the tensors that it has given a value.
    """
    if path.suffix == ".tflite":
        return load_mobilenets(network, path, parts)
    state = state_of(path) if path.suffix == ".safetensors" else read_state(path)[0]
    return load_resnets(network, state, parts)


def load_parts(
    network: nn.Module, state: dict[str, Tensor], parts: tuple[str, ...], what: str
) -> set[str]:
    """Loads the tensors whose names begin with one of ``parts``, or all of them.

    Returns their names.
    What is named has to be whole: EngineError lists what is missing or of another shape.
    """
    if not parts:
        load_state(network, state, f"the weights of {what}")
        return set(state)
    own = network.state_dict()
    names = [k for k in own if k.startswith(parts) and not k.endswith(COUNTER)]
    nothing = [p for p in parts if not any(k.startswith(p) for k in names)]
    missing = [k for k in names if k not in state]
    shapes = other_shapes(state, {k: own[k] for k in names})
    problems = {"no such part": nothing, "missing": missing, "other shapes": shapes}
    if any(problems.values()):
        raise EngineError(
            f"start.parts from {what}",
            expected=f"tensors of {type(network).__name__} that begin with {', '.join(parts)}",
            got=listed(problems),
            fix="Name the parts that both have, such as encoder.",
        )
    network.load_state_dict({k: state[k] for k in names}, strict=False)
    return set(names)
