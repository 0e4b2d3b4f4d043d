# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The summary as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(summary: Mapping[str, Any]) -> str:
    """Lines of a name and its values."""
    s = summary
    engine = s.get("engine", {})
    rows = [
        ("source", str(s["source"])),
        ("engine", " ".join(str(v) for v in engine.values()) or "unknown"),
        ("frames", _frames(s)),
        ("rate", f"{s['fps']} fps"),
        ("latency", _latency(s)),
        ("stages p50", _stages(s["stages_ms"])),
    ]
    if "abs_rel" in s:
        rows.append(("error, scaled", f"AbsRel {s['abs_rel']:.3f}  delta1 {s['delta1']:.3f}"))
        metric = f"AbsRel {s['abs_rel_metric']:.3f}  delta1 {s['delta1_metric']:.3f}"
        rows.append(("error, metric", metric))
    if "ate_m" in s:
        percent = f" ({s['ate_percent']:.1f} %)" if "ate_percent" in s else ""
        scaled = f", with scale fitted {s['ate_scaled_m']:.3f} m" if "ate_scaled_m" in s else ""
        rows.append(("ATE", f"{s['ate_m']:.3f} m of {s['path_m']:.2f} m{percent}{scaled}"))
    rows.append(("scale", "metres" if s["scale_known"] else "unknown: right up to one factor"))
    return "\n".join(f"  {name:<14} {value}" for name, value in rows)


def _frames(s: Mapping[str, Any]) -> str:
    text = f"{s['frames_in']} in, {s['frames_out']} out, {s['frames_dropped']} dropped"
    for key, word in (("frames_rejected", "rejected"), ("frames_unreadable", "unreadable")):
        text += f", {s[key]} {word}" if s.get(key) else ""
    return text


def _latency(s: Mapping[str, Any]) -> str:
    values = "  ".join(f"{k} {v:.1f}" for k, v in s["latency_ms"].items())
    return f"{values or 'none'} ms ({s.get('latency_of', 'processing')})"


def _stages(stages: Mapping[str, float]) -> str:
    total = sum(stages.values())
    if not total:
        return "unknown"
    return ", ".join(f"{k} {v:.1f} ms ({100 * v / total:.0f} %)" for k, v in stages.items())
