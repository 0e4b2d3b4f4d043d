# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The engine cache, with real files, real processes and real signals."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
import logging
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from killed import killed

from depth_ros.engines.cache import HELD, Cache, Entry, Key, default_folder
from depth_ros.engines.cache.drafts import Drafts
from depth_ros.errors import EngineError

ROOT = Path(__file__).resolve().parent.parent
KEY = Key("a" * 64, "onnxruntime", "1.31", "Some CPU", "fp16", "image float32 1x3x48x64")
DATA = bytes(range(256)) * 20
KILLS = 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> Iterator[Cache]:
    cache = Cache(folder)
    yield cache
    cache.close()


def key(number: int) -> Key:
    return dataclasses.replace(KEY, version=str(number))


def make(cache: Cache, key: Key = KEY, data: bytes = DATA, **options: Any) -> Entry:
    with cache.building(key, waiting=forbidden, **options) as draft:
        file = draft.folder / "made.onnx"
        file.write_bytes(data)
        return draft.commit(file, {"network": "tiny", "abs_rel": 0.25})


def forbidden() -> None:
    raise AssertionError("the lock should be free")


def hidden(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_finds_what_was_committed(cache: Cache, folder: Path) -> None:
    assert cache.find(KEY) is None
    entry = make(cache)
    assert entry.path == folder / KEY.digest / "artefact.onnx" and entry.path.read_bytes() == DATA
    assert (entry.key, entry.size, entry.facts["abs_rel"]) == (KEY, len(DATA), 0.25)
    assert abs(entry.made - time.time()) < 60
    found = Cache(folder).find(KEY)
    assert found is not None and dataclasses.replace(found, used=0) == dataclasses.replace(
        entry, used=0
    )
    assert [e.path for e in cache.entries()] == [entry.path]
    assert not hidden(folder)


def test_only_the_owner_may_read_or_write(cache: Cache, folder: Path) -> None:
    old = os.umask(0)  # the worst one
    try:
        entry = make(Cache(folder.parent / "open"))
    finally:
        os.umask(old)
    for path, mode in ((entry.path.parent.parent, 0o700), (entry.path.parent, 0o700)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    for path in entry.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Key)])
def test_every_part_of_the_key_counts(cache: Cache, field: str) -> None:
    make(cache)
    other = dataclasses.replace(KEY, **{field: "other"})
    assert other.digest != KEY.digest and cache.find(other) is None
    assert cache.find(KEY) is not None and not cache.last_refusal


def test_a_second_build_finds_the_first(cache: Cache) -> None:
    entry = make(cache)
    with cache.building(KEY) as draft:
        assert draft.found is not None and draft.found.path == entry.path
    assert make(cache, data=b"again", force=True).path.read_bytes() == b"again"


