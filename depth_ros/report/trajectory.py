# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The path of the camera against the truth: errors, and a plot where matplotlib is installed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from depth_ros import metrics
from depth_ros.frame import DepthResult, Float64
from depth_ros.sources import Item


class Trajectory:
    """Positions of the camera in the odometry's frame (x forward, y left, z up)."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._ours: list[Float64] = []
        self._truth: list[Float64] = []
        self._lost: list[bool] = []
        self._scale_known = True

    def add(self, item: Item, result: DepthResult) -> None:
        """One frame; nothing if the odometry is off."""
        if result.motion.state == "off":
            return
        self._seconds.append(result.stamp_ns * 1e-9)
        self._ours.append(result.motion.odom_from_camera[:3, 3].copy())
        unknown = np.full(3, np.nan)
        self._truth.append(unknown if item.pose is None else item.pose[:3, 3])
        self._lost.append(result.motion.state == "lost")
        self._scale_known &= result.scale_known

    def errors(self) -> dict[str, float]:
        """ate_m (aligned by a rigid motion), ate_scaled_m (by a similarity), path_m, percent."""
        ours, truth = self._compared()
        if len(ours) < 3:
            return {}
        rigid = metrics.trajectory_error(ours, truth)
        scaled = metrics.trajectory_error(ours, truth, scale=True)
        found = {
            "ate_m": rigid["rmse"],
            "ate_scaled_m": scaled["rmse"],
            "path_m": rigid["length"],
            "ate_percent": rigid["rmse_percent"],
            "odometry_scale": scaled["scale"],
        }
        return {k: round(v, 5) for k, v in found.items() if math.isfinite(v)}

    def plot(self, path: Path) -> bool:
        """Writes a PNG; False without a path or without matplotlib."""
        if len(self._ours) < 2:
            return False
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return False
        figure = Figure(figsize=(11, 5.5), layout="constrained")
        top, side = figure.subplots(1, 2, width_ratios=(1, 1))
        ours, truth, note = self._drawn()
        seconds = np.array(self._seconds) - self._seconds[0]
        _draw_top(top, ours, truth, np.array(self._lost), note)
        _draw_axes(side, seconds, ours, truth)
        figure.savefig(path, dpi=110)
        return True

    def _compared(self) -> tuple[Float64, Float64]:
        ours = np.array(self._ours).reshape(-1, 3)
        truth = np.array(self._truth).reshape(-1, 3)
        known = np.isfinite(truth).all(axis=1)
        return ours[known], truth[known]

    def _drawn(self) -> tuple[Float64, Float64 | None, str]:
        """Ours and truth (N, 3) in the odometry's frame, and how they were aligned."""
        ours, (known, truth) = np.array(self._ours), self._compared()
        if len(known) < 3:
            return ours, None, "metres" if self._scale_known else "scale unknown"
        scaled = not self._scale_known
        to_truth = metrics.align(known, truth, scale=scaled)
        factor = float(np.cbrt(np.linalg.det(to_truth[:3, :3])))
        if factor < 1e-6:  # the camera stood still, or we say so: no scale fits
            return ours, None, "scale unknown"
        back = np.linalg.inv(to_truth)
        moved = np.array(self._truth) @ back[:3, :3].T + back[:3, 3]
        error = metrics.trajectory_error(known, truth, scale=scaled)
        fitted = "position, heading and scale fitted" if scaled else "position and heading fitted"
        note = f"ATE {error['rmse']:.3f} m of {error['length']:.2f} m path, {fitted}"
        return ours * factor, moved * factor, note


def _draw_top(axes: Any, ours: Float64, truth: Float64 | None, lost: Any, note: str) -> None:
    """From above: forward is up, left is left."""
    if truth is not None:
        axes.plot(-truth[:, 1], truth[:, 0], color="0.55", linewidth=3, label="truth")
    axes.plot(-ours[:, 1], ours[:, 0], color="tab:blue", linewidth=1.5, label="depth_ros")
    axes.plot(-ours[0, 1], ours[0, 0], "o", color="tab:green", label="start")
    if lost.any():
        axes.plot(-ours[lost, 1], ours[lost, 0], "x", color="tab:red", label="lost")
    axes.set(xlabel="right (m)", ylabel="forward (m)", title=f"From above\n{note}")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_axes(axes: Any, seconds: Float64, ours: Float64, truth: Float64 | None) -> None:
    colors = {"forward": "tab:red", "left": "tab:green", "up": "tab:blue"}
    for i, (name, color) in enumerate(colors.items()):
        if truth is not None:
            axes.plot(seconds, truth[:, i], color=color, alpha=0.35, linewidth=3)
        axes.plot(seconds, ours[:, i], color=color, linewidth=1.3, label=name)
    title = "Over time (pale: truth)" if truth is not None else "Over time"
    axes.set(xlabel="time (s)", ylabel="position (m)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
