# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What each named protocol does to predictions before it compares them, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from depth_ros.errors import ConfigError
from depth_ros.training.evaluation.crops import crop_window

Task = Literal[
    "depth", "fastdepth", "ibims", "stereo", "completion", "whdr", "ordinal", "tcc",
    "self_consistency", "stereo_scale", "ate", "ate_snippets", "kitti_odometry",
]  # fmt: skip
Resize = Literal["depth", "inverse", "nearest", "corners"]
Scale = Literal["none", "median", "sequence"] | float

_FIXED = (
    "stereo",
    "completion",
    "whdr",
    "stereo_scale",
)  # tasks without a choice of crop and scale
_RESIZE_WORDS = {
    "depth": "depth resized linearly to the truth's size",
    "inverse": "inverse depth resized linearly to the truth's size, then inverted",
    "nearest": "depth resized to the truth's size by the nearest pixel",
    "corners": "depth resized linearly, corners on corners",
}
_SCALE_WORDS = {
    "none": "no scaling: metres as predicted",
    "median": "every frame times median(truth) / median(prediction) of the judged pixels",
    "sequence": "one factor for all frames: the median of median(truth) / median(prediction)",
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a paper compares depth with truth.

    ``crop`` are the pixels that are judged, ``window`` those that the network has seen, both names
    of crops.py; truth counts where ``low_m`` < truth < ``high_m``. The order is: resize (by the
    rule ``resize``), scale, then, with ``clamp``, limit to [low_m, high_m]. ``scale`` is a rule
    or a factor. ``pool``: measures of each image are averaged, or taken over all pixels at once.
    """

    name: str
    summary: str
    task: Task = "depth"
    crop: str = "none"
    window: str = "none"
    low_m: float = 0.0
    high_m: float = math.inf
    clamp: bool = False
    resize: Resize = "depth"
    scale: Scale = "none"
    pool: Literal["image", "pixels"] = "image"

    @property
    def is_motion(self) -> bool:
        """Whether it compares trajectories and not images."""
        return self.task in ("ate", "ate_snippets", "kitti_odometry")

    @property
    def has_baseline(self) -> bool:
        """Whether it compares depth of single images, so that a constant can be judged too."""
        return not self.is_motion and self.task not in (
            "stereo",
            "completion",
            "whdr",
            "fastdepth",
        )

    def words(self) -> list[str]:
        """What is done, in the order in which it is done."""
        lines = [self.summary]
        if self.is_motion or self.task == "whdr":
            return lines
        if self.window != "none":
            lines.append(f"the network sees the window {self.window}")
        if self.task == "stereo":
            return lines
        fixed = f"every frame times {self.scale}"
        cap = "no cap" if math.isinf(self.high_m) else f"cap {self.high_m:g} m"
        if self.task == "fastdepth":
            lines.append(
                "rmse and delta1 where truth or prediction is above 0, others where known"
            )
        return [
            *lines,
            _RESIZE_WORDS[self.resize],
            f"crop {self.crop}",
            f"truth above {self.low_m:g} m, {cap}",
            _SCALE_WORDS.get(str(self.scale), fixed),
            "then clamped to these limits" if self.clamp else "not clamped",
            "averaged over images" if self.pool == "image" else "pooled over all pixels",
        ]


def _kitti(name: str, summary: str, high_m: float = 80.0, scale: Scale = "median") -> Protocol:
    return Protocol(
        name, summary, crop="garg", low_m=1e-3, high_m=high_m, clamp=True, resize="inverse",
        scale=scale,
    )  # fmt: skip


_ALL = (
    Protocol("scaled", "depth up to one factor for every frame", scale="median"),
    Protocol("metric", "depth in metres"),
    Protocol("fastdepth", "FastDepth (Wofk 2019), one image", task="fastdepth"),
    _kitti("kitti_eigen", "KITTI Eigen split, raw lidar (Eigen 2014, Garg 2016, Monodepth2)"),
    _kitti("kitti_eigen_stereo", "KITTI Eigen of networks trained on stereo", scale=5.4),
    _kitti("kitti_eigen_50", "KITTI Eigen up to 50 m", high_m=50.0),
    Protocol(
        "kitti_eigen_improved", "KITTI Eigen, improved truth (BTS, LapDepth, GLPDepth)",
        crop="garg", window="kb", low_m=1e-3, high_m=80.0, clamp=True,
    ),
    Protocol(
        "nyu", "NYUv2 test, Eigen crop", crop="nyu_eigen", low_m=1e-3, high_m=10.0, clamp=True
    ),
    Protocol(
        "nyu_full", "NYUv2 test, whole filled images (FCRN)", resize="nearest", pool="pixels"
    ),
    Protocol(
        "stclstm", "NYUv2 video (ST-CLSTM)", crop="stclstm", window="stclstm_input",
        resize="corners", pool="pixels",
    ),
    Protocol("make3d_c1", "Make3D, truth below 70 m", high_m=70.0),
    Protocol("make3d_c2", "Make3D, truth below 80 m", high_m=80.0),
    Protocol(
        "make3d_c1_self", "Make3D, truth below 70 m, of self-supervised networks",
        crop="make3d", window="make3d", high_m=70.0, resize="inverse", scale="median",
    ),
    Protocol("ibims", "iBims-1 (Koch 2018): planes, edges, directed errors", task="ibims"),
    Protocol(
        "kitti_stereo_2015", "KITTI stereo 2015: disparity in pixels, D1 (3 px and 5 %)",
        task="stereo", low_m=1e-3, high_m=80.0, clamp=True,
    ),
    Protocol("completion", "KITTI depth completion: mm and 1/km", task="completion"),
    Protocol("whdr", "share of pairs whose order in depth is wrong (DIW)", task="whdr"),
    Protocol("ordinal", "ORD of random pairs, D3R of neighbouring cells", task="ordinal",
        scale="median",
    ),
    Protocol("tcc", "temporal change consistency (ST-CLSTM)", task="tcc", scale="sequence"),
    Protocol(
        "self_consistency", "each frame against the next, through the true motion",
        task="self_consistency", scale="sequence",
    ),
    Protocol(
        "stereo_scale", "the metric scale, against depth by matching a stereo pair",
        task="stereo_scale", resize="inverse",
    ),
    Protocol("ate", "absolute trajectory error after alignment (Umeyama 1991)", task="ate"),
    Protocol("ate_snippets", "ATE of 5-frame snippets, scaled (SfMLearner)", task="ate_snippets"),
    Protocol(
        "kitti_odometry", "t_rel and r_rel over 100 to 800 m", task="kitti_odometry",
        scale="sequence",
    ),
)  # fmt: skip

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def find_protocol(name: str, *, scale: str | None = None, crop: str | None = None) -> Protocol:
    """The protocol ``name``, with another rule of scale (or a factor) or crop where given.

    Raises ConfigError for an unknown name, with the nearest one.
    """
    if name not in PROTOCOLS:
        near = get_close_matches(name, PROTOCOLS, n=1, cutoff=0.3)
        fix = f"Did you mean {near[0]}?" if near else None
        raise ConfigError("protocol", expected=", ".join(PROTOCOLS), got=name, fix=fix)
    protocol = PROTOCOLS[name]
    compares_depth = not protocol.is_motion and protocol.task not in _FIXED
    for option, given, usable in (
        ("--crop", crop, compares_depth),
        ("--scale", scale, compares_depth or protocol.task == "kitti_odometry"),
    ):
        if given is not None and not usable:
            raise ConfigError(f"{option} of {name}", expected="none: it has its own", got=given)
    if crop is not None:
        if crop not in ("nyu_eigen", "stclstm", "stclstm_input", "kb"):
            crop_window(crop, (1000, 2000))  # refuses an unknown name before any work
        protocol = replace(protocol, crop=crop)
    return protocol if scale is None else replace(protocol, scale=_scale(scale))


def _scale(text: str) -> Scale:
    if text in ("none", "median", "sequence"):
        return text  # type: ignore[return-value]
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise ConfigError("scale", expected="none, median, sequence or a factor", got=text)
    return factor
