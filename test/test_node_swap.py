# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks that change while the node runs, over real DDS: asked for, replaced, or just built."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_tiny_engine
from lifecycle_msgs.srv import ChangeState
from ros_peer import Peer, grey, new_domain, node_and_peer, process, wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from depth_ros import messages
from depth_ros.engines import EngineSpec
from depth_ros.engines.spec import sha256

MAIN = "from depth_ros.node import main; raise SystemExit(main())"
RATE_HZ = 60.0
LEVEL = 102  # tiny_engine's depth of it is 2.6 m, with a gain of 5 it is 3 m


def install(source: Path, folder: Path, name: str) -> str:
    """Makes ``folder`` the entry ``source``, spec.json last; returns what diagnostics call it."""
    spec = EngineSpec.load(source / "spec.json")
    shutil.copy(source / spec.weights, folder / f"{name}.onnx")
    dataclasses.replace(spec, weights=f"{name}.onnx").save(folder / "new.json")
    (folder / "new.json").replace(folder / "spec.json")
    return sha256(folder / f"{name}.onnx")[:8]


def transition(peer: Peer, label: str) -> bool:
    request = ChangeState.Request()
    request.transition.label = label
    return bool(peer.call(ChangeState, "/depth_node/change_state", request).success)


def trigger(peer: Peer, name: str) -> tuple[bool, str]:
    answer = peer.call(Trigger, f"/depth_node/{name}", Trigger.Request())
    return answer.success, answer.message


class Stream:
    """A camera at a steady rate, in a thread; ``sent`` says how many images."""

    def __init__(self, peer: Peer, rate_hz: float) -> None:
        self._peer, self._period = peer, 1 / rate_hz
        self.sent = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._period):
            self._peer.send(time.time_ns(), grey(LEVEL))
            self.sent += 1


@contextmanager
def streaming(peer: Peer, rate_hz: float = RATE_HZ) -> Iterator[tuple[Stream, list[Any]]]:
    """A stream, and the depth images that come of it."""
    depth = peer.listen(Image, "depth/image_rect", 100)
    peer.camera(100)
    stream = Stream(peer, rate_hz)
    try:
        wait_until(lambda: depth)
        yield stream, depth
    finally:
        stream.stop()


def metres(depth: list[Any]) -> list[float]:
    """The one depth of each image, which must be the same everywhere."""
    found = []
    for msg in depth:
        values = messages.image_to_depth(msg)
        assert np.ptp(values) < 1e-4
        found.append(round(float(values[0, 0]), 3))
    return found


def at_rest(peer: Peer) -> tuple[int, int, int, int]:
    wait_until(lambda: len(peer.statuses) > 2 and peer.counts() == peer.counts(-2))
    return peer.counts()


def test_ten_swaps_at_60_hz_change_the_depth_and_nothing_else(
    tiny_engine: Path, tmp_path: Path
) -> None:
    entries = [shutil.copytree(tiny_engine, tmp_path / "a")]
    entries.append(write_tiny_engine(tmp_path / "b", gain=5.0))
    parameters = {"engine__watch": False, "input__reliability": "reliable"}
    with node_and_peer(tiny_engine, engine__precision="fp32", **parameters) as (_, peer):
        with streaming(peer) as (_, depth):
            for k in range(10):
                weights = install(entries[(k + 1) % 2], tiny_engine, f"swap{k}")
                done, said = trigger(peer, "reload_engine")
                assert done and "Reloaded: tiny" in said
                expected = 3.0 if k % 2 == 0 else 2.6
                seen = len(depth)
                wait_until(lambda s=seen, e=expected: e in metres(depth[s:]))
        received, published, dropped, rejected = at_rest(peer)
        assert rejected == 0 and received == published + dropped
        values = peer.values()
        assert (values["engine.swaps"], values["engine.weights"]) == ("10", weights)
        assert (values["engine.precision"], values["engine.refused"]) == ("fp32", "none")
        got = metres(depth)
        assert set(got) == {2.6, 3.0}
        assert sum(a != b for a, b in pairwise(got)) == 10
        stamps = [messages.stamp_ns(m.header.stamp) for m in depth]
        assert stamps == sorted(set(stamps))


