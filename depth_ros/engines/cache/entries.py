# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One entry of the cache on the disk: what meta.json holds, and the checks of every read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_ros.engines.cache.owned import Unusable, check_owner, is_at, open_own, share
from depth_ros.engines.spec import sha256

FORMAT = 1  # of meta.json and of how artefacts are made: a new one refuses what is older
META = "meta.json"
_LARGEST_META = 1 << 20


class Lost(Exception):
    """There is no such entry, or it is going away at this moment."""


@dataclass(frozen=True, slots=True)
class Key:
    """Everything that decides what an artefact contains and where it can run."""

    sha256: str  # of the weights that it was made from
    backend: str
    version: str  # of the backend
    device: str
    precision: str
    shapes: str  # of all inputs and outputs

    @property
    def digest(self) -> str:
        """The entry's name, 64 hexadecimal digits."""
        return _digest(dataclasses.asdict(self))


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished artefact. ``made`` and ``used`` are seconds since 1970."""

    key: Key
    path: Path
    size: int
    made: float
    used: float
    facts: dict[str, Any]


def write_meta(folder: Path, key: Key, artefact: Path, facts: Mapping[str, Any]) -> None:
    """Writes meta.json beside the artefact, and to the disk."""
    values = {
        "format": FORMAT,
        "key": dataclasses.asdict(key),
        "file": artefact.name,
        "sha256": sha256(artefact),
        "size": artefact.stat().st_size,
        "made": time.time(),
        "facts": dict(facts),
    }
    text = json.dumps({**values, "check": _digest(values)}, indent=1)
    descriptor = os.open(folder / META, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def open_entry(folder: Path, key: Key | None, *, alone: bool = False) -> tuple[int, Entry]:
    """The entry, and its artefact's descriptor, locked against removal until it is closed.

    With a ``key`` everything is checked; without one, all but the artefact's SHA-256. ``alone``
    is for those who remove: it fails while others use the entry. Raises Lost and Unusable.
    """
    status = _stat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise Unusable("it is no folder")
    check_owner(status, "its folder")
    values = _read_meta(folder)
    entry = _entry(folder, values, status.st_mtime)
    if (entry.key.digest if key is None else key.digest) != folder.name:
        raise Unusable("its folder has another entry's name")
    if key is not None and entry.key != key:
        raise Unusable(f"it was made for another key: {_difference(entry.key, key)}")
    descriptor = open_own(entry.path)
    try:
        if not share(descriptor, alone=alone) or not is_at(descriptor, entry.path):
            raise Lost
        _check_artefact(descriptor, values, whole=key is not None)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, entry


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder, links not followed."""
    size = 0
    with suppress(OSError):
        size = sum(p.lstat().st_size for p in folder.iterdir() if not p.is_dir())
    return size


def _stat(folder: Path) -> os.stat_result:
    try:
        return folder.lstat()
    except FileNotFoundError:
        raise Lost from None
    except OSError as error:
        raise Unusable(f"cannot look at it: {error.strerror}") from error


def _read_meta(folder: Path) -> dict[str, Any]:
    with os.fdopen(open_own(folder / META), "rb") as file:
        text = file.read(_LARGEST_META + 1)
    if len(text) > _LARGEST_META:
        raise Unusable(f"{META} has more than {_LARGEST_META} bytes")
    try:
        values = json.loads(text)
        check = values.pop("check")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unusable(f"{META} is damaged") from None
    if check != _digest(values):
        raise Unusable(f"{META} was changed")
    if values.get("format") != FORMAT:
        raise Unusable(f"it has format {values.get('format')}, expected {FORMAT}")
    return dict(values)


def _entry(folder: Path, values: dict[str, Any], used: float) -> Entry:
    try:
        key = Key(**{f.name: str(values["key"][f.name]) for f in dataclasses.fields(Key)})
        name, size = str(values["file"]), int(values["size"])
        entry = Entry(key, folder / name, size, float(values["made"]), used, dict(values["facts"]))
    except (KeyError, TypeError, ValueError):
        raise Unusable(f"{META} is incomplete") from None
    if Path(name).name != name or name == META:
        raise Unusable(f"{META} names {name!r}, expected a file beside it")
    return entry


def _check_artefact(descriptor: int, values: dict[str, Any], *, whole: bool) -> None:
    size = os.fstat(descriptor).st_size
    if size != values["size"]:
        raise Unusable(f"{values['file']} has {size} bytes, expected {values['size']}")
    if not whole:
        return
    digest = hashlib.sha256()
    with os.fdopen(os.dup(descriptor), "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != values["sha256"]:
        raise Unusable(f"{values['file']} has another SHA-256 than {META} says")


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _difference(got: Key, expected: Key) -> str:
    names = [f.name for f in dataclasses.fields(Key)]
    return "; ".join(
        f"{n} {getattr(got, n)!r}, expected {getattr(expected, n)!r}"
        for n in names
        if getattr(got, n) != getattr(expected, n)
    )
