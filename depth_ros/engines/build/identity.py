# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which backend, in which version, on which device: a part of the cache's key.

Nothing heavy is imported to find out.
"""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from depth_ros.engines.spec import EngineSpec
from depth_ros.errors import EngineError

# backend: {module: the distributions that may bring it}
_PACKAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "tensorrt": {
        "tensorrt": ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11"),
        "tensorrt_rtx": ("tensorrt_rtx", "tensorrt-rtx-cu13", "tensorrt-rtx-cu12"),
    },
    "openvino": {"openvino": ("openvino",)},
    "onnxruntime": {
        "onnxruntime": (
            "onnxruntime",
            "onnxruntime-gpu",
            "onnxruntime-openvino",
            "onnxruntime-directml",
        )
    },
    "torch": {"torch": ("torch",)},
}


def identity(backend: str, device: str) -> tuple[str, str]:
    """The backend's version and the device's name; EngineError where there is no such device."""
    return _version(backend), _device(backend, device)


def shapes(spec: EngineSpec) -> str:
    """All inputs and outputs in one line: image float32 1x3x192x256 -> log_depth ..."""
    sides = (
        ", ".join(f"{t.name} {t.dtype} {'x'.join(map(str, t.shape))}" for t in tensors)
        for tensors in (spec.inputs, spec.outputs)
    )
    return " -> ".join(sides)


def _version(backend: str) -> str:
    for module, packages in _PACKAGES.get(backend, {}).items():
        if find_spec(module) is None:
            continue
        for package in packages:
            try:
                return f"{module} {version(package)}"
            except PackageNotFoundError:
                continue
        return f"{module} {_said_by(module)}"
    raise EngineError(f"backend {backend}", expected="one that is installed", got="none here")


def _said_by(module: str) -> str:  # a package that was not installed by pip or Debian
    from importlib import import_module

    return str(getattr(import_module(module), "__version__", "unknown"))


def _device(backend: str, device: str) -> str:
    if backend == "tensorrt":
        from depth_ros.engines.nvidia.cuda import find_device

        return find_device(device).name
    if device.upper() in ("AUTO", "CPU"):
        return cpu_name()
    if backend == "openvino":
        return device
    from depth_ros.engines.nvidia.cuda import cuda_devices

    return ", ".join([device, *cuda_devices()])


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """The processor's model, or at least its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for field in ("model name", "Model", "Hardware"):
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == field and value.strip():
                return f"{value.strip()} ({platform.machine()})"
    return platform.machine() or "CPU"
