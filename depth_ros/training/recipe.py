# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From a recipe and flags to the settings of a run, and back to plain values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import yaml

from depth_ros.errors import ConfigError
from depth_ros.schema import build, unknown
from depth_ros.share import share_dir
from depth_ros.training.config import Stage, TrainConfig

_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which 1e-4 is a number, as in YAML 1.2 and everywhere else."""


_Loader.yaml_implicit_resolvers = dict(yaml.SafeLoader.yaml_implicit_resolvers)
for _first in "-+0123456789.":
    _Loader.yaml_implicit_resolvers[_first] = [
        ("tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")),
        *yaml.SafeLoader.yaml_implicit_resolvers.get(_first, []),
    ]


def find_recipe(name: str) -> Path:
    """A recipe's file, or the shipped recipe of this name."""
    path = Path(name).expanduser()
    shipped = share_dir() / "training"
    if path.is_file():
        return path
    if (shipped / f"{name}.yaml").is_file():
        return shipped / f"{name}.yaml"
    known = sorted(p.stem for p in shipped.glob("*.yaml"))
    raise ConfigError(
        f"no recipe {name}", fix=f"Name a YAML file, or one of {', '.join(known) or 'none'}."
    )


def load_config(path: Path, changes: Mapping[str, str] | None = None) -> TrainConfig:
    """The settings that a recipe and ``changes`` (dotted name: text, as flags have it) make.

    Raises ConfigError for a file that cannot be read, and for an unknown name (with the nearest
    right one), a wrong type or range.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise ConfigError(str(path), expected="names and values", got=type(values).__name__)
    tree: dict[str, Any] = {"name": path.stem}
    for name, value in values.items():
        _put(tree, name.split("."), value)
    for name, text in (changes or {}).items():
        top = name.split(".")[0]
        if top != name and top == "stages":  # the only list that has something in it by default
            tree.setdefault(top, [dataclasses.asdict(Stage())])
        _put(tree, name.split("."), _parse(name, text))
    return build(TrainConfig, tree)


def to_dict(config: Any) -> dict[str, Any]:
    """All settings as nested mappings and lists, as YAML and checkpoints have them."""
    return cast(dict[str, Any], _listed(dataclasses.asdict(config)))


def to_yaml(config: TrainConfig) -> str:
    """All settings; load_config reads them back."""
    return str(yaml.safe_dump(to_dict(config), sort_keys=False, width=99, allow_unicode=True))


def differences(one: Any, other: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """{dotted name: both values} for what differs in two plain trees; lists differ as a whole."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return {} if one == other else {prefix: (one, other)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in [*one, *(k for k in other if k not in one)]:
        name = f"{prefix}.{key}" if prefix else key
        found.update(differences(one.get(key), other.get(key), name))
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _listed(v) for k, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, (list, tuple)) else value


def _put(tree: Any, names: list[str], value: Any) -> None:
    """Sets a dotted name; a number in it is a place in a list that is there."""
    for at, name in enumerate(names[:-1]):
        tree = _into(tree, name, ".".join(names[: at + 1]))
    last = names[-1]
    if isinstance(tree, list):
        _into(tree, last, ".".join(names))  # that the place exists
        tree[int(last)] = value
    elif isinstance(tree, dict):
        tree[last] = value
    else:
        raise ConfigError(".".join(names[:-1]), expected="a mapping", got=repr(tree))


def _into(tree: Any, name: str, dotted: str) -> Any:
    if isinstance(tree, list):
        if not name.isdecimal() or int(name) >= len(tree):
            raise ConfigError(dotted, expected=f"a place from 0 to {len(tree) - 1}", got=name)
        return tree[int(name)]
    if not isinstance(tree, dict):
        raise ConfigError(dotted, expected="a mapping", got=repr(tree))
    return tree.setdefault(name, {})


def _parse(name: str, text: str) -> Any:
    """What a flag's text means; texts stay texts, be they numbers or not."""
    kind = _kind_of(TrainConfig, name.split("."), "")
    if kind is str or (get_origin(kind) is not None and get_origin(kind) not in (tuple, dict)):
        return text
    if kind is bool:
        if text.lower() not in _BOOLS:
            raise ConfigError(name, expected="true or false", got=text)
        return _BOOLS[text.lower()]
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ConfigError(name, expected="a value as in YAML", got=text) from error


def _kind_of(kind: Any, names: list[str], prefix: str) -> Any:
    if not names:
        return kind
    first, rest = names[0], names[1:]
    if get_origin(kind) is dict:
        return object
    if get_origin(kind) is tuple:
        return _kind_of(get_args(kind)[0], rest, f"{prefix}{first}.")
    if not dataclasses.is_dataclass(kind):
        raise ConfigError(f"{prefix.rstrip('.')} has no parts", got=f"{prefix}{'.'.join(names)}")
    hints = get_type_hints(kind)
    if first not in hints:
        raise unknown(f"{prefix}{first}", _near(kind, prefix))
    return _kind_of(hints[first], rest, f"{prefix}{first}.")


def _near(kind: Any, prefix: str) -> list[str]:
    """The names on this level and, at the top, those below, which are often what is meant."""
    found = [prefix + f.name for f in dataclasses.fields(kind)]
    if not prefix:
        hints = get_type_hints(kind)
        for name, hint in hints.items():
            if dataclasses.is_dataclass(hint):
                found += [f"{name}.{f.name}" for f in dataclasses.fields(hint)]
    return found
