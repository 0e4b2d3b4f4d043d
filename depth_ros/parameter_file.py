# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Settings from a YAML file, written for ROS or plainly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from depth_ros.errors import ConfigError


def read_params(path: Path) -> dict[str, Any]:
    """{dotted name: value} of a ROS parameter file, or of plain YAML. Raises ConfigError."""
    try:
        import yaml

        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except ImportError:
        raise ConfigError("--params", fix="It needs PyYAML: pip install PyYAML.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}", expected="names and values", got=type(tree).__name__)
    nodes = [v["ros__parameters"] for v in tree.values() if _is_node(v)]
    flat: dict[str, Any] = {}
    for values in nodes or [tree]:
        flat.update(_flat(values))
    return flat


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("ros__parameters"), dict)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict)
        flat.update(_flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value})
    return flat
