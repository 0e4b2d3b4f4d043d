# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a bench ran: processor, cores, the flags that matter to networks, library versions."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What decides how fast a CPU multiplies the numbers of a network, as /proc/cpuinfo names it.
FLAGS = (
    *("amx_bf16", "amx_int8", "amx_fp16", "amx_tile", "avx512_bf16", "avx512_fp16"),
    *("avx512_vnni", "avx_vnni", "avx512f", "avx2", "asimddp", "i8mm", "bf16", "sve"),
)
LIBRARIES = (
    *("openvino", "onnxruntime", "onnxruntime-gpu", "torch", "tensorrt", "tensorrt_rtx"),
    *("onnx", "numpy", "opencv-python", "opencv-python-headless"),
)


def machine() -> dict[str, Any]:
    """What a reader needs to compare the numbers with those of another machine."""
    from depth_ros import __version__
    from depth_ros.engines.nvidia.cuda import cuda_devices

    said = _cpuinfo()
    flags = set(said.get("flags", said.get("Features", "")).split())
    versions = {"depth_ros": __version__}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": said.get("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "gpus": cuda_devices(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rss_mb() -> float | None:
    """Resident memory of this process in MB (10^6 bytes), where the system tells (Linux)."""
    with suppress(OSError, IndexError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return None


def device_free_mb() -> float | None:
    """Free memory of the first CUDA device in MB, None where there is none."""
    from depth_ros.engines.nvidia.cuda import cuda_devices, find_device

    return find_device("auto").free_bytes() / 1e6 if cuda_devices() else None


def _cpuinfo() -> dict[str, str]:
    """What /proc/cpuinfo says of the first core."""
    with suppress(OSError):
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
        pairs = (line.partition(":") for line in first.splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}
    return {}