def test_new_files_are_taken_and_bad_ones_refused_while_depth_goes_on(
    tiny_engine: Path, tmp_path: Path
) -> None:
    good = write_tiny_engine(tmp_path / "good", gain=5.0)
    bad = write_tiny_engine(tmp_path / "bad", gain=float("nan"))
    far = write_tiny_engine(tmp_path / "far", gain=30.0)
    with (
        node_and_peer(tiny_engine) as (_, peer),
        streaming(peer, 20.0) as (_, depth),
    ):
        wait_until(lambda: peer.values().get("engine.swaps") == "0")
        weights = install(good, tiny_engine, "good")
        wait_until(lambda: peer.values().get("engine.weights") == weights, 30)
        for entry, said in ((bad, "finite numbers"), (far, "factor of 2")):
            install(entry, tiny_engine, entry.name)
            wait_until(lambda s=said: s in peer.values()["engine.refused"], 30)
            seen = len(depth)
            wait_until(lambda n=seen: len(depth) > n + 2)
            assert metres(depth[seen + 1 :])[-1] == pytest.approx(3.0, rel=0.01)
            done, answer = trigger(peer, "reload_engine")
            assert not done and said in answer
        assert peer.values()["engine.weights"] == weights
        install(good, tiny_engine, "again")
        wait_until(lambda: trigger(peer, "reload_engine")[0])
        wait_until(lambda: peer.values()["engine.refused"] == "none")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of built engines of this test, and of the processes that it starts."""
    monkeypatch.setenv("DEPTH_ROS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


WANTED = {
    "engine__backend": "onnxruntime",
    "engine__precision": "fp16",
    "engine__background": "all",
}


def builder(go: Path) -> int:
    """The builder's process, 0 before there is one."""
    file = go.parent / "pid"
    return int(file.read_text(encoding="utf-8") or 0) if file.exists() else 0


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return status.rpartition(")")[2].split()[0] == "Z"  # dead, and nobody has asked for its status


