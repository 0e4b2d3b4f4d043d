# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a frame goes on from the last one."""

from __future__ import annotations

from depth_ros.errors import FrameError
from depth_ros.frame import Camera, Float32, Frame

SAME = 0.01  # intrinsics that differ by less, as a share of the width, are the same camera's


def torn(last: Frame, frame: Frame, max_gap_s: float) -> str:
    """Why the thread of motion is torn between two frames; nothing where it holds."""
    seconds = (frame.stamp_ns - last.stamp_ns) / 1e9
    if seconds < 0:
        return f"time went back by {-seconds:.3f} s"
    if seconds > max_gap_s:
        return f"no frame for {seconds:.2f} s"
    if not _same(last.camera, frame.camera):
        return "the camera or its image size changed"
    return ""


def check_depth(depth: Float32, confidence: Float32) -> None:
    """FrameError unless both are images of one shape."""
    if depth.shape != confidence.shape or depth.ndim != 2:
        raise FrameError(
            "depth for odometry",
            expected="depth and confidence of one shape (h, w)",
            got=f"{depth.shape} and {confidence.shape}",
        )


def _same(a: Camera, b: Camera) -> bool:
    if (a.width, a.height) != (b.width, b.height):
        return False
    pairs = ((a.fx, b.fx), (a.fy, b.fy), (a.cx, b.cx), (a.cy, b.cy))
    return all(abs(x - y) <= SAME * a.width for x, y in pairs)
