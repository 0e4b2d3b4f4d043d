# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What pickles.py makes of a PyTorch pickle: names, stand-ins, and the few calls that it knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Name(NamedTuple):
    """What a file calls module.name; nothing is looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Standin:
    """An object of a class that is not loaded, with the state that it would have been given."""

    kind: Name
    state: Any = None


@dataclass(eq=False)
class Storage:
    """The numbers of one or more tensors; ``data`` is filled in from the rest of the file."""

    dtype: str  # such as FloatStorage
    key: str
    numel: int
    data: Any = None


@dataclass(frozen=True, eq=False)
class TensorRef:
    """A window on a storage. Offset and strides count elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorRef:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, Storage) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError("a tensor of something else than a storage and numbers")
    if len(size) != len(stride):
        raise ValueError("a tensor with more sizes than strides")
    return TensorRef(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Any, *_: Any) -> TensorRef:
    if not isinstance(tensor, TensorRef):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _encoded(text: Any, *_: Any) -> bytes:
    if type(text) is not str:
        raise ValueError("an encoding of what is no text")
    return text.encode("latin1")


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict((plain_key(key), value) for key, value in pairs)


def _reconstructed(kind: Any, *_: Any) -> Standin:
    if not isinstance(kind, Name):
        raise ValueError("an object whose class is no name")
    return Standin(kind)


def plain_key(key: Any) -> Any:
    """Only plain keys: to hash nested ones may take for ever."""
    if type(key) not in (str, bytes, int, float, bool, type(None)):
        raise ValueError(f"a key of type {type(key).__name__}")
    return key


# The calls that PyTorch's own files make, and what they mean here.
CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,  # PyTorch before 1.0
    "torch.nn.backends.thnn._get_thnn_function_backend": lambda: None,  # likewise
    "torch.Size": lambda sizes: tuple(sizes),
    "torch.device": lambda *_: None,
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _encoded,  # how Python 3 writes bytes in protocol 2
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
    "builtins.set": lambda items=(): [plain_key(i) for i in items],
    "__builtin__.set": lambda items=(): [plain_key(i) for i in items],
}
