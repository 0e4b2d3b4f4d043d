# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Reads the pickle inside a PyTorch file as data: it imports nothing and calls nothing.

Python's own unpickler does what the file says. This one interprets the opcodes itself. What the
file names (classes, functions) becomes a Name, an object of an unknown class becomes a Standin
that holds its state, and a call is only made where CALLS knows what it stands for. Any other call
raises EngineError with the name of what the file wanted to run.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from depth_ros.engines.checkpoints.pickled import CALLS, Name, Standin, TensorRef, plain_key
from depth_ros.errors import EngineError

_MARK = object()  # on the stack; never the file's own


@dataclass
class _Machine:
    """The stack of one pickle. ``persistent`` turns persistent ids into storages and names."""

    persistent: Callable[[Any], Any]
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, file: IO[bytes]) -> Any:
        """The object up to the pickle's STOP; the file is left right behind it."""
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _PUSHED:
                self.stack.append(argument)
            elif opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name]())
            elif action := getattr(self, f"_do_{opcode.name.lower()}", None):
                action(argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                raise EngineError(
                    "unsafe or unknown pickle", expected="a PyTorch file", got=opcode.name
                )
        raise ValueError("no end")

    def _to_mark(self) -> list[Any]:
        for start in range(len(self.stack) - 1, -1, -1):
            if self.stack[start] is _MARK:
                items = self.stack[start + 1 :]
                del self.stack[start:]
                return items
        raise ValueError("no mark")

    def _do_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _do_pop(self, _: Any) -> None:
        self.stack.pop()

    def _do_pop_mark(self, _: Any) -> None:
        self._to_mark()

    def _do_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _do_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _do_tuple1(self, _: Any) -> None:
        self._tuple(1)

    def _do_tuple2(self, _: Any) -> None:
        self._tuple(2)

    def _do_tuple3(self, _: Any) -> None:
        self._tuple(3)

    def _tuple(self, count: int) -> None:
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def _do_append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _do_appends(self, _: Any) -> None:
        self._extend(self._to_mark())

    def _do_additems(self, _: Any) -> None:
        self._extend([plain_key(item) for item in self._to_mark()])

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError(f"items for a {type(target).__name__}")
        target.extend(items)

    def _do_setitem(self, _: Any) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self._set_items(items)

    def _do_setitems(self, _: Any) -> None:
        self._set_items(self._to_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"keys for a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[plain_key(key)] = value

    def _do_binput(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    _do_put = _do_long_binput = _do_binput

    def _do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _do_binget(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _do_get = _do_long_binget = _do_binget

    def _do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Name(module, name))

    def _do_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError("a name that is no text")
        self.stack.append(Name(module, name))

    def _do_binpersid(self, _: Any) -> None:
        self.stack.append(self.persistent(self.stack.pop()))

    def _do_reduce(self, _: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, Name) or str(called) not in CALLS:
            raise _refusal(called)
        if type(arguments) is not tuple:
            raise ValueError(f"a call of {called} without arguments")
        self.stack.append(CALLS[str(called)](*arguments))

    def _do_newobj(self, _: Any) -> None:
        self.stack.pop()  # what __new__ would have been given
        self.stack.append(self._new(self.stack.pop()))

    def _do_newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self._do_newobj(_)

    def _new(self, kind: Any) -> Any:
        if not isinstance(kind, Name):
            raise _refusal(kind)
        plain = str(kind) in ("collections.OrderedDict", "builtins.dict")
        return OrderedDict() if plain else Standin(kind)

    def _do_build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Standin):
            target.state = state
        elif not isinstance(target, dict | TensorRef):  # their attributes are of no use here
            raise ValueError(f"a state for a {type(target).__name__}")


# Opcodes that push their argument, and those that push a constant.
_PUSHED = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,  # nothing here looks into sets
}


def read_pickle(file: IO[bytes], persistent: Callable[[Any], Any]) -> Any:
    """One pickle, as plain containers of numbers, text, TensorRef, Standin and Name.

    EngineError for a call that is not in CALLS, and for a pickle that is broken.
    """
    try:
        return _Machine(persistent).run(file)
    except EngineError:
        raise
    except Exception as error:  # pickletools and a wrong stack raise what they like
        raise EngineError(
            f"broken pickle: {error or type(error).__name__}", fix="Download the file again."
        ) from error


def _refusal(called: Any) -> EngineError:
    named = called if isinstance(called, Name) else f"an object of type {type(called).__name__}"
    return EngineError(
        "refused: the file wants to run code",
        expected="nothing but tensors and plain containers",
        got=f"a call of {named}",
        fix="Do not open this file with anything else, and tell whoever gave it to you.",
    )
