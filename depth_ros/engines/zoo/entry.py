# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Writes an entry of the zoo so that, whenever the writer is killed, the folder can be opened.

New weights go to the disk under a name of their own, then the card, then spec.json in one step.
Until that step the old spec and its weights are untouched; after it, what no spec names goes.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from depth_ros.engines.spec import EngineSpec, sha256
from depth_ros.errors import EngineError

WAIT_S = 60.0  # for another writer of the same entry
_LOCK = ".lock"
_WEIGHTS = re.compile(r".+-[0-9a-f]{8}\.(onnx|safetensors)")
_PARTIAL = ".partial"
_SCRATCH = ".making-"


def write_entry(
    folder: Path, spec: EngineSpec, files: Mapping[str, Path], card: str | None
) -> EngineSpec:
    """Makes or replaces the entry ``folder``; returns the spec as written.

    ``files`` has the weights of "depth" and, where the spec has a pose network, of "pose"; they
    are copied, and the spec gets their names and SHA-256. ``card`` None keeps the card that is
    there. EngineError, and nothing changed, if the folder is something else or cannot be written.
    """
    folder = folder.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            old = _check_ours(folder)
            spec = _with_weights(folder, spec, files)
            if card is not None:
                _write(folder / "CARD.md", lambda path: path.write_text(card, encoding="utf-8"))
            _write(folder / "spec.json", spec.save)
            _sweep(folder, spec, old)
    except OSError as error:
        raise EngineError(
            f"cannot write the entry {folder}: {error.strerror or error}",
            fix="Name a folder that you may write, by --out or --zoo.",
        ) from error
    return spec


def change_card(folder: Path, change: Callable[[str], str]) -> None:
    """Makes the entry's CARD.md what ``change`` returns for the present one, in one step.

    EngineError, and nothing changed, if the folder is no entry or cannot be written.
    """
    card = folder / "CARD.md"
    spec = EngineSpec.load(folder / "spec.json")
    try:
        with _locked(folder):
            old = card.read_text(encoding="utf-8") if card.exists() else f"# {spec.network}\n"
            new = change(old)
            _write(card, lambda path: path.write_text(new, encoding="utf-8"))
    except OSError as error:
        raise EngineError(
            f"cannot write {card}: {error.strerror or error}",
            fix="Name an entry of your own; a copy of the folder is one.",
        ) from error


def entry_name(name: str) -> str:
    """The name, if it can be a folder's and a file's; else EngineError."""
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if not (plain.isalnum() and plain.isascii()) or name.startswith((".", "-")):
        raise EngineError(
            "name of the entry", expected="letters, digits, - _ and .", got=repr(name)
        )
    return name


@contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A hidden folder beside an entry for files in the making; those of killed makers go."""
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        _sweep_scratch(beside.parent)
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=beside.parent))
        descriptor = _take(folder / _LOCK)
    except OSError as error:
        raise EngineError(
            f"cannot write into {beside.parent}: {error.strerror or error}",
            fix="Name a folder that you may write, by --out or --zoo.",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _sweep_scratch(zoo: Path) -> None:
    for folder in zoo.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while it is used
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def weights_of(spec: EngineSpec) -> set[str]:
    """The names of the weights files that a spec needs."""
    return {spec.weights} | ({spec.pose.weights} if spec.pose else set())


def stored_name(network: str, digest: str, suffix: str) -> str:
    """What weights of this SHA-256 are called in their entry."""
    return f"{network}-{digest[:8]}{suffix}"


def _with_weights(folder: Path, spec: EngineSpec, files: Mapping[str, Path]) -> EngineSpec:
    name, digest = _store(folder, spec.network, files["depth"])
    pose = spec.pose
    if pose is not None:
        pose_name, pose_digest = _store(folder, f"{spec.network}_pose", files["pose"])
        pose = dataclasses.replace(pose, weights=pose_name, sha256=pose_digest)
    return dataclasses.replace(spec, weights=name, sha256=digest, pose=pose)


def _store(folder: Path, name: str, source: Path) -> tuple[str, str]:
    """Copies weights to NAME-<first digits of SHA-256>; returns the file's name and SHA-256."""
    partial = folder / f"{name}{_PARTIAL}"
    with source.open("rb") as old, partial.open("wb") as new:
        while block := old.read(1 << 20):
            new.write(block)
        new.flush()
        os.fsync(new.fileno())
    digest = sha256(partial)
    target = folder / stored_name(name, digest, source.suffix)
    os.replace(partial, target)
    return target.name, digest


def _write(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    write(partial)
    _sync(partial)
    os.replace(partial, path)
    _sync(path.parent)  # the name, too


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_ours(folder: Path) -> EngineSpec | None:
    """The spec that is there, None in a new folder; EngineError in anybody else's folder."""
    if folder.stat().st_uid != os.geteuid():
        raise EngineError(f"{folder} belongs to another user", fix="Name a folder of your own.")
    if (folder / "spec.json").exists():
        return EngineSpec.load(folder / "spec.json")
    others = [p.name for p in folder.iterdir() if p.name not in (_LOCK, "CARD.md")]
    others = [n for n in others if not _WEIGHTS.fullmatch(n) and not n.endswith(_PARTIAL)]
    if others:
        raise EngineError(
            f"{folder} is not an entry of the zoo",
            expected="a new folder, or one with a spec.json",
            got=", ".join(sorted(others)[:5]),
            fix="Name another folder.",
        )
    return None


def _sweep(folder: Path, spec: EngineSpec, old: EngineSpec | None) -> None:
    """Removes the old weights and what killed writers have left; other files stay."""
    kept = weights_of(spec)
    for path in folder.iterdir():
        stale = path.name in (weights_of(old) if old else set()) or _WEIGHTS.fullmatch(path.name)
        if path.name.endswith(_PARTIAL) or (stale and path.name not in kept):
            path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one writer at a time. The kernel frees the lock of one that is killed."""
    path = folder / _LOCK
    descriptor = _take(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _take(path: Path) -> int:
    end = time.monotonic() + WAIT_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # held by another, or it removed the file before we had it
        if time.monotonic() > end:
            raise EngineError(
                f"another process is writing {path.parent}", fix="Try again when it has ended."
            )
        time.sleep(0.02)
