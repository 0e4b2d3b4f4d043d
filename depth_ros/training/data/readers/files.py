# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""File formats of published data sets: PFM, NumPy, MATLAB 5 and HDF5, and cheap checks of them.

Whatever is wrong with a file becomes a SourceError that names it; nothing is ever unpickled.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from depth_ros.errors import DepthError, SourceError
from depth_ros.frame import Camera, Float32, Float64

T = TypeVar("T")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".bmp")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"  # with its checksum
_NPY = b"\x93NUMPY"
_PFM = re.compile(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+(-?\d[-+.\deE]*)(?:\r\n|\s)")
_NUMBERED = re.compile(r"(.*[^\d.])?(\d{1,12})$")  # no stamps: neither longer ones nor fractions
_TAIL = 256  # bytes in which a complete PNG or JPEG ends
_MAT_HEADER = 128  # bytes before the first variable


@contextmanager
def reading_file(path: Path) -> Iterator[None]:
    """Makes a SourceError of anything that a parser raises on the file's damaged bytes.

    Third-party parsers raise nearly every built-in exception there, hence the broad clause.
    """
    try:
        yield
    except DepthError:
        raise
    except Exception as error:
        raise SourceError(f"cannot read {path}: {error or type(error).__name__}") from error


def read_pfm(path: Path) -> Float32:
    """A portable float map: (h, w) float32, or (h, w, 3) for colour, the top row first.

    In the file the bottom row comes first, and the sign of the header's scale gives the byte
    order: negative is little endian. The scale's size is a remark, not a factor.
    """
    with reading_file(path), path.open("rb") as file:
        order, shape, start = _pfm_header(path, file.read(256))
        file.seek(start)
        values = np.frombuffer(file.read(4 * int(np.prod(shape))), order + "f4")
        return np.ascontiguousarray(values.reshape(shape)[::-1], dtype=np.float32)


def _pfm_header(path: Path, head: bytes) -> tuple[str, tuple[int, ...], int]:
    """Byte order, shape and where the values start; SourceError where the file is too short."""
    match = _PFM.match(head)
    if match is None or float(match[4]) == 0:
        raise SourceError(f"{path} is no PFM", expected="Pf, width, height, scale", got=head[:24])
    shape = (int(match[3]), int(match[2]), *((3,) if match[1] == b"PF" else ()))
    size, needed = path.stat().st_size, match.end() + 4 * int(np.prod(shape, dtype=object))
    if size < needed:
        raise SourceError(f"{path} is cut off", expected=f"{needed} bytes", got=size)
    return ("<" if float(match[4]) < 0 else ">"), shape, match.end()


def read_npy(path: Path) -> npt.NDArray[Any]:
    """An array that numpy.save wrote, never one of Python objects."""
    with reading_file(path):
        return np.array(_mapped(path))


def read_npy_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of such an array, after its file's length was checked."""
    with reading_file(path):
        array = _mapped(path)
        return array.shape, array.dtype


def _mapped(path: Path) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        if file.read(len(_NPY)) != _NPY:
            raise SourceError(f"{path} is no .npy file")
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def read_mat(path: Path, *names: str) -> dict[str, Any]:
    """Variables of a MATLAB 5 file (up to v7) by name; SourceError says which one is missing."""
    with reading_file(path):
        from scipy.io import loadmat

        try:
            values: dict[str, Any] = loadmat(str(path), variable_names=names, appendmat=False)
        except NotImplementedError as error:
            fix = "Save it with MATLAB's -v7, without -v7.3."
            raise SourceError(f"{path} is HDF5 (v7.3)", fix=fix) from error
    missing = [name for name in names if name not in values]
    if missing:
        raise SourceError(f"{path}", expected=f"variables {', '.join(missing)}", got="none")
    return values


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """The h5py.File of an HDF5 file, MATLAB's v7.3 included; SourceError where h5py is missing."""
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        fix = 'Install it: pip install "h5py>=3.6".'
        raise SourceError(
            f"{path} is HDF5", expected="the package h5py", got="none", fix=fix
        ) from error
    with reading_file(path), h5py.File(path, "r") as file:
        yield file


def read_matrix(path: Path, rows: int, columns: int) -> Float64:
    """Numbers in a text file, separated by white space; inf and nan are numbers."""
    with reading_file(path):
        values = np.array(path.read_text(encoding="utf-8").split(), np.float64)
    if values.size != rows * columns:
        raise SourceError(f"{path}", expected=f"{rows}x{columns} numbers", got=values.size)
    return values.reshape(rows, columns)


def pinhole(
    path: Path, width: int, height: int, fx: float, fy: float, cx: float, cy: float
) -> Camera:
    """The Camera with fx, fy, cx, cy that ``path`` says; SourceError where it cannot be one."""
    with reading_file(path):
        try:
            return Camera(width, height, float(fx), float(fy), float(cx), float(cy))
        except DepthError as error:
            raise SourceError(f"{path}: {error}") from error


def known(depth: npt.NDArray[Any]) -> Float32:
    """Depth as float32 metres, NaN where it is not a positive, finite number."""
    with np.errstate(invalid="ignore", over="ignore"):
        metres = np.array(depth, np.float32)
        metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def pick(entries: Sequence[T], index: int, name: str) -> T:
    """Entry ``index``, from 0; SourceError outside."""
    if not 0 <= index < len(entries):
        raise SourceError(f"frame of {name}", expected=f"0..{len(entries) - 1}", got=index)
    return entries[index]


def listed(folder: Path, pattern: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Files by name, numbers in names as numbers; SourceError where there are none."""
    paths = [path for path in folder.glob(pattern) if path.suffix.lower() in suffixes]
    if not paths:
        raise SourceError(f"no {pattern} ({', '.join(suffixes)}) in {folder}")
    return sorted(paths, key=natural)


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts frame 9 before frame 10."""
    parts = re.split(r"(\d+)", path.as_posix())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def numbered(paths: Sequence[Path]) -> list[tuple[str, int]]:
    """(folder and name, number) of frames whose names end in one; without, their order."""
    found = [_NUMBERED.match(path.stem) for path in paths]
    if not all(found):
        return [(path.parent.as_posix(), i) for i, path in enumerate(paths)]
    matches = zip(paths, (match for match in found if match), strict=True)
    return [((p.parent / (m[1] or "")).as_posix(), int(m[2])) for p, m in matches]


def problems_of(paths: Iterable[Path], bits: int | None = None) -> list[str]:
    """A line for each file that is missing, empty, cut off or of another format.

    Headers and lengths are read, not the values. ``bits`` is what a PNG must have per channel.
    """
    return [line for path in dict.fromkeys(paths) for line in _problems(path, bits)]


def _problems(path: Path, bits: int | None) -> list[str]:
    if not path.is_file():
        return [f"{path} is missing"]
    try:
        with reading_file(path):
            _check(path, bits)
    except DepthError as error:
        return [str(error)]
    return []


def _check(path: Path, bits: int | None) -> None:
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(256)
        file.seek(-min(_TAIL, path.stat().st_size), os.SEEK_END)
        tail = file.read()
    if not head.strip():
        raise SourceError(f"{path} is empty")
    if suffix in (".png", ".jpg", ".jpeg"):
        _check_image(path, head, tail, bits)
    elif suffix == ".npy":
        read_npy_header(path)
    elif suffix == ".pfm":
        _pfm_header(path, head)
    elif suffix == ".mat" and not head.startswith(b"MATLAB 7.3"):
        _check_mat(path)
    elif suffix == ".h5" and not head.startswith(_HDF5):
        raise SourceError(f"{path} is no HDF5 file")


def _check_image(path: Path, head: bytes, tail: bytes, bits: int | None) -> None:
    png = head.startswith(_PNG) and len(head) >= 26
    if not png and not head.startswith(b"\xff\xd8"):
        raise SourceError(f"{path} is neither PNG nor JPEG")
    if (_PNG_END if png else b"\xff\xd9") not in tail:
        raise SourceError(f"{path} is cut off")
    if bits is not None and not (png and head[24] == bits):
        got = f"{head[24]} bits" if png else "a JPEG"
        raise SourceError(f"{path}", expected=f"a PNG of {bits} bits", got=got)


def _check_mat(path: Path) -> None:
    """Walks a MATLAB 5 file's list of variables; their lengths must fill the file."""
    size, position = path.stat().st_size, _MAT_HEADER
    with path.open("rb") as file:
        head = file.read(_MAT_HEADER)
        if len(head) < _MAT_HEADER or head[126:] not in (b"IM", b"MI"):
            raise SourceError(f"{path} is no MATLAB 5 file")
        order = "<" if head[126:] == b"IM" else ">"
        while position < size:
            file.seek(position)
            tag = np.frombuffer(file.read(8).ljust(8, b"\xff"), order + "u4")
            position += 8 + int(tag[1])
    if position != size or size == _MAT_HEADER:
        raise SourceError(f"{path} is cut off", expected=f"{position} bytes", got=size)
