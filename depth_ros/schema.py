# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How frozen dataclasses become settings: descriptions, ranges, checks, dotted names."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from depth_ros.errors import ConfigError

T = TypeVar("T")


def setting(
    default: T,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    live: bool = False,
) -> T:
    """A dataclass field with its description and, for numbers, its inclusive range.

    It may also be a tuple of one type, scalars or Checked dataclasses, a ``dict[str, float]`` or a
    ``dict[str, object]`` of plain values; the range is that of every number in it.
    """
    metadata = {"text": text, "low": low, "high": high, "live": live}
    if isinstance(default, dict):  # every object gets its own
        return cast(T, field(default_factory=default.copy, metadata=metadata))
    return field(default=default, metadata=metadata)


class Checked:
    """Checks every field against its type and range when the dataclass is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(cast(Any, self)):
            if f.metadata:
                value = check(f.name, getattr(self, f.name), hints[f.name], f.metadata)
                object.__setattr__(self, f.name, value)


def check(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    """The value as its field's type, or a ConfigError that says what was expected."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(
                name, expected="one of " + ", ".join(get_args(kind)), got=repr(value)
            )
        return value
    if get_origin(kind) is tuple:
        return _check_tuple(name, value, kind, metadata)
    if get_origin(kind) is dict:
        return _check_dict(name, value, kind, metadata)
    if kind in (object, Any):
        return _plain(name, value)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return build(cast(type, kind), value, f"{name}.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(name, expected=f"a {kind.__name__}", got=repr(value))
    low, high = metadata.get("low"), metadata.get("high")
    if (
        low is not None
        and high is not None
        and not (low <= value <= high and math.isfinite(value))
    ):
        raise ConfigError(name, expected=f"{low} to {high}", got=value)
    return value


def _check_tuple(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(name, expected="a list", got=repr(value))
    inner, *others = get_args(kind)
    if others != [Ellipsis]:
        inners = get_args(kind)
        if len(value) != len(inners):
            raise ConfigError(name, expected=f"{len(inners)} values", got=repr(value))
        pairs = zip(value, inners, strict=True)
        return tuple(check(f"{name}[{i}]", v, k, metadata) for i, (v, k) in enumerate(pairs))
    return tuple(check(f"{name}[{i}]", v, inner, metadata) for i, v in enumerate(value))


def _check_dict(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(name, expected="a mapping", got=repr(value))
    inner = get_args(kind)[1]
    for key in value:
        if type(key) is not str:
            raise ConfigError(f"a name in {name}", expected="a text", got=repr(key))
    return {k: check(f"{name}.{k}", v, inner, metadata) for k, v in value.items()}


def _plain(name: str, value: Any) -> Any:
    """What YAML and JSON can say: texts, numbers, truth values, lists and mappings of them."""
    if isinstance(value, Mapping):
        return {str(k): _plain(f"{name}.{k}", v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(f"{name}[{i}]", v) for i, v in enumerate(value))
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ConfigError(name, expected="a text, number, list or mapping", got=repr(value))


def build(kind: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """The dataclass from nested mappings, as YAML has them; what is not named keeps its default.

    ConfigError names a wrong or an unknown field with all its dots, and the nearest right name.
    """
    hints, built = get_type_hints(kind), {}
    fields = {f.name: f for f in dataclasses.fields(cast(Any, kind))}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in fields:
            raise unknown(name, [prefix + known for known in fields])
        if dataclasses.is_dataclass(hints[key]) and not isinstance(value, Mapping):
            raise ConfigError(name, expected="a mapping", got=repr(value))
        built[key] = check(name, value, hints[key], fields[key].metadata)
    try:
        return kind(**built)
    except ConfigError as error:  # of several fields together, which know only their own names
        if not prefix:
            raise
        raise ConfigError(f"{prefix}{error}") from error


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the tree, as parameters.py, cli.py and the documentation list it."""

    name: str  # dotted
    kind: Any  # bool, int, float or str; in a training run also tuple[...] and dict[str, ...]
    choices: tuple[str, ...]
    text: str
    low: float | None
    high: float | None
    live: bool
    default: Any

    def check(self, value: Any) -> Any:
        """The value as this setting's type; ConfigError, with the dotted name, if it is not."""
        hint = Literal[self.choices] if self.choices else self.kind
        return check(self.name, value, hint, {"low": self.low, "high": self.high})


def settings_of(kind: type, prefix: str = "") -> Iterator[Setting]:
    """All settings, in the order of the dataclasses."""
    hints = get_type_hints(kind)
    for f in dataclasses.fields(kind):
        hint, name = hints[f.name], prefix + f.name
        if dataclasses.is_dataclass(hint):
            yield from settings_of(cast(type, hint), name + ".")
            continue
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        m = f.metadata
        leaf = str if choices else hint
        default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        yield Setting(name, leaf, choices, m["text"], m["low"], m["high"], m["live"], default)


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """The tree as {dotted name: value}."""
    flat: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        nested = dataclasses.is_dataclass(value)
        flat.update(flatten(value, f"{prefix}{f.name}.") if nested else {prefix + f.name: value})
    return flat


def unknown(name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, list(known), 1)
    fix = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
    return ConfigError(f"unknown parameter {name}", fix=fix)


def dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as pairs of a dotted name and a value."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
