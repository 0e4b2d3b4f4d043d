# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a frame costs: the engine, each stage and, on real topics, the node against bare rclpy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from depth_ros.bench.stages import time_stages
from depth_ros.config import Config
from depth_ros.errors import DepthError

__all__ = ["run_bench", "time_stages"]


def run_bench(
    config: Config,
    say: Callable[[str], None],
    *,
    frames: int,
    ros: bool,
    rate_hz: float,
    seconds: float,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Times ``frames`` frames of 640x480 without ROS, then with ``ros`` the node on topics.

    Says the tables as it goes; returns, and writes to ``json_file``, all the numbers: milliseconds
    unless the name says otherwise.
    """
    numbers: dict[str, Any] = {"pipeline": time_stages(config, frames)}
    engine = numbers["pipeline"]["engine"]
    say(f"{engine['network']}, {engine['backend']} {engine['precision']}, 640x480")
    say(_header())
    for stage, times in numbers["pipeline"]["stages_ms"].items():
        say(_row(stage, times))
    if ros:
        from depth_ros.bench.topics import time_topics

        numbers["topics"] = time_topics(config, rate_hz, seconds)
        _say_topics(numbers, say)
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise DepthError(f"cannot write {json_file}: {error}") from error
    return numbers


def _say_topics(numbers: dict[str, Any], say: Callable[[str], None]) -> None:
    topics = numbers["topics"]
    bare, node = topics["bare"], topics["node"]
    say(f"\nstamp to publish, camera at {topics['rate_hz']:g} Hz for {topics['seconds']:g} s")
    say(_header())
    say(_row("bare rclpy", bare["latency_ms"]))
    say(_row("node", node["latency_ms"]))
    say(_row("first quarter", node["first_quarter_ms"]))
    say(_row("last quarter", node["last_quarter_ms"]))
    engine_p50 = numbers["pipeline"]["stages_ms"]["engine"]["p50"]
    ratio = node["latency_ms"]["p50"] / (engine_p50 + bare["latency_ms"]["p50"])
    numbers["ratio"] = round(ratio, 3)
    say(f"\n  node p50 is {ratio:.2f} times (engine p50 + bare p50)")
    say(f"  the engine's p50 within the node: {node['stages_ms'].get('engine', 0):.2f} ms")
    say(
        "  received {received} = published {published} + dropped {dropped} + rejected {rejected}: "
        "{exact}".format(**node["count"])
    )
    say(f"  camera sent {node['sent']}; depth images recorded {node['recorded']}")
    say(f"  resident memory of the node {node['rss_mb']:.0f} MB at most")
    say(f"  first depth {node['first_depth_s']:.2f} s after the start of the process")


def _header() -> str:
    return f"  {'ms':<16}{'p50':>9}{'p95':>9}{'p99':>9}"


def _row(name: str, times: Mapping[str, float]) -> str:
    return f"  {name:<16}" + "".join(f"{times[p]:>9.2f}" for p in ("p50", "p95", "p99"))
