# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The few CUDA calls around TensorRT: devices, pinned memory, one stream and its graph.

They go to the driver's own library: it is wherever a GPU can be used, under one name, on desktop
and Jetson, while libcudart's name changes with each CUDA release and neither TensorRT's packages
nor JetPack bring cuda-python. The context is the primary one, which TensorRT and torch use too.
"""

from __future__ import annotations

import ctypes
import logging
import math
import re
import weakref
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_ros.errors import EngineError

Array = npt.NDArray[Any]
_LOG = logging.getLogger(__name__)
# Constants of cuda.h.
_CAPABILITY = (75, 76)  # attributes: major, minor
_NON_BLOCKING = 1  # a stream that does not wait for the default one
_PORTABLE = 1  # pinned memory that every context may use
_THREAD_LOCAL = 1  # a capture that other threads' CUDA calls do not break
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cuInit": (c_uint,),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuCtxPushCurrent_v2": (c_void_p,),
    "cuCtxPopCurrent_v2": (POINTER(c_void_p),),
    "cuMemGetInfo_v2": (POINTER(c_size_t), POINTER(c_size_t)),
    "cuMemAlloc_v2": (POINTER(c_uint64), c_size_t),
    "cuMemFree_v2": (c_uint64,),
    "cuMemHostAlloc": (POINTER(c_void_p), c_size_t, c_uint),
    "cuMemFreeHost": (c_void_p,),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
    "cuStreamCreate": (POINTER(c_void_p), c_uint),
    "cuStreamSynchronize": (c_void_p,),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuStreamBeginCapture_v2": (c_void_p, c_int),
    "cuStreamEndCapture": (c_void_p, POINTER(c_void_p)),
    "cuGraphInstantiateWithFlags": (POINTER(c_void_p), c_void_p, c_uint64),
    "cuGraphDestroy": (c_void_p,),
    "cuGraphLaunch": (c_void_p, c_void_p),
    "cuGraphExecDestroy": (c_void_p,),
}


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
        _call("cuDeviceGet", byref(number), index)
        major, minor = (self._attribute(a, number.value) for a in _CAPABILITY)
        self.capability = (major, minor)
        _call("cuDevicePrimaryCtxRetain", byref(context), number.value)
        self._context = context

    def __enter__(self) -> Device:
        _call("cuCtxPushCurrent_v2", self._context)
        return self

    def __exit__(self, *_: object) -> None:
        _call("cuCtxPopCurrent_v2", byref(c_void_p()))

    def free_bytes(self) -> int:
        """Memory of the device that nobody uses."""
        free, total = c_size_t(), c_size_t()
        with self:
            _call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Zeros in pinned host memory, which is freed with the last array that looks at it."""
        count, address = math.prod(shape), c_void_p()
        size = count * np.dtype(dtype).itemsize
        with self:
            _call("cuMemHostAlloc", byref(address), size, _PORTABLE)
        start = address.value or 0
        owner: Any = (ctypes.c_ubyte * size).from_address(start)
        weakref.finalize(owner, self._free_pinned, start).atexit = False
        array: Array = np.frombuffer(owner, dtype, count).reshape(shape)
        array.fill(0)
        return array

    def _free_pinned(self, address: int) -> None:
        with self:
            _release("cuMemFreeHost", address)

    def _attribute(self, attribute: int, number: int) -> int:
        value = c_int()
        _call("cuDeviceGetAttribute", byref(value), attribute, number)
        return value.value


class Memory:
    """Memory on the current device."""

    def __init__(self, size: int) -> None:
        address = c_uint64()
        _call("cuMemAlloc_v2", byref(address), size)
        self.address = address.value

    def free(self) -> None:
        """Gives it back; the device must be current."""
        _release("cuMemFree_v2", self.address)


class Stream:
    """A stream of the current device, and the graph captured from it if there is one."""

    def __init__(self) -> None:
        handle = c_void_p()
        _call("cuStreamCreate", byref(handle), _NON_BLOCKING)
        self.handle = handle.value or 0
        self._graph: c_void_p | None = None

    @property
    def captured(self) -> bool:
        """Whether launch() has something to launch."""
        return self._graph is not None

    def upload(self, memory: Memory, host: Array) -> None:
        """Queues a copy of a pinned array to the device."""
        _call("cuMemcpyHtoDAsync_v2", memory.address, host.ctypes.data, host.nbytes, self.handle)

    def download(self, host: Array, memory: Memory) -> None:
        """Queues a copy from the device to a pinned array."""
        _call("cuMemcpyDtoHAsync_v2", host.ctypes.data, memory.address, host.nbytes, self.handle)

    def wait(self) -> None:
        """Until everything queued is done. Other Python threads run meanwhile."""
        _call("cuStreamSynchronize", self.handle)

    def capture(self, work: Callable[[], None]) -> None:
        """Records what ``work`` queues, without running it. EngineError if it cannot be."""
        self.drop_graph()
        graph, executable = c_void_p(), c_void_p()
        _call("cuStreamBeginCapture_v2", self.handle, _THREAD_LOCAL)
        try:
            work()
        except BaseException:
            _library().cuStreamEndCapture(self.handle, byref(graph))
            _destroy_graph(graph)
            raise
        _call("cuStreamEndCapture", self.handle, byref(graph))
        try:
            _call("cuGraphInstantiateWithFlags", byref(executable), graph, 0)
        finally:
            _destroy_graph(graph)
        self._graph = executable

    def launch(self) -> None:
        """Queues the captured work."""
        _call("cuGraphLaunch", self._graph, self.handle)

    def drop_graph(self) -> None:
        """Frees the captured work; there may be none."""
        graph, self._graph = self._graph, None
        if graph is not None:
            _release("cuGraphExecDestroy", graph)

    def free(self) -> None:
        """Frees stream and graph; the device must be current."""
        self.drop_graph()
        _release("cuStreamDestroy_v2", self.handle)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libcuda.so.1")
    for name, arguments in _SIGNATURES.items():
        getattr(library, name).argtypes = arguments
    return library


@cache
def _devices() -> tuple[str, ...]:
    count, name = c_int(), ctypes.create_string_buffer(256)
    names = []
    try:
        _call("cuInit", 0)
        _call("cuDeviceGetCount", byref(count))
        for index in range(count.value):
            number = c_int()
            _call("cuDeviceGet", byref(number), index)
            _call("cuDeviceGetName", name, len(name), number.value)
            names.append(name.value.decode(errors="replace"))
    except (OSError, AttributeError, EngineError):  # no library, one too old, or no device
        return ()
    return tuple(names)


@cache
def _device(index: int) -> Device:
    """One for the process: libraries keep things in the primary context, so it stays."""
    return Device(index)


def _call(name: str, *arguments: Any) -> None:
    code = getattr(_library(), name)(*arguments)
    if code:
        text = c_char_p()
        _library().cuGetErrorString(code, byref(text))
        raise EngineError(f"CUDA {name}: {(text.value or b'error').decode()} ({code})")


def _release(name: str, *arguments: Any) -> None:
    """Frees something; after a fault of the device nothing can be freed, which stops nobody."""
    try:
        _call(name, *arguments)
    except EngineError as error:
        _LOG.warning("%s", error)


def _destroy_graph(graph: c_void_p) -> None:
    if graph.value:
        _release("cuGraphDestroy", graph)
