# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Entries of the zoo: whole before and after every write, one writer at a time, nobody else's."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_preprocess import spec

from depth_ros.engines.spec import EngineSpec, TensorSpec, sha256
from depth_ros.engines.zoo import entry
from depth_ros.engines.zoo.card import new_card, with_section
from depth_ros.engines.zoo.entry import entry_name, scratch, write_entry
from depth_ros.errors import EngineError

MOTION = spec(
    network="n_pose",
    kind="motion",
    inputs=(TensorSpec("images", (1, 6, 24, 32)),),
    outputs=(TensorSpec("motion", (1, 6)),),
)


def weights(folder: Path, text: str, suffix: str = ".onnx") -> Path:
    path = folder / f"made{suffix}"
    path.write_text(text)
    return path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def check(folder: Path) -> EngineSpec:
    """The entry's spec, after a look at every file that it names."""
    found = EngineSpec.load(folder / "spec.json")
    for part in (found, found.pose):
        if part is not None:
            assert sha256(folder / part.weights) == part.sha256
    return found


def test_an_entry_is_written_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "zoo" / "n"
    first = write_entry(folder, spec(), {"depth": weights(tmp_path, "one")}, "# card\n")
    assert check(folder) == first
    assert names(folder) == ["CARD.md", f"n-{first.sha256[:8]}.onnx", "spec.json"]
    safe = weights(tmp_path, "two", ".safetensors")
    second = write_entry(folder, spec(), {"depth": safe}, None)
    assert check(folder) == second
    assert names(folder) == ["CARD.md", f"n-{second.sha256[:8]}.safetensors", "spec.json"]
    assert (folder / "CARD.md").read_text() == "# card\n"
    again = write_entry(folder, spec(gain=2.0), {"depth": safe}, None)
    assert (again.weights, check(folder).gain) == (second.weights, 2.0)


def test_a_pose_network_has_its_own_file(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    (tmp_path / "p").mkdir()
    files = {"depth": weights(tmp_path, "d"), "pose": weights(tmp_path / "p", "p")}
    write_entry(folder, spec(pose=MOTION), files, None)
    found = check(folder)
    assert found.pose is not None and found.pose.weights.startswith("n_pose-")
    write_entry(folder, spec(), {"depth": files["depth"]}, None)
    assert names(folder) == [check(folder).weights, "spec.json"]


def test_old_weights_of_any_name_go_and_the_users_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / "n.onnx").write_text("old")
    (folder / "notes.txt").write_text("mine")
    (folder / "other.onnx").write_text("mine, too")
    (folder / "n-01234567.onnx").write_text("left by a killed writer")
    (folder / "n.partial").write_text("half")
    dataclasses.replace(spec(), sha256=sha256(folder / "n.onnx")).save(folder / "spec.json")
    new = write_entry(folder, spec(), {"depth": weights(tmp_path, "new")}, None)
    assert names(folder) == [new.weights, "notes.txt", "other.onnx", "spec.json"]


def test_the_leftovers_of_a_killed_first_write_are_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    for name in ("n-01234567.onnx", "spec.json.partial", "CARD.md", ".lock"):
        (folder / name).write_text("left")
    new = write_entry(folder, spec(), {"depth": weights(tmp_path, "new")}, None)
    assert names(folder) == ["CARD.md", new.weights, "spec.json"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_text("x")
    with pytest.raises(EngineError, match=r"photos is not an entry of the zoo.*holiday\.jpg"):
        write_entry(folder, spec(), {"depth": weights(tmp_path, "new")}, "card")
    assert names(folder) == ["holiday.jpg"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(EngineError, match="cannot write the entry"):
        write_entry(tmp_path / "file", spec(), {"depth": weights(tmp_path, "new")}, None)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = Path("/proc/1/n")  # not even for root
    else:
        folder = tmp_path / "n"
        folder.mkdir()
        folder.chmod(0o500)
    with pytest.raises(EngineError, match=r"cannot write.*--out or --zoo"):
        write_entry(folder, spec(), {"depth": weights(tmp_path, "new")}, None)
    with pytest.raises(EngineError, match=r"cannot write into"), scratch(folder / "n"):
        pass


def test_another_users_entry_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "n"
    write_entry(folder, spec(), {"depth": weights(tmp_path, "one")}, None)
    before = check(folder)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(EngineError, match="belongs to another user"):
        write_entry(folder, spec(), {"depth": weights(tmp_path, "two")}, None)
    assert check(folder) == before


def test_a_disk_that_is_full_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "n"
    write_entry(folder, spec(), {"depth": weights(tmp_path, "one")}, None)
    before = check(folder)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="No space left on device"):
        write_entry(folder, spec(), {"depth": weights(tmp_path, "two")}, None)
    monkeypatch.undo()
    assert check(folder) == before
    write_entry(folder, spec(), {"depth": weights(tmp_path, "two")}, None)
    assert names(folder) == [check(folder).weights, "spec.json"]


def test_two_writers_take_turns(tmp_path: Path) -> None:
    folder, wrong = tmp_path / "n", []

    def write(kind: int) -> None:
        own = tmp_path / str(kind)
        own.mkdir()
        try:
            for i in range(25):
                write_entry(folder, spec(), {"depth": weights(own, f"{kind} {i}")}, f"{kind}")
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(kind,)) for kind in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert names(folder) == ["CARD.md", check(folder).weights, "spec.json"]


def test_a_writer_that_holds_on_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "WAIT_S", 0.1)
    refused = pytest.raises(EngineError, match="another process is writing")
    with scratch(tmp_path / "n") as holds, refused:  # it locks as a writer of an entry does
        write_entry(holds, spec(), {"depth": weights(tmp_path, "x")}, None)


