# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Engines that have to be built, built beside the running node, by a process of low priority."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from depth_ros.config import Config, replace
from depth_ros.engines import EngineSpec, backends, choose, load_spec
from depth_ros.engines.build import key_of, needs_build, ready, shared_cache
from depth_ros.errors import DepthError
from depth_ros.network import Network, image_size, make_network, parts
from depth_ros.processes import Child
from depth_ros.share import engine_folder

NICE = 19
_PR_SET_PDEATHSIG = 1  # of prctl.h


def first_network(config: Config) -> tuple[Network, bool]:
    """The network to start with, and whether the wanted one is still to be built.

    Where it is, this is the fastest that needs no build. Raises DepthError.
    """
    if to_build(config):
        for backend in backends():
            settings = {"backend": backend, "device": "auto", "precision": "auto"}
            other = replace(config, {f"engine.{k}": v for k, v in settings.items()})
            with suppress(DepthError):
                if not any(_needs_build(other, part) for part in parts(config)):
                    return make_network(other), True
    return make_network(config), False


def to_build(config: Config) -> list[str]:
    """The parts of the wanted engine that are to be built in the background. Raises DepthError."""
    if config.engine.background == "none":
        return []
    return [p for p in parts(config) if _needs_build(config, p) and not _is_built(config, p)]


def wanted(config: Config) -> str:
    """Backend and precision that the config asks for, as people read them."""
    folder = engine_folder(config.engine.path)
    spec = EngineSpec.load(folder / "spec.json")
    names = [choose(config.engine.backend, folder / spec.weights), config.engine.precision]
    return " ".join(name for name in names if name != "auto")


def _needs_build(config: Config, part: str) -> bool:
    folder = engine_folder(config.engine.path)
    spec = EngineSpec.load(folder / "spec.json")
    spec = spec.pose if part == "pose" and spec.pose is not None else spec
    backend = choose(config.engine.backend, folder / spec.weights)
    return needs_build(spec, backend, config.engine.precision)


def _is_built(config: Config, part: str) -> bool:
    """Whether it is in the cache, or so quickly made that it is made while it is opened."""
    e, folder = config.engine, engine_folder(config.engine.path)
    spec = load_spec(folder, part, image_size(config))
    backend = choose(e.backend, folder / spec.weights)
    if e.background == "all" and e.precision != "int8":  # which needs the user's own images
        return shared_cache().find(key_of(spec, backend, e.device, e.precision)) is not None
    return ready(folder, spec, backend, e.device, e.precision, wait=False) is not None


class Build:
    """``depth_cli build`` of the missing parts, one after the other. One thread owns it.

    The process ends with that thread, however the thread ends.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._parts: Iterator[str] = iter(())
        self._child: Child | None = None

    def start(self, missing: Sequence[str]) -> None:
        """Starts anew."""
        self.stop()
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="depth_ros_build_")
        self._parts = iter(missing)
        self._next()

    def finished(self) -> bool:
        """Whether all is built now; says so once. Raises DepthError, once, if it has failed."""
        if self._child is None or self._child.running:
            return False
        child, self._child = self._child, None
        child.check()
        self._next()
        return self._child is None

    def stop(self) -> None:
        """Ends the process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def close(self) -> None:
        """Stops, and removes what the process has said."""
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def _next(self) -> None:
        part = next(self._parts, None)
        if part is not None and self._folder is not None:
            log = Path(self._folder.name) / f"{part}.log"
            self._child = Child("build in the background", _command(self._config, part), log)


def _command(config: Config, part: str) -> list[str]:
    e = config.engine
    flags = {k: getattr(e, k) for k in ("backend", "device", "precision", "width", "height")}
    flags["backend"] = wanted(config).split()[0]
    words = [word for k, v in flags.items() for word in (f"--engine.{k}", str(v))]
    me = [sys.executable, "-m", "depth_ros.swap.background", str(os.getpid())]
    return [*me, str(engine_folder(e.path).absolute()), "--part", part, *words]


def main(argv: Sequence[str]) -> int:
    """depth_cli build at low priority, for the process with the first argument's number alone."""
    with suppress(OSError, AttributeError):  # no Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(NICE)
    if os.getppid() != int(argv[0]):
        return 1  # it was gone before prctl
    from depth_ros.cli.build import add_build, run_build

    parser = argparse.ArgumentParser()
    add_build(parser)
    try:
        run_build(parser.parse_args(argv[1:]))
    except DepthError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
