# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a run comes from: fingerprints of data and commits of code, checked by hand."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.provenance import SMALL, commit, fingerprint, versions


def source(path: str) -> SourceConfig:
    return SourceConfig(kind="folder", path=path)


def test_small_data_are_their_names_sizes_and_contents(tmp_path: Path) -> None:
    (tmp_path / "set/rgb").mkdir(parents=True)
    (tmp_path / "set/rgb/b.png").write_bytes(b"12345")
    (tmp_path / "set/a.txt").write_bytes(b"xy")
    expected = hashlib.sha256(b"a.txt\x002\nxyrgb/b.png\x005\n12345").hexdigest()
    assert fingerprint(source("set"), tmp_path) == {"sha256": expected, "files": 2, "bytes": 7}
    absolute = fingerprint(source(str(tmp_path / "set")), Path("elsewhere"))
    assert absolute["sha256"] == expected
    (tmp_path / "set/a.txt").write_bytes(b"xz")
    assert fingerprint(source("set"), tmp_path)["sha256"] != expected


def test_large_data_are_their_names_and_sizes(tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(b"0" * SMALL)
    expected = hashlib.sha256(f"big.bin\0{SMALL}\n".encode()).hexdigest()
    assert fingerprint(source(str(tmp_path)), tmp_path)["sha256"] == expected
    file.rename(tmp_path / "bag.bin")
    assert fingerprint(source(str(tmp_path)), tmp_path)["sha256"] != expected


def test_a_file_alone_and_no_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "drive.mp4").write_bytes(b"abc")
    expected = hashlib.sha256(b"\x003\nabc").hexdigest()
    found = fingerprint(source("drive.mp4"), tmp_path)
    assert found == {"sha256": expected, "files": 1, "bytes": 3}
    nothing = fingerprint(source("missing"), tmp_path)
    assert nothing == {"sha256": hashlib.sha256().hexdigest(), "files": 0, "bytes": 0}


def test_linked_folders_count_once_even_in_circles(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/a").write_bytes(b"1")
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "far", tmp_path / "set/near")
    os.symlink(tmp_path / "set", tmp_path / "set/again")
    os.symlink(tmp_path / "gone", tmp_path / "set/broken")
    expected = hashlib.sha256(b"near/a\x001\n1").hexdigest()
    assert fingerprint(source("set"), tmp_path)["sha256"] == expected


def test_the_renderer_is_its_version_and_seed() -> None:
    one, same, other = (
        fingerprint(SourceConfig(kind="rendered", seed=seed), Path()) for seed in (0, 0, 1)
    )
    assert one == same
    assert one["sha256"] != other["sha256"]


def test_the_commit_says_whether_the_code_was_changed(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("no git")
    package = tmp_path / "package/part"
    package.mkdir(parents=True)
    file = package / "module.py"
    file.write_text("x = 1\n")
    assert commit(file) == "unknown"
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "one")):
        subprocess.run((git, *words), cwd=tmp_path, check=True)
    head = subprocess.run(
        (git, "rev-parse", "HEAD"), cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert commit(file) == head
    (tmp_path / "elsewhere.txt").write_text("not code")
    assert commit(file) == head
    file.write_text("x = 2\n")
    assert commit(file) == head + "+dirty"
    (package / "new.py").write_text("")
    assert commit(package / "new.py") == "unknown"


def test_versions_are_those_that_are_installed() -> None:
    import numpy

    assert versions()["numpy"] == numpy.__version__
