# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The precision of an ONNX file, read from its bytes, without the onnx package.

ONNX is protobuf: fields of (number, wire type, value). Few of them matter here.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Field numbers of onnx.proto
GRAPH, NODE, INITIALIZER, OP_TYPE, DATA_TYPE = 7, 1, 5, 4, 2
WEIGHTS = {1: "fp32", 10: "fp16", 16: "bf16"}  # TensorProto.DataType
QUANTISED = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"}


def precision_of(path: Path) -> str:
    """int8 if the graph quantises anything; else the type that most of the weights have.

    Raises ValueError for a file that is no protobuf.
    """
    weights: Counter[str] = Counter()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            for start, stop in _children(view, 0, len(view), GRAPH):
                for begin, end in _children(view, start, stop, NODE):
                    kinds = _children(view, begin, end, OP_TYPE)
                    if any(bytes(view[a:b]).decode() in QUANTISED for a, b in kinds):
                        return "int8"
                for begin, end in _children(view, start, stop, INITIALIZER):
                    for number, value, _ in _fields(view, begin, end):
                        if number == DATA_TYPE and value in WEIGHTS:
                            weights[WEIGHTS[value]] += end - begin
        except IndexError:
            raise ValueError(f"{path} is cut off") from None
        finally:
            view.release()
    return weights.most_common(1)[0][0] if weights else "fp32"


def _children(view: memoryview, start: int, stop: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the messages and strings of one field number begin and end."""
    for number, begin, end in _fields(view, start, stop):
        if number == wanted and end is not None:
            yield begin, end


def _fields(view: memoryview, start: int, stop: int) -> Iterator[tuple[int, int, int | None]]:
    """(number, value, None) of numbers, and (number, begin, end) of all that has a length."""
    while start < stop:
        key, start = _varint(view, start)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, start = _varint(view, start)
            yield number, value, None
        elif wire == 2:
            length, start = _varint(view, start)
            yield number, start, start + length
            start += length
        elif wire in (1, 5):
            start += 8 if wire == 1 else 4
        else:
            raise ValueError(f"no protobuf: wire type {wire}")


def _varint(view: memoryview, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if not byte & 0x80:
            return value, start
