# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_cli build and depth_cli cache: engines that have to be made before they can run."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, TextIO

from depth_ros.cli.cancel import Cancel
from depth_ros.cli.settings import add_flags, count
from depth_ros.config import settings

_SETTINGS = ("backend", "device", "precision", "width", "height")


def add_build(build: argparse.ArgumentParser) -> None:
    """The words of depth_cli build. Settings of the engine are flags of the same name."""
    build.add_argument("name", metavar="NAME", help="an entry of the zoo, or its folder")
    build.add_argument(
        "--source",
        metavar="CLIP",
        help="a video, folder or bag of your camera: int8 is calibrated on some of its frames, "
        "and the accuracy is measured on others",
    )
    build.add_argument(
        "--limit", type=count, default=64, metavar="N", help="frames for each (default 64)"
    )
    build.add_argument(
        "--fov", type=float, default=60.0, metavar="DEG", help="of a camera without intrinsics"
    )
    build.add_argument(
        "--max-loss",
        type=float,
        metavar="X",
        help="refuse an engine whose depth differs by more than this from fp32, as a mean share "
        "of the depth (default: by precision, and printed)",
    )
    build.add_argument("--force", action="store_true", help="make it again if it is there")
    build.add_argument("--part", choices=("depth", "pose"), default="depth", help="of the entry")
    names = {f"engine.{name}" for name in _SETTINGS}
    add_flags(build, (s for s in settings() if s.name in names), defaults=True)


def add_cache(cache: argparse.ArgumentParser) -> None:
    """The words of depth_cli cache."""
    cache.add_argument("action", choices=("list", "clear"), help="what to do with the engines")


def run_build(args: argparse.Namespace) -> None:
    """Builds, with progress on stderr and the result on stdout. Raises DepthError.

    Ctrl-C and SIGTERM end it at any moment and leave nothing behind.
    """
    from depth_ros.engines import load_spec
    from depth_ros.engines.build.making import build
    from depth_ros.share import engine_folder

    started = time.monotonic()
    engine = {name: getattr(args, f"engine.{name}") for name in _SETTINGS}
    size = (engine["width"], engine["height"]) if engine["width"] and engine["height"] else None
    folder = engine_folder(args.name)
    with Cancel() as cancel, _Line(sys.stderr, cancel) as line:
        calibration = check = None
        if args.source is not None:
            from depth_ros.proof import Calibration, Check, Clip, run_length
            from depth_ros.sources import open_source

            spec = load_spec(folder, args.part, size)
            source = open_source(args.source, fov_deg=args.fov)
            clip = Clip(source, run_length(spec), args.limit)
            calibration, check = (
                Calibration(clip, spec),
                Check(clip, engine["precision"], args.max_loss),
            )
        built = build(
            folder,
            engine["backend"],
            engine["device"],
            engine["precision"],
            part=args.part,
            size=size,
            calibration=calibration,
            check=check,
            force=args.force,
            progress=line.show,
        )
    print(summary(built, time.monotonic() - started))


def run_cache(args: argparse.Namespace) -> None:
    """Lists or clears the cache. Raises DepthError."""
    from depth_ros.engines.cache import Cache

    cache = Cache()
    if args.action == "clear":
        freed = cache.clear()
        kept = len(cache.entries())
        print(f"{_size(freed)} freed" + (f", {kept} in use and kept" if kept else ""))
        return
    entries = cache.entries()
    for entry in entries:
        print("\n".join(_described(entry)))
    total = sum(e.size for e in entries)
    print(
        f"{len(entries)} engines, {_size(total)} of {_size(cache.limit_bytes)} in {cache.folder}"
    )


def summary(built: Any, seconds: float) -> str:
    """What came of a build, as text."""
    facts = built.facts
    if built.entry is None:
        lines = [f"nothing to make: {built.path.name} is opened as it is"]
    elif built.fresh:
        lines = [f"made in {seconds:.1f} s, {_size(built.entry.size)}: {built.path}"]
    else:
        lines = [f"in the cache already, {_size(built.entry.size)}: {built.path}"]
    if "precision" in facts:
        lines.append(f"runs in {facts['precision']} on {facts['device']}")
    return "\n".join([*lines, *_accuracy(facts)])


def _accuracy(facts: dict[str, Any]) -> list[str]:
    if "abs_rel" not in facts:
        return ["accuracy not measured: add --source YOUR_CLIP"]
    lines = [
        f"against fp32, {facts['frames']} frames of {facts['clip']}: {_measures(facts)} "
        f"(AbsRel at most {facts['max_loss']:g})"
    ]
    if "truth" in facts:
        both = "; ".join(f"{name} {_measures(row)}" for name, row in facts["truth"].items())
        lines.append(f"against the truth: {both}")
    return lines


def _measures(row: dict[str, float]) -> str:
    names = {"abs_rel": "AbsRel", "delta1": "delta1"}
    return ", ".join(f"{text} {row[name]:.4f}" for name, text in names.items() if name in row)


def _described(entry: Any) -> list[str]:
    key, facts = entry.key, entry.facts
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.made))
    lines = [
        f"{key.digest[:12]}  {facts.get('network', '?')}  {key.backend} {key.precision}  "
        f"{_size(entry.size)}  made {made}",
        f"    {key.version} on {key.device}",
        f"    {key.shapes}",
    ]
    return lines + [f"    {line}" for line in _accuracy(facts) if "abs_rel" in facts]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


class _Line:
    """The progress of a build: on a terminal it rewrites itself, elsewhere it is a line for each
    step and every 5 s."""

    def __init__(self, stream: TextIO, cancel: Cancel) -> None:
        self._stream, self._cancel = stream, cancel
        self._rewrites = stream.isatty()
        self._width = 0
        self._last: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def show(self, fraction: float, text: str) -> None:
        """Shows it, if it is time to. Raises what Ctrl-C and SIGTERM raise."""
        self._cancel.check()
        # A step of ours begins without a fraction; a compiler changes its phase all the time.
        phase, now = text.split(",")[0] if fraction == 0 else "", time.monotonic()
        every_s = 0.1 if self._rewrites else 5.0
        if phase == self._last[0] and now - self._last[1] < every_s:
            return
        self._last = (phase, now)
        shown = f"{100 * fraction:3.0f} %  {text}"[:100] if 0 < fraction < 1 else text[:100]
        if self._rewrites:
            self._stream.write("\r" + shown.ljust(self._width))
            self._width = max(self._width, len(shown))
        else:
            self._stream.write(shown + "\n")
        self._stream.flush()