def test_the_folder_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("DEPTH_ROS_CACHE", raising=False)
    assert default_folder() == tmp_path / "xdg" / "depth_ros" / "engines"
    monkeypatch.setenv("DEPTH_ROS_CACHE", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own" / "engines"
    monkeypatch.delenv("DEPTH_ROS_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache().folder == tmp_path / ".cache" / "depth_ros" / "engines"


def test_the_limit_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("DEPTH_ROS_CACHE_MB", "12")
    assert Cache(folder).limit_bytes == 12_000_000
    monkeypatch.setenv("DEPTH_ROS_CACHE_MB", "-1")
    with pytest.raises(EngineError, match="expected a whole number, got -1"):
        Cache(folder)
    monkeypatch.delenv("DEPTH_ROS_CACHE_MB")
    assert Cache(folder).limit_bytes == 4 << 30


# What is not whole, ours and meant is refused, removed and built again.


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def cut(path: Path, to: int) -> None:
    os.truncate(path, to if to >= 0 else path.stat().st_size + to)


def replace_by_link(path: Path) -> None:
    target = path.with_name(path.name + ".real")
    path.rename(target)
    path.symlink_to(target)


def replace_folder_by_link(entry: Path) -> None:
    other = entry.parent.parent / f"elsewhere{time.monotonic_ns()}"
    entry.rename(other)
    entry.symlink_to(other)


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def edit(entry: Path, change: Callable[[dict[str, Any]], object], *, sign: bool) -> None:
    """Changes meta.json; ``sign`` also makes its own check right, as an attacker would."""
    meta = entry / "meta.json"
    values = json.loads(meta.read_text())
    check = values.pop("check")
    change(values)
    if sign:
        check = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    meta.write_text(json.dumps({**values, "check": check}))


def set_key(values: dict[str, Any]) -> None:
    values["key"]["device"] = "Another CPU"


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "artefact empty": (lambda e: cut(e / "artefact.onnx", 0), "has 0 bytes"),
    "artefact one byte": (lambda e: cut(e / "artefact.onnx", 1), "has 1 bytes"),
    "artefact half": (lambda e: cut(e / "artefact.onnx", 2560), "has 2560 bytes"),
    "artefact all but one byte": (lambda e: cut(e / "artefact.onnx", -1), "expected 5120"),
    "artefact longer": (
        lambda e: (e / "artefact.onnx").write_bytes(DATA + b"x"),
        "has 5121 bytes",
    ),
    "first bit": (lambda e: flip(e / "artefact.onnx", 0), "another SHA-256"),
    "middle bit": (lambda e: flip(e / "artefact.onnx", 2000), "another SHA-256"),
    "last bit": (lambda e: flip(e / "artefact.onnx", -1), "another SHA-256"),
    "artefact missing": (lambda e: (e / "artefact.onnx").unlink(), "cannot open artefact.onnx"),
    "artefact a link": (lambda e: replace_by_link(e / "artefact.onnx"), "cannot open"),
    "artefact a fifo": (lambda e: replace_by_fifo(e / "artefact.onnx"), "no regular file"),
    "artefact a folder": (lambda e: replace_by_folder(e / "artefact.onnx"), "no regular file"),
    "artefact readable": (lambda e: (e / "artefact.onnx").chmod(0o644), "mode 0644"),
    "artefact writable": (lambda e: (e / "artefact.onnx").chmod(0o620), "mode 0620"),
    "meta missing": (lambda e: (e / "meta.json").unlink(), "cannot open meta.json"),
    "meta a link": (lambda e: replace_by_link(e / "meta.json"), "cannot open meta.json"),
    "meta a fifo": (lambda e: replace_by_fifo(e / "meta.json"), "no regular file"),
    "meta writable": (lambda e: (e / "meta.json").chmod(0o606), "mode 0606"),
    "meta no JSON": (lambda e: (e / "meta.json").write_text("{"), "damaged"),
    "meta a list": (lambda e: (e / "meta.json").write_text("[1]"), "damaged"),
    "meta too deep": (lambda e: (e / "meta.json").write_text("[" * 200000), "damaged"),
    "meta too long": (
        lambda e: (e / "meta.json").write_bytes(b" " * 2**21),
        "more than 1048576 bytes",
    ),
    "meta no text": (lambda e: (e / "meta.json").write_bytes(b"\xff\xfe\xfd"), "damaged"),
    "meta changed": (lambda e: edit(e, set_key, sign=False), "was changed"),
    "meta of another key": (lambda e: edit(e, set_key, sign=True), "Another CPU"),
    "meta of another format": (
        lambda e: edit(e, lambda v: v.update(format=2), sign=True),
        "format 2, expected 1",
    ),
    "meta of another artefact": (
        lambda e: edit(e, lambda v: v.update(sha256="0" * 64), sign=True),
        "another SHA-256",
    ),
    "meta incomplete": (lambda e: edit(e, lambda v: v.pop("size"), sign=True), "incomplete"),
    "meta names a file outside": (
        lambda e: edit(e, lambda v: v.update(file="../meta.json"), sign=True),
        "expected a file beside it",
    ),
    "folder writable": (lambda e: e.chmod(0o770), "mode 0770"),
    "folder a link": (replace_folder_by_link, "no folder"),
    "folder a file": (lambda e: (shutil.rmtree(e), e.write_text("x")), "no folder"),
    "folder empty": (lambda e: [p.unlink() for p in e.iterdir()], "cannot open meta.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_refuses_and_rebuilds(
    cache: Cache, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, reason = DAMAGE[damage]
    make(cache)
    spoil(folder / KEY.digest)
    with caplog.at_level(logging.WARNING):
        assert cache.find(KEY) is None
    assert reason in cache.last_refusal and reason in caplog.text
    assert not os.path.lexists(folder / KEY.digest) and not hidden(folder)
    assert make(cache).path.read_bytes() == DATA
    # The builder itself, without a look before it, does the same.
    spoil(folder / KEY.digest)
    with cache.building(KEY) as draft:
        assert draft.found is None


def test_meta_cut_anywhere_is_refused(cache: Cache, folder: Path) -> None:
    meta = make(cache).path.with_name("meta.json")
    whole = meta.read_bytes()
    for end in range(len(whole.rstrip())):
        meta.write_bytes(whole[:end])
        assert cache.find(KEY) is None, end
        shutil.rmtree(meta.parent, ignore_errors=True)
        meta.parent.mkdir(mode=0o700)
        (meta.parent / "artefact.onnx").write_bytes(DATA)
        (meta.parent / "artefact.onnx").chmod(0o600)
        meta.touch(0o600)
    meta.write_bytes(whole)
    assert cache.find(KEY) is not None  # so it was the cut that was refused


def test_an_entry_under_another_name_is_refused(cache: Cache, folder: Path) -> None:
    make(cache)
    other = key(2)
    shutil.copytree(folder / KEY.digest, folder / other.digest)
    assert {e.key for e in cache.entries()} == {KEY}
    assert cache.find(other) is None
    assert "made for another key: version '1.31', expected '2'" in cache.last_refusal
    assert cache.find(KEY) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("name", [".", "artefact.onnx", "meta.json"])
def test_an_entry_of_somebody_else_is_refused(cache: Cache, folder: Path, name: str) -> None:
    entry = make(cache).path.parent
    os.chown(entry / name, 12345, 12345)
    assert cache.find(KEY) is None and "belongs to user 12345" in cache.last_refusal
    assert make(cache).path.read_bytes() == DATA


def test_a_cache_that_others_may_write_to_is_refused(folder: Path) -> None:
    make(Cache(folder))
    for mode in (0o770, 0o702, 0o777):
        folder.chmod(mode)
        with pytest.raises(EngineError, match=rf"open to other users: mode 0{mode:o}.*chmod go-w"):
            Cache(folder)
    folder.chmod(0o755)  # others could look, which is mended
    assert Cache(folder).find(KEY) and stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.parent.chmod(0o777)
    with pytest.raises(EngineError, match="above the cache folder, may be written by everybody"):
        Cache(folder)
    folder.parent.chmod(0o1777)
    assert Cache(folder).find(KEY)
    if os.geteuid() == 0:
        os.chown(folder, 12345, -1)
        with pytest.raises(EngineError, match="belongs to user 12345"):
            Cache(folder)


def test_a_cache_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"cannot use the cache folder.*DEPTH_ROS_CACHE"):
        Cache(tmp_path / "file" / "engines")


# Size, use and removal.


def use(cache: Cache, number: int, at: float) -> None:
    """As if the entry had been used last at that time."""
    os.utime(cache.folder / key(number).digest, (at, at))


def test_evicts_the_least_recently_used(folder: Path) -> None:
    for number in range(4):
        make(Cache(folder), key(number))
    cache = Cache(folder, limit_bytes=4 * len(DATA) + 4096)
    for number, at in ((0, 300.0), (1, 100.0), (2, 400.0), (3, 200.0)):
        use(cache, number, at)
    assert [e.key.version for e in cache.entries()] == ["2", "0", "3", "1"]
    assert cache.evict() == 0
    cache.limit_bytes = 2 * len(DATA) + 2048
    assert cache.evict() > 2 * len(DATA)
    assert [e.key.version for e in cache.entries()] == ["2", "0"]
    assert Cache(folder).find(key(0))  # a look is a use
    make(cache, key(9))
    assert [e.key.version for e in cache.entries()] == ["9", "0"]


def test_never_evicts_what_is_used_or_built(folder: Path) -> None:
    for number in range(3):
        make(Cache(folder), key(number))
    user, cache = Cache(folder), Cache(folder, limit_bytes=0)
    assert user.find(key(0))
    with user.building(key(1)) as draft:
        assert draft.found
        user.close()
        assert user.find(key(0))
        cache.evict()
        assert {e.key.version for e in cache.entries()} == {"0", "1"}
        assert cache.clear() == 0
        assert draft.folder.is_dir()
    user.close()
    assert cache.clear() > 2 * len(DATA)
    assert not list(folder.iterdir())


def test_uses_end_with_the_cache_and_are_limited(folder: Path) -> None:
    user, cache = Cache(folder), Cache(folder, limit_bytes=0)
    open_files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    for number in range(HELD + 3):
        make(user, key(number))
    cache.evict()
    assert len(cache.entries()) == HELD
    del user
    gc.collect()
    cache.evict()
    assert not cache.entries()
    if open_files is not None:
        assert len(os.listdir("/proc/self/fd")) == open_files


def test_clear_removes_only_what_is_the_caches(cache: Cache, folder: Path) -> None:
    make(Cache(folder), KEY)
    make(Cache(folder), key(2)).path.unlink()  # damaged, and yet to be removed
    (folder / f".{'b' * 64}-draft").mkdir()
    (folder / f".{'b' * 64}.lock").touch()
    (folder / "notes.txt").write_text("mine")
    assert cache.clear() > len(DATA)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]


# Interruptions.


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, EngineError("no"), MemoryError])
def test_an_interrupted_build_leaves_nothing(
    cache: Cache, folder: Path, error: BaseException | type[BaseException]
) -> None:
    kind = type(error) if isinstance(error, BaseException) else error
    with pytest.raises(kind), cache.building(KEY) as draft:
        (draft.folder / "half").write_bytes(DATA)
        raise error
    assert not list(folder.iterdir())
    make(cache)


