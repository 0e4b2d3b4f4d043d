# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The few CUDA calls around TensorRT: devices, pinned memory, one stream and its graph.

The context is the primary one, which TensorRT and torch use too.
"""

from __future__ import annotations

import ctypes
import math
import re
import weakref
from collections.abc import Callable
from ctypes import byref, c_int, c_size_t, c_uint64, c_void_p
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.engines.nvidia.driver import call, library, release
from depth_ros.errors import EngineError

Array = npt.NDArray[Any]
# Constants of cuda.h.
_CAPABILITY = (75, 76)  # attributes: major, minor
_NON_BLOCKING = 1  # a stream that does not wait for the default one
_PORTABLE = 1  # pinned memory that every context may use
_THREAD_LOCAL = 1  # a capture that other threads' CUDA calls do not break


def cuda_devices() -> list[str]:
    """The names of the CUDA devices here, none where there is no driver. Makes no context."""
    return list(_devices())


def find_device(device: str) -> Device:
    """The device that ``auto``, ``cuda``, ``cuda:N`` or ``N`` means; EngineError if none does."""
    names = _devices()
    if not names:
        raise EngineError(
            "no CUDA device",
            expected="an NVIDIA GPU with its driver (libcuda.so.1)",
            got="none here",
            fix="Use another backend: openvino, onnxruntime or torch.",
        )
    matched = re.fullmatch(r"auto|cuda|(?:cuda:)?(\d+)", device.lower())
    index = int(matched[1] or 0) if matched else len(names)
    if index >= len(names):
        listed = ", ".join(f"cuda:{i} ({name})" for i, name in enumerate(names))
        raise EngineError("CUDA device", expected=f"auto, cuda or one of {listed}", got=device)
    return _device(index)


class Device:
    """A CUDA device. ``with device:`` makes it the calling thread's, as CUDA calls require."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.name = _devices()[index]
        number, context = c_int(), c_void_p()
        call("cuDeviceGet", byref(number), index)
        major, minor = (self._attribute(a, number.value) for a in _CAPABILITY)
        self.capability = (major, minor)
        call("cuDevicePrimaryCtxRetain", byref(context), number.value)
        self._context = context

    def __enter__(self) -> Device:
        call("cuCtxPushCurrent_v2", self._context)
        return self

    def __exit__(self, *_: object) -> None:
        call("cuCtxPopCurrent_v2", byref(c_void_p()))

    def free_bytes(self) -> int:
        """Memory of the device that nobody uses."""
        free, total = c_size_t(), c_size_t()
        with self:
            call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Zeros in pinned host memory, which is freed with the last array that looks at it."""
        count, address = math.prod(shape), c_void_p()
        size = count * np.dtype(dtype).itemsize
        with self:
            call("cuMemHostAlloc", byref(address), size, _PORTABLE)
        start = address.value or 0
        owner: Any = (ctypes.c_ubyte * size).from_address(start)
        weakref.finalize(owner, self._free_pinned, start).atexit = False
        array: Array = np.frombuffer(owner, dtype, count).reshape(shape)
        array.fill(0)
        return array

    def _free_pinned(self, address: int) -> None:
        with self:
            release("cuMemFreeHost", address)

    def _attribute(self, attribute: int, number: int) -> int:
        value = c_int()
        call("cuDeviceGetAttribute", byref(value), attribute, number)
        return value.value


class Memory:
    """Memory on the current device."""

    def __init__(self, size: int) -> None:
        address = c_uint64()
        call("cuMemAlloc_v2", byref(address), size)
        self.address = address.value

    def free(self) -> None:
        """Gives it back; the device must be current."""
        release("cuMemFree_v2", self.address)


class Stream:
    """A stream of the current device, and the graph captured from it if there is one."""

    def __init__(self) -> None:
        handle = c_void_p()
        call("cuStreamCreate", byref(handle), _NON_BLOCKING)
        self.handle = handle.value or 0
        self._graph: c_void_p | None = None

    @property
    def captured(self) -> bool:
        """Whether launch() has something to launch."""
        return self._graph is not None

    def upload(self, memory: Memory, host: Array) -> None:
        """Queues a copy of a pinned array to the device."""
        call("cuMemcpyHtoDAsync_v2", memory.address, host.ctypes.data, host.nbytes, self.handle)

    def download(self, host: Array, memory: Memory) -> None:
        """Queues a copy from the device to a pinned array."""
        call("cuMemcpyDtoHAsync_v2", host.ctypes.data, memory.address, host.nbytes, self.handle)

    def wait(self) -> None:
        """Until everything queued is done. Other Python threads run meanwhile."""
        call("cuStreamSynchronize", self.handle)

    def capture(self, work: Callable[[], None]) -> None:
        """Records what ``work`` queues, without running it. EngineError if it cannot be."""
        self.drop_graph()
        graph, executable = c_void_p(), c_void_p()
        call("cuStreamBeginCapture_v2", self.handle, _THREAD_LOCAL)
        try:
            work()
        except BaseException:
            library().cuStreamEndCapture(self.handle, byref(graph))
            _destroy_graph(graph)
            raise
        call("cuStreamEndCapture", self.handle, byref(graph))
        try:
            call("cuGraphInstantiateWithFlags", byref(executable), graph, 0)
        finally:
            _destroy_graph(graph)
        self._graph = executable

    def launch(self) -> None:
        """Queues the captured work."""
        call("cuGraphLaunch", self._graph, self.handle)

    def drop_graph(self) -> None:
        """Frees the captured work; there may be none."""
        graph, self._graph = self._graph, None
        if graph is not None:
            release("cuGraphExecDestroy", graph)

    def free(self) -> None:
        """Frees stream and graph; the device must be current."""
        self.drop_graph()
        release("cuStreamDestroy_v2", self.handle)


@cache
def _devices() -> tuple[str, ...]:
    count, name = c_int(), ctypes.create_string_buffer(256)
    names = []
    try:
        call("cuInit", 0)
        call("cuDeviceGetCount", byref(count))
        for index in range(count.value):
            number = c_int()
            call("cuDeviceGet", byref(number), index)
            call("cuDeviceGetName", name, len(name), number.value)
            names.append(name.value.decode(errors="replace"))
    except (OSError, AttributeError, EngineError):  # no library, one too old, or no device
        return ()
    return tuple(names)


@cache
def _device(index: int) -> Device:
    """One for the process: libraries keep things in the primary context, so it stays."""
    return Device(index)


def _destroy_graph(graph: c_void_p) -> None:
    if graph.value:
        release("cuGraphDestroy", graph)
