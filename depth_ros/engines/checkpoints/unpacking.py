# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""From what a PyTorch pickle describes to tensors in plain containers."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from depth_ros.engines.checkpoints.pickled import Name, Standin, TensorRef
from depth_ros.errors import EngineError

_MAX_DEPTH = 100  # of containers and modules in each other
_MAX_ITEMS = 200_000


def unpack(value: Any) -> Any:
    """The value with tensors for TensorRefs and state dicts for modules.

    EngineError where it is nested too deeply, or holds more than the file has numbers for.
    """
    return _Unpacking().convert(value)


class _Unpacking:
    """Counts the work, so that a small file cannot ask for an endless one."""

    def __init__(self) -> None:
        self._items = 0

    def convert(self, value: Any, depth: int = 0) -> Any:
        self._count(depth)
        if isinstance(value, TensorRef):
            return _tensor(value)
        if isinstance(value, Standin):
            return self._module(value, depth)
        if isinstance(value, dict):
            return {k: self.convert(v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple) and not isinstance(value, Name):
            return [self.convert(v, depth + 1) for v in value]
        return str(value) if isinstance(value, Name) else value

    def _count(self, depth: int) -> None:
        self._items += 1
        if depth > _MAX_DEPTH or self._items > _MAX_ITEMS:
            raise EngineError(
                "structure of the file",
                expected=f"at most {_MAX_DEPTH} levels and {_MAX_ITEMS} items",
                got="more",
            )

    def _module(self, module: Standin, depth: int) -> Any:
        state = module.state if isinstance(module.state, dict) else {}
        if not isinstance(state.get("_modules"), dict):
            return self.convert(state, depth + 1)  # an object, but no module
        flat: dict[str, Any] = {}
        skipped = state.get("_non_persistent_buffers_set") or ()
        for group in ("_parameters", "_buffers"):
            for name, value in dict(state.get(group) or {}).items():
                if isinstance(value, TensorRef) and name not in skipped:
                    self._count(depth)
                    flat[name] = _tensor(value)
        for name, child in state["_modules"].items():
            if isinstance(child, Standin):
                self._count(depth)
                inner = self._module(child, depth + 1)
                flat |= {f"{name}.{k}": v for k, v in inner.items() if isinstance(v, Tensor)}
        return flat


def _tensor(ref: TensorRef) -> Tensor:
    """A view of the storage, so that many tensors of one storage cost its memory once."""
    last = ref.offset + sum((n - 1) * s for n, s in zip(ref.size, ref.stride, strict=True))
    count = math.prod(ref.size)
    if count and (last >= ref.storage.numel or count > ref.storage.numel):
        raise EngineError(
            "size of a tensor", expected=f"within {ref.storage.numel} numbers", got=ref.size
        )
    if ref.storage.data is None:
        raise EngineError("the file ends before the numbers of its tensors")
    data: Tensor = ref.storage.data
    return data.as_strided(ref.size, ref.stride, ref.offset) if count else data.new_empty(ref.size)
