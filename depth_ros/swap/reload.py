# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hot swap: new networks are opened and checked beside the worker, which then changes over.

The worker only ever exchanges one reference between two frames; the old network is freed here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from depth_ros.config import Config
from depth_ros.engines import Engine, load_spec
from depth_ros.errors import DepthError, EngineError
from depth_ros.faults import Fault
from depth_ros.network import Network, image_size, make_network
from depth_ros.share import engine_folder
from depth_ros.swap.background import Build, to_build, wanted
from depth_ros.swap.candidate import check
from depth_ros.swap.held import Held
from depth_ros.swap.watch import Watch

POLL_S = 0.5  # how often to look at the files and at the build
Answer = Callable[[bool, str], None]  # success and a sentence


class Target(Protocol):
    """What runs the networks, as Worker."""

    @property
    def config(self) -> Config:
        """The settings in use."""

    @property
    def engine(self) -> Engine:
        """The engine in use."""

    def held(self) -> tuple[Held, ...]:
        """The last few frames with the depth that they had."""

    def swap(self, network: Network, held: tuple[Held, ...] = ()) -> Network:
        """Goes on with this network, and returns the old one once it is out of use."""


class Reloader:
    """Replaces the target's network when asked to, when its files change, when it is built.

    It has a thread of its own, until close(). That thread keeps the process's priority, because
    the threads that inference libraries start in it, and later compute in, would inherit a lower
    one for good. ``missing`` says that the target runs another engine than the wanted one, which
    is to be built. ``tell`` is called with what has come of a reload; request() may be called from
    any thread.
    """

    def __init__(
        self, config: Config, target: Target, tell: Answer, missing: bool = False
    ) -> None:
        self._config, self._target, self._tell = config, target, tell
        self._watch = Watch(engine_folder(config.engine.path)) if config.engine.watch else None
        self._build = Build(config)
        self._missing = missing
        self._swaps, self._refusal, self._failure, self._building = 0, "", "", ""
        self._asked: list[Answer] = []
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="reloader")
        self._thread.start()

    def request(self, answer: Answer) -> None:
        """Reloads, and answers when that is done. All who ask during a reload share the next."""
        with self._changed:
            closing = self._closing
            if not closing:
                self._asked.append(answer)
                self._changed.notify()
        if closing:
            answer(False, "The node is being stopped.")

    def close(self) -> None:
        """Ends a build, waits for the end of a reload, and leaves the target alone from then."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def facts(self) -> dict[str, str]:
        """What runs, for people to read."""
        engine = self._target.engine
        return {
            "engine.network": engine.spec.network,
            "engine.backend": engine.backend,
            "engine.device": engine.device,
            "engine.precision": engine.precision,
            "engine.weights": engine.spec.sha256[:8],
            "engine.swaps": str(self._swaps),
            "engine.refused": self._refusal or "none",
            "engine.build": self._failure or self._building or "none",
        }

    def faults(self) -> list[Fault]:
        """A build that has failed, until another one succeeds."""
        failure = self._failure
        return [Fault("build failed", failure, stops=False)] if failure else []

    def _run(self) -> None:
        if self._missing:
            self._guarded(self._start_build)
        while (asked := self._wait()) is not None:
            done, said = self._guarded(self._reload if asked else self._look)
            for answer in asked:
                answer(done, said)
        self._build.close()
        for answer in self._asked:
            answer(False, "The node is being stopped.")

    def _wait(self) -> list[Answer] | None:
        """Those who ask now, perhaps nobody; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._closing, POLL_S)
            if self._closing:
                return None
            asked, self._asked = self._asked, []
            return asked

    def _guarded(self, action: Callable[[], str]) -> tuple[bool, str]:
        """Success and a sentence; both are told, if there is one."""
        try:
            said, done = action(), True
            if said:
                self._refusal = ""
        except DepthError as error:
            said, done = str(error), False
        except Exception as error:  # an inference library may raise anything
            said, done = f"{type(error).__name__}: {error}", False
        if not done and not self._closing:
            self._refusal = said
        if said:
            self._tell(done, said)
        return done, said

    def _look(self) -> str:
        if self._is_built():
            return self._replace()
        if self._watch is None or not self._watch.changed():
            return ""
        e, size = self._config.engine, image_size(self._config)
        same = load_spec(engine_folder(e.path), size=size) == self._target.engine.spec
        return "" if same else self._reload()

    def _is_built(self) -> bool:
        """Whether the build has just come to a good end; a bad one becomes a fault."""
        try:
            done = self._build.finished()
        except DepthError as error:
            self._failure = f"{self._building.partition(',')[0]} has failed: {error}"
            self._building = ""
            return False
        if done:
            self._building = ""
        return done

    def _reload(self) -> str:
        return self._start_build() if to_build(self._config) else self._replace()

    def _start_build(self) -> str:
        missing, meanwhile = to_build(self._config), self._target.engine
        if not missing:  # somebody else has built it
            return self._replace()
        self._build.start(missing)
        self._failure = ""
        self._building = f"building {wanted(self._config)}, on {meanwhile.backend} meanwhile"
        return self._building

    def _replace(self) -> str:
        target = self._target
        network = make_network(self._config)
        try:
            held = check(network, target.held(), target.engine.spec, target.config)
            if self._closing:
                raise EngineError("the node is being stopped")
            old = target.swap(network, held)
        except BaseException:
            network.close()
            raise
        old.close()
        self._swaps += 1
        self._build.stop()
        self._building = self._failure = ""
        engine = network.engine
        names = (engine.spec.network, engine.backend, engine.device, engine.precision)
        return "Reloaded: " + ", ".join(names)
