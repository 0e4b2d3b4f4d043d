# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every setting of depth_ros: the only home of defaults, descriptions and ranges.

A dotted field name (``depth.max_m``) is the ROS parameter, the YAML key and the command-line flag.
``live`` settings may change while the node is active; the others need ``configure`` again.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from depth_ros.errors import ConfigError

Reliability = Literal["best_effort", "reliable"]
T = TypeVar("T")


def setting(
    default: T,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    live: bool = False,
) -> T:
    """A dataclass field with its description and, for numbers, its inclusive range."""
    metadata = {"text": text, "low": low, "high": high, "live": live}
    return field(default=default, metadata=metadata)


class _Checked:
    """Checks every field against its type and range when the dataclass is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(cast(Any, self)):
            if f.metadata:
                value = check(f.name, getattr(self, f.name), hints[f.name], f.metadata)
                object.__setattr__(self, f.name, value)


def check(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    """The value as its field's type, or a ConfigError that says what was expected."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(
                name, expected="one of " + ", ".join(get_args(kind)), got=repr(value)
            )
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(name, expected=f"a {kind.__name__}", got=repr(value))
    low, high = metadata["low"], metadata["high"]
    if low is not None and not (low <= value <= high and math.isfinite(value)):
        raise ConfigError(name, expected=f"{low} to {high}", got=value)
    return value


@dataclass(frozen=True, slots=True)
class EngineConfig(_Checked):
    path: str = setting(
        "fastdepth_indoor", "The network: the name of a zoo entry, or a folder with a spec.json."
    )
    backend: Literal["auto", "openvino", "onnxruntime"] = setting(
        "auto", "The inference library; auto takes the fastest that can be imported."
    )
    device: str = setting("auto", "The backend's device (CPU, GPU, ...); auto lets it choose.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto", "Arithmetic of the engine; auto takes the fastest that the device has natively."
    )
    threads: int = setting(
        0, "CPU threads for the network; 0 lets the backend choose.", low=0, high=256
    )


@dataclass(frozen=True, slots=True)
class InputConfig(_Checked):
    transport: Literal["raw", "compressed"] = setting(
        "raw", "Subscribe to image (raw) or to image/compressed (JPEG, PNG)."
    )
    reliability: Reliability = setting(
        "best_effort", "QoS reliability of the image and camera_info subscriptions."
    )
    info: Literal["latest", "exact"] = setting(
        "latest", "Pair an image with the latest camera_info, or only with one of its own stamp."
    )
    rectified: bool = setting(
        False, "The image is already rectified: use camera_info's P and do not rectify again."
    )
    fov_deg: float = setting(
        0.0,
        "Horizontal field of view to assume without camera_info, in degrees; depth is then up to "
        "scale. 0 waits for camera_info.",
        low=0.0,
        high=170.0,
    )


@dataclass(frozen=True, slots=True)
class DepthConfig(_Checked):
    encoding: Literal["32FC1", "16UC1"] = setting(
        "32FC1", "depth/image_rect in metres (32FC1) or millimetres (16UC1).", live=True
    )
    size: Literal["image", "network"] = setting(
        "image", "Size of the depth image: the camera image's, or the network's own.", live=True
    )
    min_m: float = setting(
        0.1, "Nearer depth is invalid (NaN), in metres.", low=0.0, high=1000.0, live=True
    )
    max_m: float = setting(
        50.0, "Farther depth is invalid (NaN), in metres.", low=0.0, high=1000.0, live=True
    )


@dataclass(frozen=True, slots=True)
class ColorConfig(_Checked):
    near_m: float = setting(
        0.3, "Depth at the near end of the colour map.", low=0.01, high=999.0, live=True
    )
    far_m: float = setting(
        8.0, "Depth at the far end of the colour map.", low=0.02, high=1000.0, live=True
    )