def test_a_draft_of_the_dead_is_swept(cache: Cache, folder: Path) -> None:
    for digest in (KEY.digest, key(2).digest):
        (folder / f".{digest}-dead" / "entry").mkdir(parents=True)
        (folder / f".{digest}-dead" / "entry" / "artefact.onnx").write_bytes(DATA)
        (folder / f".{digest}.lock").touch()
    assert cache.find(KEY) is None and not cache.entries()
    make(cache)
    assert [p.name for p in folder.iterdir()] == [KEY.digest]


def python(script: str, *words: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options
    )


FULL = """
import resource, sys
from pathlib import Path
from depth_ros.engines.cache import Cache, Key
from depth_ros.errors import EngineError
cache = Cache(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with cache.building(Key("a", "b", "c", "d", "e", "f")) as draft:
        (draft.folder / "x.onnx").write_bytes(b"x" * 1000)
        draft.commit(draft.folder / "x.onnx", {"long": "y" * 2000})
except EngineError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [500, 1500])  # in the artefact, in meta.json
def test_a_full_disk_is_said(folder: Path, limit: int) -> None:
    said, wrong = python(FULL, folder, limit).communicate(timeout=60)
    assert "cannot build into the cache" in said and "depth_cli cache clear" in said, wrong
    assert not list(folder.iterdir())


BUILDER = """
import sys, time
from pathlib import Path
from depth_ros.engines.cache import Cache, Key
cache = Cache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with cache.building(Key("a", "b", "c", "d", "e", "f")) as draft:
    if draft.found is None:
        print("builds", flush=True)
        time.sleep(0.2)
        (draft.folder / "x.onnx").write_bytes(b"x" * 1000)
        draft.commit(draft.folder / "x.onnx", {})
    else:
        print("found", draft.found.size, flush=True)
