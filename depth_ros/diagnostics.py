# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The node's health as a message on /diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from depth_ros.faults import Fault, sentence
from depth_ros.health import Snapshot


def diagnostics(
    node: str,
    stamp: Time,
    seen: Snapshot,
    faults: Sequence[Fault],
    facts: Mapping[str, str],
    active: bool = True,
) -> DiagnosticArray:
    """One status: OK, WARN or ERROR with a sentence, all numbers, and ``facts`` such as engine."""
    level, message = DiagnosticStatus.OK, summary(seen, active)
    if faults:
        stops = any(fault.stops for fault in faults)
        level = DiagnosticStatus.ERROR if stops else DiagnosticStatus.WARN
        message = sentence(faults)
    names = ", ".join(fault.name for fault in faults) or "none"
    values = {**dict(numbers(seen)), **facts, "faults": names}
    status = DiagnosticStatus(
        level=level,
        name=f"{node}: depth",
        message=message,
        hardware_id=facts.get("engine.device", ""),
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    message_out = DiagnosticArray(status=[status])
    message_out.header.stamp = stamp
    return message_out


def summary(seen: Snapshot, active: bool) -> str:
    """What the node does while nothing is wrong."""
    if not active:
        return "not active"
    if seen.image_age_s is None:
        return "waiting for the first image"
    if seen.idle:
        return "idle: nobody subscribes to any output"
    total = seen.stages_ms.get("total")
    latency = f", {total.p50:.1f} ms after the stamp" if total else ""
    return f"depth at {seen.output_fps:.1f} fps{latency}"


def numbers(seen: Snapshot) -> Iterator[tuple[str, str]]:
    """Every number of the snapshot as text, in the order in which people read them."""
    yield "received", str(seen.received)
    yield "published", str(seen.published)
    yield "dropped", str(sum(seen.dropped.values()))
    yield "rejected", str(sum(seen.rejected.values()))
    for reason, count in sorted(seen.dropped.items()):
        yield f"dropped.{reason}", str(count)
    for reason, count in sorted(seen.rejected.items()):
        yield f"rejected.{reason}", str(count)
    yield "input.fps", f"{seen.input_fps:.2f}"
    yield "output.fps", f"{seen.output_fps:.2f}"
    yield "input.age_s", _optional(seen.image_age_s, "{:.3f}")
    yield "input.transport_ms", _optional(seen.transport_ms, "{:.2f}")
    for stage, p in seen.stages_ms.items():
        yield f"{stage}.p50_ms", f"{p.p50:.2f}"
        yield f"{stage}.p99_ms", f"{p.p99:.2f}"
    yield "scale", seen.scale
    yield "odometry", seen.odometry
    if seen.rejection:
        yield "rejected.last", seen.rejection


def _optional(value: float | None, form: str) -> str:
    return "none yet" if value is None else form.format(value)
