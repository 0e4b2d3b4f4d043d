# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the supervised method minimises: the weight of each loss, and depth's meaning."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.errors import ConfigError
from depth_ros.schema import Checked, setting


def weight(default: float, text: str) -> float:
    """A loss's weight; 0 switches it off."""
    return setting(default, f"Weight of {text}", low=0.0, high=1e4)


@dataclass(frozen=True, slots=True)
class SupervisedConfig(Checked):
    """Losses against true depth; 0 switches one off.

    Where the camera or the unit of depth is not known, an image is only seen by losses that
    ignore a factor on all depths. The others say "metric images only".
    """

    canonical_focal_px: float = setting(
        200.0,
        "Depth is learned as a camera of this focal length would see it, in pixels at 256x192 "
        "(other sizes keep the field of view); 0 learns metres as they are.",
        low=0.0,
        high=1e5,
    )
    start_depth_m: float = setting(
        2.5,
        "Depth everywhere before the first step, where nothing was loaded.",
        low=0.1,
        high=80.0,
    )
    l1_log: float = weight(1.0, "the L1 of log depth; metric images only.")
    si_log: float = weight(1.0, "the scale-invariant log error of Eigen 2014, with its root.")
    gradient_log: float = weight(0.5, "MegaDepth's multi-scale gradient of log depth.")
    l1: float = weight(0.0, "the L1 in metres (FastDepth); metric images only.")
    berhu: float = weight(0.0, "berHu in metres (Laina 2016); metric images only.")
    scale_invariant: float = weight(
        0.0, "Eigen 2014's log error at balance 0.5; metric images only."
    )
    silog: float = weight(0.0, "BTS's SILog, balance 0.85, factor 10; metric images only.")
    gradient_squared_log: float = weight(
        0.0, "Eigen and Fergus 2015's squared gradient of log depth."
    )
    gradient_normalised: float = weight(
        0.0, "LeReS's multi-scale gradient of depth without scale and shift."
    )
    hu_depth: float = weight(0.0, "ln(|e| + 0.5), e in metres (Hu 2019); metric images only.")
    hu_gradient: float = weight(0.0, "the same of Sobel's gradients; metric images only.")
    hu_normal: float = weight(0.0, "Hu 2019's normals of the depth image; metric images only.")
    ordinal: float = weight(
        0.0, "DORN's ordinal loss on bins of log depth in metres; metric images only."
    )
    pairwise_difference: float = weight(0.0, "Eigen 2014's differences of pairs of log depths.")
    ranking: float = weight(0.0, "DIW's ranking of random pairs of pixels.")
    structure_guided_ranking: float = weight(
        0.0, "Xian 2020's ranking of pairs across the image's edges."
    )
    normalised_regression: float = weight(
        0.0, "LeReS's regression of depth without scale and shift."
    )
    pairwise_normal: float = weight(
        0.0, "LeReS's angles between pairs of surfaces; metric images only."
    )
    distillation: float = weight(
        0.0, "all losses that are on against the teacher's depth, of images without truth."
    )
    teacher: str = setting("", "The zoo entry (name or folder) whose depth is distilled.")
    pairs: int = setting(
        1000, "Pairs of pixels an image, where a loss draws some.", low=1, high=10**6
    )
    bins: int = setting(80, "Bins of the ordinal loss.", low=1, high=1000)
    bins_near_m: float = setting(0.3, "The near end of the first bin.", low=1e-3, high=1e3)
    bins_far_m: float = setting(30.0, "The far end of the last bin.", low=1e-2, high=1e4)
    cache_mb: int = setting(
        1024, "Decoded images that each loader keeps in memory, in megabytes.", low=0, high=10**6
    )

    def __post_init__(self) -> None:
        Checked.__post_init__(self)
        if (self.distillation > 0) != bool(self.teacher):
            raise ConfigError(
                "distillation",
                expected="a weight above 0 and a teacher, or neither",
                got=f"{self.distillation} and {self.teacher or 'none'}",
            )
        if self.bins_near_m >= self.bins_far_m:
            raise ConfigError(
                "bins_near_m",
                expected=f"less than bins_far_m {self.bins_far_m}",
                got=self.bins_near_m,
            )
