# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The named tensors of PyTorch files, without torch.load: modules, state dicts, both formats.

torch.load unpickles, and its weights_only mode has been broken out of before (CVE-2025-32434,
CVE-2026-24747). pickles.py reads the structure as data; this module reads the numbers, from zip
files (PyTorch 1.6 and later) and from the older ones, and never believes a size that the file
does not hold.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from depth_ros.engines.checkpoints.pickled import Name, Storage
from depth_ros.engines.checkpoints.pickles import read_pickle
from depth_ros.engines.checkpoints.unpacking import unpack
from depth_ros.errors import EngineError

State = dict[str, Tensor]
_MAGIC = 0x1950A86A20F9469CFC6C  # of PyTorch 0.1.10 to 1.5
_PROTOCOL = 1001
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, ValueError, KeyError, RuntimeError)
_NESTED = ("state_dict", "model_state_dict", "model", "state", "network")  # where others keep it


def read_file(path: Path) -> Any:
    """What a PyTorch file holds: plain containers, tensors, and for a module its state dict.

    EngineError if it is no such file, is damaged, or wants to run code; nothing in it is run.
    """
    try:
        if not path.is_file():
            raise EngineError(f"no file {path}", fix="Name a file that torch.save wrote.")
        if path.stat().st_size == 0:
            raise EngineError(f"{path} is empty", fix="Download it again.")
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
        return unpack(_read_zip(path) if zipped else _read_legacy(path))
    except EngineError as error:
        raise error if str(path) in str(error) else EngineError(f"{path}: {error}") from error
    except _BROKEN as error:
        raise EngineError(
            f"cannot read {path}: {error}", fix="Download the file again."
        ) from error


def read_state(path: Path) -> tuple[State, dict[str, Any]]:
    """The tensors of a file under their official names, and what else lies beside them.

    Finds the state dict under the usual keys, walks a pickled module, and takes away the
    ``module.`` that DataParallel puts before every name.
    """
    found = read_file(path)
    beside: dict[str, Any] = {}
    while isinstance(found, Mapping) and not any(isinstance(v, Tensor) for v in found.values()):
        key = next((k for k in _NESTED if isinstance(found.get(k), Mapping)), None)
        if key is None:
            break
        beside |= {k: v for k, v in found.items() if k != key}
        found = found[key]
    values = found if isinstance(found, Mapping) else {}
    tensors = {k: v for k, v in values.items() if isinstance(v, Tensor)}
    if not tensors or not all(isinstance(k, str) for k in tensors):
        raise EngineError(
            f"no weights in {path}",
            expected="a state dict or a module",
            got=_shape(found),
        )
    beside |= {k: v for k, v in values.items() if k not in tensors}
    while all(k.startswith("module.") for k in tensors):
        tensors = {k.removeprefix("module."): v for k, v in tensors.items()}
    return tensors, beside