def test_scratch_of_a_killed_maker_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    dead = tmp_path / ".making-dead"
    dead.mkdir()
    (dead / ".lock").write_text("")
    with scratch(tmp_path / "a") as first:
        assert not dead.exists()
        with scratch(tmp_path / "b") as second:
            assert first.is_dir() and second.is_dir() and first != second
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".x", "ä", "a b", "a\n"])
def test_names_that_are_no_folders(name: str) -> None:
    with pytest.raises(EngineError, match="name of the entry"):
        entry_name(name)
    assert entry_name("Depth-Anything_v2.1") == "Depth-Anything_v2.1"


def test_a_card_says_what_it_should_and_keeps_its_sections(tmp_path: Path) -> None:
    source = weights(tmp_path, "x", ".pth")
    card = new_card(spec(metric=False), "Imported.", {"Paper": "A | B"}, [source])
    rows = ("# n\n", "| Paper | A / B |", "unknown: ask the authors", "right up to a factor")
    for text in (*rows, "made.pth", sha256(source), "## Not measured"):
        assert text in card
    longer = with_section(card, "Export", "first")
    longer = with_section(longer + "\n## Later\n\nkept\n", "Export", "second \\1")
    assert longer.count("## Export") == 1 and "first" not in longer and "second \\1" in longer
    assert longer.startswith(card.rstrip()) and longer.endswith("## Later\n\nkept\n")


STEPS = """
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_entry import names, weights
from test_preprocess import spec
from depth_ros.engines.zoo.entry import write_entry
from depth_ros.engines.spec import EngineSpec, sha256

base, folder = Path(sys.argv[2]), Path(sys.argv[2]) / "n"
steps = ("open", "os.rename", "os.remove", "os.mkdir")
old = write_entry(folder, spec(), {"depth": weights(base, "old")}, "old")
new = weights(base, "new")
(folder / "n-00000000.onnx").write_text("left by another")
shutil.copytree(folder, base / "copy")

def die_at(step):
    left = [step]
    def hook(event, arguments):
        if event in steps:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
    sys.addaudithook(hook)

for step in range(1, 1000):
    shutil.rmtree(folder)
    shutil.copytree(base / "copy", folder)
    child = os.fork()
    if child == 0:
        die_at(step)
        write_entry(folder, spec(), {"depth": new}, "new")
        os._exit(0)
    done = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found = EngineSpec.load(folder / "spec.json")
    assert sha256(folder / found.weights) == found.sha256, step
    assert found.sha256 in (old.sha256, sha256(new)), step
    if done == 0:
        break
    write_entry(folder, spec(), {"depth": new}, "new")
    assert names(folder) == ["CARD.md", f"n-{sha256(new)[:8]}.onnx", "spec.json"], step
print(step, done, found.sha256 == sha256(new))
"""


def test_a_writer_that_dies_at_any_step_leaves_the_old_entry_or_the_new(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-W", "ignore", "-c", STEPS, here, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    steps, code, is_new = done.stdout.split()
    assert int(steps) > 15 and (code, is_new) == ("0", "True")


CHILD = """
import os, sys
from pathlib import Path
from depth_ros.engines.zoo.importer import import_network

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        options = {"encoder": [8] * 14, "decoder": [8, 8, 8, 8, 8, 1]}
        paths = sys.argv[2:] if "forth" in line else sys.argv[:1:-1]
        while True:
            for path in paths:
                import_network("fastdepth", [Path(path)], Path(sys.argv[1]), name="tiny",
                               size=(32, 32), options=options)
                if "tell" in line:
                    print("done", flush=True)
                    line = ""
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


@contextmanager
def importer(zoo: Path, *paths: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that, for each line it reads, forks one that imports over and over."""
    command = [sys.executable, "-W", "ignore", "-c", CHILD, str(zoo), *map(str, paths)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def test_kill_9_at_any_moment_of_an_import_leaves_a_zoo_that_loads(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from depth_ros.engines.networks.fastdepth import FastDepth, FastDepthConfig
    from depth_ros.engines.weights import load_network

    config = FastDepthConfig(encoder=(8,) * 14, decoder=(8, 8, 8, 8, 8, 1))
    sources = [tmp_path / "a.pth.tar", tmp_path / "b.pth.tar"]
    states = []
    for source in sources:
        network = FastDepth(config)
        torch.save({"model": network.state_dict()}, source)
        states.append(network.state_dict())
    zoo, rng = tmp_path / "zoo", random.Random(0)
    seen: set[str] = set()
    with importer(zoo, *sources) as process:
        assert process.stdin is not None and process.stdout is not None
        span = 0.0
        for kill in range(100):
            tell = kill % 10 == 0  # these are let finish one import, so that entries are replaced
            process.stdin.write(("forth", "back")[kill // 10 % 2] + " tell" * tell + "\n")
            process.stdin.flush()
            start = time.monotonic()
            lines = [process.stdout.readline().strip() for _ in range(1 + tell)]
            child = int(next(line for line in lines if line != "done"))
            span = min(0.2, time.monotonic() - start) if tell else span
            time.sleep(rng.uniform(0, span))
            os.kill(child, signal.SIGKILL)
            while process.stdout.readline().strip() != "dead":
                pass
            found = check(zoo / "tiny")
            seen.add(found.sha256)
            if kill % 10 == 0:
                _, module = load_network(zoo / "tiny", found)
                state = module.state_dict()
                assert any(all(torch.equal(state[k], v) for k, v in s.items()) for s in states)
    assert len(seen) == 2  # the kills came while it was being replaced
    write_entry(zoo / "tiny", check(zoo / "tiny"), {"depth": zoo / "tiny" / found.weights}, None)
    assert names(zoo / "tiny") == ["CARD.md", "spec.json", found.weights]
