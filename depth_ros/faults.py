# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Why there is no depth: each cause has a name and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from depth_ros.health import Snapshot

LOST_SHARE, LOST_OF = 0.1, 20  # losing more than this share is a fault, if so many were sent
HOLD_S = 2.0  # a fault that is away for less has not gone
LARGE_BYTES = 400_000  # about where Fast DDS's default shared memory begins to fail


@dataclass(frozen=True, slots=True)
class Fault:
    """One cause. ``stops`` means that no depth comes out because of it."""

    name: str
    text: str
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the node knows of its two inputs, beside the Snapshot."""

    image_topic: str
    info_topic: str
    image_publishers: int
    info_publishers: int
    info_needed: bool  # False where the field of view may be assumed
    info_hint: str = ""  # of a camera_info topic that does exist
    matched_age_s: float | None = None  # since an image last found its camera_info
    gap_ns: int | None = None  # between stamps that do not match
    sent: int = 0  # images that must have been sent in the last seconds
    came: int = 0  # of these
    image_bytes: int = 0
    connections: tuple[Fault, ...] = ()  # QoS and types that cannot connect
    large_advice: str = ""  # how to get large messages through this middleware


def find_faults(seen: Snapshot, inputs: Inputs, active_s: float, after_s: float) -> list[Fault]:
    """All that is wrong ``active_s`` seconds after activation, the first cause first."""
    faults = list(inputs.connections)
    if active_s >= after_s:
        faults += _image(seen, inputs, after_s)
        faults += _loss(inputs)
        faults += _camera_info(seen, inputs, after_s)
        faults += _rejected(seen, after_s)
    return faults


def _image(seen: Snapshot, inputs: Inputs, after_s: float) -> Iterator[Fault]:
    topic = inputs.image_topic
    if seen.image_age_s is not None:
        if seen.image_age_s >= after_s:
            since = f"no image on {topic} for {seen.image_age_s:.0f} s"
            yield Fault("stall", f"{since}: is the camera still running?", stops=False)
        return
    if inputs.image_publishers == 0:
        fix = "Start the camera, or remap image to its topic."
        yield Fault("no image", f"no image on {topic}: nobody publishes it. {fix}")
    elif not _explained(topic, inputs):
        who = _publishers(inputs.image_publishers)
        lost = f" If it does: {inputs.large_advice}" if inputs.large_advice else ""
        text = f"no image on {topic}, although {who}: does the camera send any?{lost}"
        yield Fault("no image", text)


def _camera_info(seen: Snapshot, inputs: Inputs, after_s: float) -> Iterator[Fault]:
    if not inputs.info_needed or _explained(inputs.info_topic, inputs):
        return
    if seen.info_age_s is None:
        why = "nobody publishes it"
        if inputs.info_publishers:
            why = f"although {_publishers(inputs.info_publishers)}"
        hint = inputs.info_hint or "Remap camera_info to the camera's, or set input.fov_deg."
        yield Fault("no camera_info", f"no camera_info on {inputs.info_topic}: {why}. {hint}")
        return
    images_come = seen.image_age_s is not None and seen.image_age_s < after_s
    matched = inputs.matched_age_s is not None and inputs.matched_age_s < after_s
    if images_come and not matched and inputs.gap_ns is not None:
        yield Fault(
            "stamps never match",
            f"stamps of {inputs.image_topic} and {inputs.info_topic} never match: the nearest are "
            f"{inputs.gap_ns / 1e6:.3f} ms apart. Set input.info to latest, or stamp both alike.",
        )


def _rejected(seen: Snapshot, after_s: float) -> Iterator[Fault]:
    lately = seen.rejected_age_s is not None and seen.rejected_age_s < after_s
    if lately and (seen.done_age_s is None or seen.done_age_s >= after_s):
        yield Fault(seen.rejection_kind, f"no usable image: {seen.rejection}")


def _loss(inputs: Inputs) -> Iterator[Fault]:
    lost = inputs.sent - inputs.came
    if inputs.sent < LOST_OF or lost < LOST_SHARE * inputs.sent:
        return
    cause = "The machine or the network is too slow for this camera."
    if inputs.large_advice and inputs.image_bytes >= LARGE_BYTES:
        cause = inputs.large_advice
    text = (
        f"images on {inputs.image_topic} are lost on their way: only {inputs.came} of about "
        f"{inputs.sent} came in the last seconds. {cause}"
    )
    yield Fault("images lost", text, stops=False)


def _explained(topic: str, inputs: Inputs) -> bool:
    return any(fault.name.endswith(f" {topic}") for fault in inputs.connections)


def _publishers(count: int) -> str:
    return "one node publishes it" if count == 1 else f"{count} nodes publish it"


def sentence(faults: Sequence[Fault]) -> str:
    """All of them in one line."""
    return " | ".join(fault.text for fault in faults)


class FaultLog:
    """Says each fault once, not each second, and once that all are gone."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}  # when each name was last there
        self._gone: list[str] = []

    def update(self, faults: Sequence[Fault], now: float) -> str | None:
        """The line to log at this second, if any."""
        new = [fault.name for fault in faults if fault.name not in self._seen]
        self._seen |= {fault.name: now for fault in faults}
        gone = [name for name, seen in self._seen.items() if now - seen >= HOLD_S]
        self._gone += [name for name in gone if name not in self._gone]
        for name in gone:
            del self._seen[name]
        if new:
            return sentence(faults)
        if self._seen or not self._gone:
            return None
        line, self._gone = "recovered from: " + ", ".join(self._gone), []
        return line
