# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From the authors' files to an entry of the zoo: safetensors, spec.json and CARD.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from depth_ros.engines.checkpoints import State, read_state
from depth_ros.engines.networks import NETWORKS, Architecture, Part, default_spec, read_options
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.weights import load_state
from depth_ros.engines.zoo.card import UNKNOWN_LICENCE, new_card
from depth_ros.engines.zoo.entry import entry_name, scratch, write_entry
from depth_ros.errors import EngineError

_SUFFIXES = {".pth", ".pt", ".pkl", ".tar", ".ckpt"}
Say = Callable[[str], None]


def import_network(
    network: str,
    paths: Sequence[Path],
    zoo: Path,
    *,
    name: str = "",
    size: tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    licence: str = "",
    say: Say = lambda _: None,
) -> tuple[Path, EngineSpec]:
    """Makes the entry ``zoo``/``name`` (default: the network's) from official files or a folder.

    ``options`` are fields of the architecture's config, beside those that the files imply;
    ``size`` (width, height) is by default what the files say, then the paper's. Returns the
    entry's folder and spec. EngineError, and nothing written, if the weights do not fit exactly.
    """
    architecture = _architecture(network)
    name = entry_name(name or network)
    files = find_files(architecture, paths)
    read = _read_all(files, say)
    told = {stem: {**beside, **state} for stem, (state, beside) in read.items()}
    options = {**architecture.options(told), **(options or {})}
    module = architecture.build(read_options(architecture.config, options)).eval()
    state = architecture.read({stem: state for stem, (state, _) in read.items()})
    load_state(module, state, ", ".join(p.name for p in files.values()))
    count = sum(p.numel() for p in module.parameters())
    say(f"{network}: all {len(module.state_dict())} tensors fit, {count:,} parameters")
    parts = architecture.parts(module, *_size(architecture, size, told))
    facts: dict[str, Any] = {"architecture": network, "options": _changed(architecture, module)}
    facts["licence"] = licence or UNKNOWN_LICENCE
    spec = spec_of_parts(name, architecture, parts, facts)
    card = new_card(
        spec,
        f"Imported by `depth_cli import {network}`; `depth_cli export {name}` makes ONNX of it.",
        {"Network": network, "Paper": architecture.paper, "Parameters": f"{count:,}"},
        list(files.values()),
    )
    spec = _write(zoo / name, spec, split_state(module, parts), card)
    say(f"wrote {zoo / name}")
    return zoo / name, spec


def _read_all(files: Mapping[str, Path], say: Say) -> dict[str, tuple[State, dict[str, Any]]]:
    """The tensors of each file, and what else lies beside them."""
    read = {}
    for stem, path in files.items():
        read[stem] = read_state(path)
        say(f"read {path}: {len(read[stem][0])} tensors")
    return read


def _write(folder: Path, spec: EngineSpec, states: Mapping[str, State], card: str) -> EngineSpec:
    """The entry, with the tensors of each part as safetensors."""
    with scratch(folder) as temporary:
        weights = {part: temporary / f"{part}.safetensors" for part in states}
        for part, tensors in states.items():
            save_file(tensors, weights[part])
        return write_entry(folder, spec, weights, card)


def find_files(architecture: Architecture, paths: Sequence[Path]) -> dict[str, Path]:
    """The official files among ``paths``, files or folders, by the names of the architecture."""
    found: list[Path] = []
    for path in paths:
        path = path.expanduser()
        if not path.exists():
            raise EngineError(f"no file {path}", fix="Name the downloaded file or its folder.")
        inside = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        found += [p for p in inside if p is path or p.suffix in _SUFFIXES]
    wanted = (*architecture.files, *architecture.optional_files)
    if len(wanted) == 1:
        files = dict(zip(wanted, found, strict=False)) if len(found) == 1 else {}
    else:
        files = {p.name.partition(".")[0]: p for p in found}
        files = {stem: path for stem, path in files.items() if stem in wanted}
    strays = [p for p in found if p in paths and p not in files.values()]
    if strays or not set(architecture.files) <= files.keys():
        optional = f", and {', '.join(architecture.optional_files)} if there"
        raise EngineError(
            "files to import",
            expected=("one file" if len(wanted) == 1 else ", ".join(architecture.files))
            + (optional if architecture.optional_files else ""),
            got=", ".join(p.name for p in found) or "none",
        )
    return files


def split_state(module: nn.Module, parts: Mapping[str, Part]) -> dict[str, State]:
    """The module's tensors for each part; what only training uses goes with the depth part."""
    state = {k: v.detach().contiguous() for k, v in module.state_dict().items()}
    other = {
        name: {k: state[k] for k in names_of(module, part.module).values()}
        for name, part in parts.items()
        if name != "depth"
    }
    elsewhere = {k for tensors in other.values() for k in tensors}
    mine = set(names_of(module, parts["depth"].module).values())
    depth = {k: v for k, v in state.items() if k in mine or k not in elsewhere}
    return {"depth": depth, **other}


def names_of(module: nn.Module, part: nn.Module) -> dict[str, str]:
    """The tensors' names in a part's module: their names in the whole."""

    def tensors(of: nn.Module) -> dict[str, Tensor]:
        every: dict[str, Tensor] = of.state_dict(keep_vars=True)
        return every

    whole = {id(tensor): name for name, tensor in tensors(module).items()}
    return {name: whole[id(tensor)] for name, tensor in tensors(part).items()}


def spec_of_parts(
    name: str, architecture: Architecture, parts: Mapping[str, Part], facts: Mapping[str, Any]
) -> EngineSpec:
    """The spec of an entry with all parts, without weights yet."""
    pose = None
    if "pose" in parts:
        pose = default_spec(f"{name}_pose", architecture, parts["pose"], **facts)
    return dataclasses.replace(
        default_spec(name, architecture, parts["depth"], **facts), pose=pose
    )


def _architecture(network: str) -> Architecture:
    if network not in NETWORKS:
        raise EngineError("network", expected=f"one of {', '.join(NETWORKS)}", got=network)
    return NETWORKS[network]


def _size(
    architecture: Architecture,
    size: tuple[int, int] | None,
    told: Mapping[str, Mapping[str, Any]],
) -> tuple[int, int]:
    for values in told.values():
        said = (values.get("width"), values.get("height"))
        if size is None and all(type(v) is int and 0 < v < 10_000 for v in said):
            size = said  # type: ignore[assignment]
    size = size or architecture.size
    multiple = architecture.size_multiple
    if any(n < multiple or n % multiple for n in size):
        raise EngineError(
            "image size of the network",
            expected=f"multiples of {multiple}",
            got=f"{size[0]}x{size[1]}",
            fix="Choose one by --size WIDTH HEIGHT.",
        )
    return size


def _changed(architecture: Architecture, module: nn.Module) -> dict[str, Any]:
    """The fields of the module's config that are not the architecture's, as JSON has them."""
    config: Any = module.config
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    return {
        k: list(v) if isinstance(v, tuple) else v
        for k, v in fields.items()
        if v != getattr(architecture.config, k)
    }
