# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli run: the pipeline on a source, with or without ROS, and its report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from depth_ros.cli.settings import add_settings, config_of, count, index
from depth_ros.config import Config


def add_run(run: argparse.ArgumentParser) -> None:
    """The words of depth_cli run."""
    run.add_argument(
        "source",
        metavar="SOURCE",
        help="a video file, a webcam's number, a folder of images (with depth/ and poses.txt "
        "where known), an MCAP file, a rosbag2 folder or a ROS 1 .bag",
    )
    run.add_argument("--out", required=True, metavar="DIR", help="folder for the report")
    run.add_argument("--ros", action="store_true", help="run a camera node and the depth node")
    run.add_argument(
        "--start", type=index, default=0, metavar="N", help="leave N frames out first"
    )
    run.add_argument("--limit", type=count, metavar="N", help="stop after N frames")
    run.add_argument(
        "--realtime",
        action="store_true",
        help="play at the source's rate and drop late frames (always so with --ros)",
    )
    run.add_argument("--rate", type=float, metavar="HZ", help="play at this rate")
    run.add_argument("--topic", help="the image topic of a bag (default: the best one)")
    run.add_argument(
        "--fov",
        type=float,
        default=60.0,
        metavar="DEG",
        help="horizontal field of view of a camera without intrinsics (default 60); depth is then "
        "up to scale",
    )
    add_settings(run)


def run_run(args: argparse.Namespace) -> None:
    """Runs it. Raises DepthError."""
    from depth_ros.live import LiveLine
    from depth_ros.report import Report, table
    from depth_ros.sources import open_source

    config, live, out = config_of(args), LiveLine(sys.stderr), Path(args.out)
    source = open_source(
        args.source,
        rate_hz=args.rate,
        fov_deg=args.fov,
        topic=args.topic,
        start=args.start,
    )
    frames = f"{source.frames} frames" if source.frames else "live"
    live.note(f"{source.name}: {frames}, {source.rate_hz:g} Hz")
    with Report(out, source) as report:
        try:
            if args.ros:
                from depth_ros.ros_job import Clip
                from depth_ros.ros_run import run_ros

                clip = Clip(args.source, source.rate_hz, args.limit, args.topic, start=args.start)
                facts = run_ros(clip, source, config, report, live)
            else:
                facts = _play(args, source, config, report, live)
        finally:
            live.end()
        summary = report.write(facts)
        print(table(summary))
        print("\n".join(f"  {file}" for file in report.files))


def _play(args: argparse.Namespace, source: Any, config: Config, report: Any, live: Any) -> Any:
    from depth_ros.pipeline import make_pipeline
    from depth_ros.play import Player

    pipeline = make_pipeline(config)
    try:
        player = Player(
            source,
            pipeline,
            limit=args.limit,
            realtime=args.realtime,
            rectified=config.input.rectified,
        )
        return player.play(report, live.update)
    finally:
        pipeline.close()
