# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The settings of view synthesis: which images explain the target, and what counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from depth_ros.schema import Checked, setting


@dataclass(frozen=True, slots=True)
class SelfSupervisedConfig(Checked):
    """What a target is explained by, and the weights of the losses; a weight of 0 costs nothing.

    Depth, poses and all lengths are metres where the network's option ``unit_m`` says what its
    unit is, and else one unknown unit.
    """

    neighbours: tuple[int, ...] = setting(
        (-1, 1), "The frames beside the target that explain it, by their distance in frames."
    )
    stereo: bool = setting(
        True, "Both images of a stereo pair are targets, and the other a source."
    )
    poses: Literal["network", "given", "mixed"] = setting(
        "network",
        "Whose ego-motion warps: the pose network's, given poses, or given ones where known.",
    )
    scales: int = setting(
        4, "How many of the network's scales learn, from the finest.", low=1, high=8
    )
    combine: Literal["minimum", "mean"] = setting(
        "minimum", "What the errors of several sources at a pixel become."
    )
    photometric: float = setting(
        1.0,
        "Weight of the photometric error; with all other weights of depth 0, only poses learn.",
        low=0.0,
        high=1e3,
    )
    ssim_share: float = setting(0.85, "Share of SSIM in it; the rest is L1.", low=0.0, high=1.0)
    auto_mask: bool = setting(
        True, "Leave out pixels that the unmoved neighbours explain at least as well."
    )
    everywhere: bool = setting(
        True, "Compare pixels out of a source's view with its repeated border, as published."
    )
    smoothness: float = setting(
        1e-3, "Weight of edge-aware smoothness of mean-normalised disparity.", low=0.0, high=1e3
    )
    smoothness_second: float = setting(
        0.0, "Share of second derivatives in the smoothness (FeatDepth: 0.5).", low=0.0, high=1e3
    )
    explainability: float = setting(
        0.0,
        "Weight of SfMLearner's masks' regulariser; above 0 masks learn along.",
        low=0.0,
        high=1e3,
    )
    icp: float = setting(
        0.0, "Weight of vid2depth's 3-D consistency of neighbouring clouds.", low=0.0, high=1e3
    )
    icp_points: int = setting(2000, "About how many points a cloud has.", low=50, high=20000)
    features: float = setting(
        0.0,
        "Weight of FeatDepth's feature-metric loss; above 0 features learn along.",
        low=0.0,
        high=1e3,
    )
    sparse_points: float = setting(
        0.0, "Weight of points triangulated from corners that are followed.", low=0.0, high=1e3
    )
    velocity: float = setting(
        0.0, "Weight of the known length of a motion (PackNet).", low=0.0, high=1e3
    )
    pose: float = setting(
        0.0, "Weight of known poses as truth for the pose network.", low=0.0, high=1e3
    )
    pose_metres_per_radian: float = setting(
        10.0, "How many metres of error weigh as much as a radian.", low=0.0, high=1e4
    )
    pose_photometric: float = setting(
        0.0,
        "Weight of what the pose network's own motion explains where given poses warp.",
        low=0.0,
        high=1e3,
    )
    pose_reverse_chance: float = setting(
        0.25, "How often a pair with a known pose is shown backwards.", low=0.0, high=1.0
    )
    pose_share: float = setting(
        1.0, "The share of the pairs with known poses that a step learns.", low=0.01, high=1.0
    )
    pose_skip: bool = setting(
        True, "Known poses between the first and last frame of an example are learnt, too."
    )
    stereo_consistency: float = setting(
        0.0, "Weight of left-right consistency of both images' disparities.", low=0.0, high=1e3
    )
    consistency: float = setting(
        0.0, "Weight of neighbouring depths' agreement (SC-SfMLearner).", low=0.0, high=1e3
    )
    proxy: float = setting(
        0.0, "Weight of stereo matching as a hint, where it explains more.", low=0.0, high=1e3
    )
    start_depth_m: float = setting(
        10.0,
        "The depth that the network says before the first step; 0 leaves it.",
        low=0.0,
        high=1e4,
    )
    flip_chance: float = setting(0.5, "How often an example is mirrored.", low=0.0, high=1.0)
    zoom: float = setting(1.0, "The smallest crop, as a share of the image.", low=0.2, high=1.0)
    jitter_chance: float = setting(
        0.5, "How often the networks see other colours.", low=0.0, high=1.0
    )
    brightness: float = setting(0.2, "The most that brightness changes by.", low=0.0, high=1.0)
    contrast: float = setting(0.2, "The most that contrast changes by.", low=0.0, high=1.0)
    saturation: float = setting(0.2, "The most that saturation changes by.", low=0.0, high=1.0)
    hue: float = setting(
        0.1, "The most that hue turns, as a share of a full turn.", low=0.0, high=0.5
    )
    grey_chance: float = setting(0.0, "How often the networks see grey.", low=0.0, high=1.0)
    still_m: float = setting(
        0.0,
        "A neighbour that is known to have moved less than this is no source.",
        low=0.0,
        high=1e3,
    )
    cache_mb: int = setting(512, "Memory for decoded images, for each process.", low=0, high=10**6)
    crop: Literal["none", "garg", "eigen"] = setting(
        "none", "The part of the truth that validation looks at."
    )
    fov_deg: float = setting(
        60.0, "Horizontal field of view of images whose camera is unknown.", low=1.0, high=170.0
    )
    cap_m: float = setting(80.0, "The farthest truth that validation looks at.", low=0.0, high=1e6)