@pytest.fixture
def held_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets the builder wait, once it has begun, until this file is there."""
    site = tmp_path / "site"
    site.mkdir()
    go = site / "go"
    lines = [
        "import os, pathlib, sys, time",
        "class Wait:",
        "    def find_spec(self, name, *_):",
        f"        here = pathlib.Path({str(site)!r})",
        "        if name == 'depth_ros.cli.build':",
        "            (here / 'pid').write_text(str(os.getpid()))",
        "            while not (here / 'go').exists(): time.sleep(0.02)",
        "sys.meta_path.insert(0, Wait())",
    ]
    (site / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", path)
    return go


def test_depth_comes_from_a_ready_engine_until_the_wanted_one_is_built(
    tiny_engine: Path, empty_cache: Path, held_build: Path
) -> None:
    pytest.importorskip("onnxruntime")
    with node_and_peer(tiny_engine, input__reliability="reliable", **WANTED) as (_, peer):
        with streaming(peer, 30.0) as (_, depth):
            wait_until(
                lambda: "building onnxruntime fp16" in peer.values().get("engine.build", "")
            )
            values = peer.values()
            meanwhile = values["engine.backend"], values["engine.precision"]
            assert meanwhile != ("onnxruntime", "fp16")
            assert values["engine.build"].endswith(f"on {meanwhile[0]} meanwhile")
            wait_until(lambda: len(depth) > 10)
            assert not list(empty_cache.glob("engines/*/artefact*"))
            held_build.touch()
            wait_until(lambda: peer.values()["engine.precision"] == "fp16", 60)
            values = peer.values()
            assert (values["engine.backend"], values["engine.build"]) == ("onnxruntime", "none")
            assert values["engine.swaps"] == "1" and values["faults"] == "none"
            seen = len(depth)
            wait_until(lambda: len(depth) > seen + 10)
            np.testing.assert_allclose(metres(depth), 2.6, rtol=0.01)
        received, published, dropped, rejected = at_rest(peer)
        assert rejected == 0 and received == published + dropped


@pytest.mark.parametrize("end", ["killed", "failed"])
def test_a_build_that_dies_is_said_and_depth_goes_on(
    tiny_engine: Path, empty_cache: Path, held_build: Path, end: str
) -> None:
    pytest.importorskip("onnxruntime")
    with (
        node_and_peer(tiny_engine, **WANTED) as (_, peer),
        streaming(peer, 30.0) as (_, depth),
    ):
        pid = wait_until(lambda: builder(held_build))
        if end == "killed":
            os.kill(pid, signal.SIGKILL)
        else:
            empty_cache.mkdir(exist_ok=True)
            shutil.rmtree(empty_cache)
            empty_cache.write_text("no folder", encoding="utf-8")
            held_build.touch()
        said = peer.fault("building onnxruntime fp16 has failed", 60)
        assert ("ended with -9" in said) == (end == "killed")
        assert peer.values()["faults"] == "build failed"
        assert peer.values()["engine.build"] in said
        seen = len(depth)
        wait_until(lambda: len(depth) > seen + 10)
        if end == "killed":
            held_build.touch()
            done, answer = trigger(peer, "reload_engine")
            assert done and "building onnxruntime fp16" in answer
            wait_until(lambda: peer.values()["engine.precision"] == "fp16", 60)
            wait_until(lambda: peer.values()["faults"] == "none")


def test_the_build_has_low_priority_and_ends_with_the_node(
    tiny_engine: Path, empty_cache: Path, held_build: Path
) -> None:
    pytest.importorskip("onnxruntime")
    with node_and_peer(tiny_engine, **WANTED):
        pid = wait_until(lambda: builder(held_build))
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert is_gone(pid)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_build_outlives_the_nodes_process(
    tiny_engine: Path, empty_cache: Path, held_build: Path, how: signal.Signals
) -> None:
    pytest.importorskip("onnxruntime")
    values = {"engine__path": tiny_engine, **WANTED}
    words = [w for k, v in values.items() for w in ("-p", f"{k.replace('__', '.')}:={v}")]
    path = f"os.environ['PYTHONPATH'] += os.pathsep + {str(held_build.parent)!r}"
    with process(new_domain(), f"import os; {path}; {MAIN}", "--ros-args", *words) as node:
        pid = wait_until(lambda: builder(held_build), 40)
        assert not is_gone(pid)
        node.send_signal(how)
        said, _ = node.communicate(timeout=40)
        assert node.returncode == (0 if how == signal.SIGINT else -signal.SIGKILL), said
        assert "Traceback" not in said
        wait_until(lambda: is_gone(pid))


def test_the_node_can_be_stopped_during_a_reload(tiny_engine: Path) -> None:
    with node_and_peer(tiny_engine, engine__watch=False) as (_, peer):
        assert trigger(peer, "reload_engine")[0]
        client = peer.node.create_client(Trigger, "/depth_node/reload_engine")
        assert client.wait_for_service(10)
        for round_ in range(3):
            answers = [client.call_async(Trigger.Request()) for _ in range(3)]
            time.sleep(0.01 * round_)
            assert transition(peer, "deactivate")
            wait_until(lambda a=answers: all(f.done() for f in a), 30)
            assert all(f.result().success for f in answers)
            answers = [client.call_async(Trigger.Request()) for _ in range(3)]
            assert transition(peer, "cleanup")
            wait_until(lambda a=answers: all(f.done() for f in a), 30)
            said = {f.result().message for f in answers if not f.result().success}
            assert all("not configured" in s or "being stopped" in s for s in said)
            assert "reloader" not in [t.name for t in threading.enumerate()]
            assert transition(peer, "configure") and transition(peer, "activate")
        depth = peer.listen(Image, "depth/image_rect")
        peer.camera()
        wait_until(lambda: (peer.send(time.time_ns(), grey(LEVEL)), depth)[1])
