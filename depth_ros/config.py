# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Every setting of depth_ros: the only home of defaults, descriptions and ranges.

A dotted field name (``depth.max_m``) is the ROS parameter, the YAML key and the command-line flag.
``live`` settings may change while the node is active; the others need ``configure`` again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_type_hints

from depth_ros.errors import ConfigError
from depth_ros.schema import Checked, Setting, dotted, flatten, setting, settings_of, unknown

__all__ = ["Config", "Setting", "flatten", "from_dict", "replace", "settings"]

Reliability = Literal["best_effort", "reliable"]


@dataclass(frozen=True, slots=True)
class EngineConfig(Checked):
    path: str = setting(
        "fastdepth_indoor", "The network: the name of a zoo entry, or a folder with a spec.json."
    )
    backend: Literal["auto", "tensorrt", "openvino", "onnxruntime", "torch"] = setting(
        "auto", "The inference library; auto takes the fastest that can be used here."
    )
    device: str = setting("auto", "The backend's device (CPU, GPU, ...); auto lets it choose.")
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = setting(
        "auto",
        "Arithmetic of the engine; auto takes the fastest that the device has natively, int8 has "
        "to be built first (depth_cli build).",
    )
    width: int = setting(
        0,
        "Width of the network's image, where its file is dynamic; 0 takes its own.",
        low=0,
        high=8192,
    )
    height: int = setting(0, "Height of the network's image, as width.", low=0, high=8192)
    threads: int = setting(
        0, "CPU threads for the network; 0 lets the backend choose.", low=0, high=256
    )
    watch: bool = setting(True, "Reload the network when its files change.")
    background: Literal["plans", "all", "none"] = setting(
        "plans",
        "What has to be built first is built in the background, while the fastest engine that is "
        "ready gives depth: TensorRT's plans, which take minutes; all, fp16 files too; or none.",
    )


@dataclass(frozen=True, slots=True)
class InputConfig(Checked):
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
class DepthConfig(Checked):
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
class ColorConfig(Checked):
    near_m: float = setting(
        0.3, "Depth at the near end of the colour map.", low=0.01, high=999.0, live=True
    )
    far_m: float = setting(
        8.0, "Depth at the far end of the colour map.", low=0.02, high=1000.0, live=True
    )


@dataclass(frozen=True, slots=True)
class PointsConfig(Checked):
    stride: int = setting(
        2,
        "Take every n-th pixel and row of the depth image into points.",
        low=1,
        high=32,
        live=True,
    )


@dataclass(frozen=True, slots=True)
class OdometryConfig(Checked):
    enabled: bool = setting(True, "Estimate ego-motion when odometry, pose or TF is wanted.")
    source: Literal["visual", "network"] = setting(
        "visual", "Ego-motion from corner tracks and depth, or from the entry's pose network."
    )
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
        1.0,
        "After a longer gap between frames the motion is not known, and a recurrent network "
        "starts anew.",
        low=0.05,
        high=60.0,
    )
    odom_frame: str = setting("odom", "Frame in which odometry, pose and TF are given.")
    publish_tf: bool = setting(
        False, "Broadcast odom -> camera on /tf (needs tf2_msgs; never a second parent)."
    )


@dataclass(frozen=True, slots=True)
class ScaleConfig(Checked):
    source: Literal["network", "fixed"] = setting(
        "network", "Trust the network's metres, or multiply depth and motion by scale.factor."
    )
    factor: float = setting(
        1.0, "Metres per unit of the network, with source fixed.", low=1e-3, high=1e3, live=True
    )


@dataclass(frozen=True, slots=True)
class OutputConfig(Checked):
    reliability: Reliability = setting("reliable", "QoS reliability of all publishers.")


@dataclass(frozen=True, slots=True)
class Config(Checked):
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
        Checked.__post_init__(self)
        for low, high in (("depth.min_m", "depth.max_m"), ("color.near_m", "color.far_m")):
            values = flatten(self)
            if values[low] >= values[high]:
                raise ConfigError(
                    low, expected=f"less than {high} {values[high]}", got=values[low]
                )


def settings() -> Iterator[Setting]:
    """All settings, in the order of the dataclasses."""
    return settings_of(Config)


def from_dict(values: Mapping[str, Any]) -> Config:
    """A Config from nested mappings or dotted names; what is not named keeps its default.

    Raises ConfigError for an unknown name (with the nearest right one), a wrong type or range.
    """
    tree: dict[str, Any] = {}
    known = {s.name: s for s in settings()}
    for name, value in dotted(values):
        if name not in known:
            raise unknown(name, known)
        known[name].check(value)
        group, _, leaf = name.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[leaf] = value
    hints = get_type_hints(Config)
    built = {k: hints[k](**v) if isinstance(v, dict) else v for k, v in tree.items()}
    return Config(**built)


def replace(config: Config, changes: Mapping[str, Any]) -> Config:
    """The config with some dotted names changed."""
    return from_dict({**flatten(config), **dict(dotted(changes))})