def _shape(found: Any) -> str:
    keys = ", ".join(map(str, list(found)[:8])) if isinstance(found, Mapping) else ""
    return f"a {type(found).__name__}" + (f" of {keys}" if keys else "")


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = {m.filename: m for m in archive.infolist()}
        _check_members(path, members)
        pickles = [n for n in members if n.count("/") == 1 and n.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise EngineError(
                f"{path} is a zip file, but not one of torch.save",
                expected="one */data.pkl",
                got=", ".join(list(members)[:6]) or "an empty archive",
                fix="Unzip it, and name the files in it.",
            )
        top = pickles[0].removesuffix("data.pkl")
        if f"{top}constants.pkl" in members:
            raise EngineError(
                f"{path} is a TorchScript program", fix="Save its state_dict() with torch.save."
            )
        order = f"{top}byteorder"
        if order in members and archive.read(order) != b"little":
            raise EngineError(f"byte order of {path}", expected="little", got="big")
        storages = _Storages()
        found = read_pickle(io.BytesIO(archive.read(pickles[0])), storages.persistent)
        for key, storage in storages.by_key.items():
            member = members.get(f"{top}data/{key}")
            if member is None:
                raise EngineError(f"{path} lacks the numbers of its tensors: no data/{key}")
            storage.data = _numbers(storage, archive.read(member))
    return found


def _check_members(path: Path, members: Mapping[str, zipfile.ZipInfo]) -> None:
    """torch.save stores without compression, so nothing can be larger than the file."""
    total = sum(m.file_size for m in members.values())
    packed = any(m.compress_type != zipfile.ZIP_STORED for m in members.values())
    if packed or total > path.stat().st_size:
        raise EngineError(
            f"{path} is a compressed archive",
            expected="a file of torch.save",
            got=f"{total} bytes in a file of {path.stat().st_size}",
            fix="Unzip it, and name the files in it.",
        )


def _read_legacy(path: Path) -> Any:
    storages = _Storages()
    with path.open("rb") as file:
        try:
            magic = read_pickle(file, storages.persistent)
        except EngineError as error:
            if "wants to run" in str(error):
                raise
            raise EngineError(
                f"{path} is no PyTorch file, or was saved before version 0.1.10"
            ) from error
        if magic != _MAGIC:
            raise EngineError(f"{path} is a pickle, but not one of torch.save")
        if (protocol := read_pickle(file, storages.persistent)) != _PROTOCOL:
            raise EngineError(f"protocol of {path}", expected=_PROTOCOL, got=protocol)
        system = read_pickle(file, storages.persistent)
        if not (isinstance(system, dict) and system.get("little_endian", False)):
            raise EngineError(f"byte order of {path}", expected="little", got="big")
        found = read_pickle(file, storages.persistent)
        keys = read_pickle(file, storages.persistent)
        left = path.stat().st_size - file.tell()
        for key in keys:
            left -= _read_legacy_storage(file, storages.by_key.get(str(key)), left)
    return found


def _read_legacy_storage(file: IO[bytes], storage: Storage | None, left: int) -> int:
    """Reads one storage, of which at most ``left`` bytes can be there. Returns the bytes read."""
    header = file.read(8)
    if storage is None or len(header) < 8:
        raise EngineError("the file ends before the numbers of its tensors")
    (numel,) = struct.unpack("<q", header)
    size = int(numel) * _DTYPES[storage.dtype].itemsize
    if numel != storage.numel or not 0 <= size <= left - 8:
        raise EngineError(
            "the file ends before the numbers of its tensors",
            expected=f"{storage.numel} numbers",
            got=f"{numel} announced, {max(left - 8, 0)} bytes left",
        )
    storage.data = _numbers(storage, file.read(size))
    return 8 + size


def _numbers(storage: Storage, data: bytes) -> Tensor:
    dtype = _DTYPES[storage.dtype]
    if len(data) != storage.numel * dtype.itemsize:
        raise EngineError(
            f"numbers of storage {storage.key}",
            expected=f"{storage.numel} of {dtype}",
            got=f"{len(data)} bytes",
        )
    # frombuffer wants at least one number, and memory that may be written
    return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)


class _Storages:
    """Makes the storages that a pickle names by persistent ids, each once."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}

    def persistent(self, identity: Any) -> Any:
        """("storage", class, key, device, numel[, view]), or ("module", class, file, source)."""
        kind, *rest = identity if type(identity) is tuple and identity else (None,)
        if kind == "module" and rest and isinstance(rest[0], Name):
            return rest[0]
        if kind != "storage" or len(rest) < 4 or not isinstance(rest[0], Name):
            raise ValueError("a persistent id that is not PyTorch's")
        dtype, key, numel, view = rest[0].name, str(rest[1]), rest[3], rest[4:]
        if rest[0].module not in ("torch", "torch.storage") or dtype not in _DTYPES:
            raise EngineError("type of a tensor", expected=", ".join(_DTYPES), got=rest[0])
        if type(numel) is not int or numel < 0 or any(v is not None for v in view):
            raise ValueError("a storage of a negative size, or a view of another")
        return self.by_key.setdefault(key, Storage(dtype, key, numel))