"""


def test_builders_at_once_do_the_work_once(folder: Path) -> None:
    builders = [python(BUILDER, folder) for _ in range(4)]
    for builder in builders:
        assert builder.stdout is not None and builder.stdout.readline() == "ready\n"
    said = []
    for builder in builders:
        assert builder.stdin is not None
        builder.stdin.write("go\n")
        builder.stdin.flush()
    for builder in builders:
        out, wrong = builder.communicate(timeout=60)
        assert builder.returncode == 0, wrong
        said.append(out)
    assert sorted(said) == ["builds\n"] + ["found 1000\n"] * 3
    assert len(Cache(folder).entries()) == 1 and not hidden(folder)


def test_one_lock_at_a_time(folder: Path) -> None:
    """Locks are removed by who held them, while others wait for the removed file."""
    drafts, inside, most, taken = Drafts(Cache(folder).folder), [0], [0], [0] * 4

    def contend(number: int) -> None:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with drafts.try_lock(KEY.digest) as ours:
                if ours:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    time.sleep(1e-4)
                    inside[0] -= 1
                    taken[number] += 1

    threads = [threading.Thread(target=contend, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and sum(taken) > 10


# Builds and builds until it is killed.
KILLED = """
import itertools, sys
from pathlib import Path
from depth_ros.engines.cache import Cache, Key
def work(first):
    cache = Cache(Path(sys.argv[1]), limit_bytes=500_000)
    for number in itertools.count(first):
        version = number % 5
        key = Key("a" * 64, "onnxruntime", str(version), "CPU", "fp16", "")
        with cache.building(key, force=number % 3 > 0) as draft:
            if draft.found is None:
                file = draft.folder / "x.onnx"
                file.write_bytes(bytes([version, number % 256]) * 50_000)
                draft.commit(file, {"number": number})
"""


def test_kill_at_any_moment_leaves_a_cache_that_works(folder: Path) -> None:
    moments, kept = random.Random(1), 0
    with killed(KILLED, folder) as kill:
        for round_ in range(KILLS):
            kill(round_, moments.uniform(0, 0.04))
            kept += survivors(folder)
    assert kept > KILLS  # they were killed while they built, and not before


def survivors(folder: Path) -> int:
    """How many whole entries there are, in a cache that can be built in."""
    kept, cache = 0, Cache(folder)
    for version in range(5):
        wanted = Key("a" * 64, "onnxruntime", str(version), "CPU", "fp16", "")
        entry = cache.find(wanted)
        if entry is not None:
            kept += 1
            number = entry.facts["number"]
            assert entry.path.read_bytes() == bytes([version, number % 256]) * 50_000
    assert not cache.last_refusal  # nothing half-made was ever to be seen
    with cache.building(wanted, force=True, waiting=forbidden) as draft:
        (draft.folder / "x.onnx").write_bytes(bytes([4, 7]) * 50_000)
        draft.commit(draft.folder / "x.onnx", {"number": 7})
    assert not hidden(folder)
    cache.close()
    return kept
