# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The settings of training on clips: what a clip is, and the weights of its losses."""

from __future__ import annotations

from dataclasses import dataclass

from depth_ros.schema import Checked, setting


@dataclass(frozen=True, slots=True)
class ClipsConfig(Checked):
    """ST-CLSTM (Zhang et al. 2019) trains with ``hu`` 1 and ``adversarial`` 0.1 alone."""

    frames: int = setting(5, "Frames of a clip.", low=1, high=64)
    frames_at_start: int = setting(
        0, "Frames of a clip in all stages but the last; 0 takes ``frames``.", low=0, high=64
    )
    stride_max: int = setting(
        2, "A clip takes every n-th frame of a recording, n drawn from 1 to this.", low=1, high=30
    )
    reverse_chance: float = setting(0.5, "How often a clip runs backwards.", low=0, high=1)
    pan_px: float = setting(
        1.5,
        "Images without neighbours in time become clips over which a window moves by up to this "
        "many of the network's pixels a frame.",
        low=0,
        high=100,
    )
    noise: float = setting(
        0.04,
        "Largest standard deviation of sensor noise, drawn anew for each frame of a clip; 1 is "
        "white. augment.noise_chance says how often there is any.",
        low=0,
        high=0.5,
    )
    flicker: float = setting(
        0.02,
        "Brightness from frame to frame: deviation of its natural logarithm.",
        low=0,
        high=1,
    )
    canonical_focal_px: float = setting(
        200.0,
        "Focal length of the camera that depth is learned for, at 256x192; other sizes keep the "
        "field of view. 0 learns metres as they are.",
        low=0,
        high=1e5,
    )
    start_depth_m: float = setting(
        2.5, "What the untrained network says everywhere, in metres.", low=0.01, high=1e3
    )
    norm_steps: int = setting(
        100,
        "Steps in which the batch norms of the recurrent part gather statistics; from then on "
        "they use these, as the running network does.",
        low=0,
        high=10**9,
    )
    burn_in: float = setting(
        0.5,
        "Weight of a clip's first frame, which knows nothing of the frames before, beside 1 for "
        "each of the others.",
        low=0,
        high=1,
    )
    hu: float = setting(
        0.0, "Weight of depth, gradient and normals of Hu et al. 2019, metres.", low=0, high=1e4
    )
    l1_log: float = setting(1.0, "Weight of the error of log depth.", low=0, high=1e4)
    si_log: float = setting(
        1.0,
        "Weight of the scale-invariant error of log depth, Eigen et al. 2014.",
        low=0,
        high=1e4,
    )
    gradient_log: float = setting(
        0.5,
        "Weight of the multi-scale gradient of log depth, Li and Snavely 2018.",
        low=0,
        high=1e4,
    )
    temporal_gradient: float = setting(
        0.0,
        "Weight of how each pixel's depth changes from frame to frame, metres.",
        low=0,
        high=1e4,
    )
    temporal_gradient_log: float = setting(
        0.0, "Weight of how each pixel's log depth changes from frame to frame.", low=0, high=1e4
    )
    consistency: float = setting(
        1.0,
        "Weight of the difference to the depth of the frame before, carried into this one by the "
        "true motion, where both see the same surface.",
        low=0,
        high=1e4,
    )
    seen_within: float = setting(
        0.05,
        "Two frames see the same surface where their true depths agree to this share.",
        low=1e-4,
        high=1,
    )
    adversarial: float = setting(
        0.0,
        "Weight of the discriminator that tells predicted clips from true ones; 0.1 in use.",
        low=0,
        high=1e4,
    )
    adversary_width: int = setting(
        16, "Channels of the discriminator's first layer.", low=2, high=256
    )
    adversary_share: float = setting(
        0.3, "The discriminator's learning rate, as a share.", low=0, high=10
    )