@dataclass(frozen=True, slots=True)
class PointsConfig(_Checked):
    stride: int = setting(
        2,
        "Take every n-th pixel and row of the depth image into points.",
        low=1,
        high=32,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class OdometryConfig(_Checked):
    enabled: bool = setting(True, "Estimate ego-motion when odometry, pose or TF is wanted.")
    corners: int = setting(300, "Corners to track.", low=20, high=5000)
    min_inliers: int = setting(
        15, "Fewer matching corners than this mean that tracking is lost.", low=6, high=1000
    )
    image_width: int = setting(
        320, "Corners are tracked in a grey image at most this wide, in pixels.", low=64, high=4096
    )
    still_px: float = setting(
        0.15,
        "A camera whose corners rest within this many pixels of that image for 0.1 s is standing.",
        low=0.0,
        high=2.0,
    )
    max_gap_s: float = setting(
        1.0, "After a longer gap between frames the motion is not known.", low=0.05, high=60.0
    )
    odom_frame: str = setting("odom", "Frame in which odometry, pose and TF are given.")
    publish_tf: bool = setting(
        False, "Broadcast odom -> camera on /tf (needs tf2_msgs; never a second parent)."
    )


@dataclass(frozen=True, slots=True)
class ScaleConfig(_Checked):
    source: Literal["network", "fixed"] = setting(
        "network", "Trust the network's metres, or multiply depth and motion by scale.factor."
    )
    factor: float = setting(
        1.0, "Metres per unit of the network, with source fixed.", low=1e-3, high=1e3, live=True
    )


@dataclass(frozen=True, slots=True)
class OutputConfig(_Checked):
    reliability: Reliability = setting("reliable", "QoS reliability of all publishers.")


@dataclass(frozen=True, slots=True)
class Config(_Checked):
    autostart: bool = setting(True, "Configure and activate the node by itself at start.")
    fault_after_s: float = setting(
        4.0, "Seconds without a usable input until the fault is named.", low=0.5, high=60.0
    )
    engine: EngineConfig = field(default_factory=EngineConfig)
    input: InputConfig = field(default_factory=InputConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    color: ColorConfig = field(default_factory=ColorConfig)
    points: PointsConfig = field(default_factory=PointsConfig)
    odometry: OdometryConfig = field(default_factory=OdometryConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        _Checked.__post_init__(self)
        for low, high in (("depth.min_m", "depth.max_m"), ("color.near_m", "color.far_m")):
            values = flatten(self)
            if values[low] >= values[high]:
                raise ConfigError(
                    low, expected=f"less than {high} {values[high]}", got=values[low]
                )


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the tree, as parameters.py, cli.py and the documentation list it."""

    name: str  # dotted
    kind: type  # bool, int, float or str
    choices: tuple[str, ...]
    text: str
    low: float | None
    high: float | None
    live: bool
    default: Any

    def check(self, value: Any) -> Any:
        """The value as this setting's type; ConfigError, with the dotted name, if it is not."""
        hint = Literal[self.choices] if self.choices else self.kind
        return check(self.name, value, hint, {"low": self.low, "high": self.high})


def settings(kind: type = Config, prefix: str = "") -> Iterator[Setting]:
    """All settings, in the order of the dataclasses."""
    hints = get_type_hints(kind)
    for f in dataclasses.fields(kind):
        hint, name = hints[f.name], prefix + f.name
        if dataclasses.is_dataclass(hint):
            yield from settings(cast(type, hint), name + ".")
            continue
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        m = f.metadata
        leaf = str if choices else hint
        yield Setting(name, leaf, choices, m["text"], m["low"], m["high"], m["live"], f.default)


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """The tree as {dotted name: value}."""
    flat: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        nested = dataclasses.is_dataclass(value)
        flat.update(flatten(value, f"{prefix}{f.name}.") if nested else {prefix + f.name: value})
    return flat


def from_dict(values: Mapping[str, Any]) -> Config:
    """A Config from nested mappings or dotted names; what is not named keeps its default.

    Raises ConfigError for an unknown name (with the nearest right one), a wrong type or range.
    """
    tree: dict[str, Any] = {}
    known = {s.name: s for s in settings()}
    for name, value in _dotted(values):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            fix = f"Did you mean {near[0]}?" if near else "See depth_cli params for all names."
            raise ConfigError(f"unknown parameter {name}", fix=fix)
        known[name].check(value)
        group, _, leaf = name.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[leaf] = value
    hints = get_type_hints(Config)
    built = {k: hints[k](**v) if isinstance(v, dict) else v for k, v in tree.items()}
    return Config(**built)


def replace(config: Config, changes: Mapping[str, Any]) -> Config:
    """The config with some dotted names changed."""
    return from_dict({**flatten(config), **dict(_dotted(changes))})


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
