# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The runtime stays light: importing it loads no inference library, no torch and no training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import depth_ros

HEAVY = {
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "rosbags",
    "scipy",
    "tensorrt",
    "torch",
    "depth_ros.training",
}
# Modules that exist to use one of those, and that the runtime imports only when it does.
ADAPTERS = (
    "depth_ros.training",
    "depth_ros.bench.eager",
    "depth_ros.bench.random_network",
    *(f"depth_ros.engines.{name}" for name in ("networks", "ov", "ort", "pt", "weights")),
    *(f"depth_ros.engines.{name}" for name in ("checkpoints", "export", "precision")),
    "depth_ros.engines.zoo.importer",
)


def loaded_by(*modules: str) -> set[str]:
    """The modules in sys.modules of a fresh interpreter after it has imported these."""
    script = f"import sys, json, {', '.join(modules)}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=Path(depth_ros.__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def runtime_modules() -> list[str]:
    """Every module of the package but the adapters, found by name, without importing any."""
    folder = Path(depth_ros.__file__).parent
    names = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [n for n in names if not n.startswith(ADAPTERS) and not n.endswith("__main__")]


def test_python_without_ros_loads_the_pipeline() -> None:
    loaded = loaded_by("depth_ros.pipeline", "depth_ros.cli", "depth_ros.sources")
    assert loaded & (HEAVY | {"rclpy", "sensor_msgs"}) == set()


def test_the_node_loads_nothing_heavy() -> None:
    pytest.importorskip("rclpy")
    assert loaded_by("depth_ros.node", "depth_ros.camera_node") & HEAVY == set()


def test_no_runtime_module_loads_anything_heavy() -> None:
    pytest.importorskip("rclpy")
    assert loaded_by(*runtime_modules()) & HEAVY == set()


def test_every_folder_with_code_is_a_package() -> None:
    """find_packages passes over a folder without __init__.py, and an installation lacks it."""
    folders = {path.parent for path in Path(depth_ros.__file__).parent.rglob("*.py")}
    assert [f for f in folders if not (f / "__init__.py").is_file()] == []
