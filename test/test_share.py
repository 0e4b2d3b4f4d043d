# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""share.py finds the files that belong to the code that runs, wherever that was installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from depth_ros import share
from depth_ros.errors import EngineError

ROOT = Path(__file__).resolve().parent.parent
CODE = ("__init__.py", "errors.py", "share.py")


def lay(code: Path, shipped: Path | None, entry: str = "toy") -> None:
    """Code in one folder and, elsewhere, the shipped files with one zoo entry."""
    code.mkdir(parents=True)
    for name in CODE:
        shutil.copy(ROOT / "depth_ros" / name, code)
    if shipped is not None:
        (shipped / "engines" / entry).mkdir(parents=True)
        (shipped / "engines" / entry / "spec.json").write_text("{}")
        shutil.copy(ROOT / "package.xml", shipped)


def ask(code: Path) -> list[str]:
    """What share says in a fresh interpreter that imports the code of that folder."""
    script = "from depth_ros import share; print(share.share_dir(), *share.engine_names())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(code.parent), "PATH": "/usr/bin:/bin", "DEPTH_ROS_ZOO": "/nowhere"},
        cwd=code.anchor,
        capture_output=True,
        text=True,
    )
    return done.stdout.split() if done.returncode == 0 else [done.stderr.splitlines()[-1]]


@pytest.mark.parametrize(
    "library",
    [
        "lib/python3.10/site-packages",  # pip; colcon
        "local/lib/python3.10/dist-packages",  # colcon on Ubuntu, where data stays in the prefix
        "lib/python3/dist-packages",  # Debian packages
        "",  # pip install --target
    ],
)
def test_an_installation_finds_its_own_prefix(tmp_path: Path, library: str) -> None:
    lay(tmp_path / library / "depth_ros", tmp_path / "share/depth_ros")
    assert ask(tmp_path / library / "depth_ros") == [str(tmp_path / "share/depth_ros"), "toy"]


def test_a_checkout_wins_over_an_installation_around_it(tmp_path: Path) -> None:
    lay(tmp_path / "lib/depth_ros", tmp_path / "share/depth_ros", entry="stale")
    lay(tmp_path / "src/depth_ros", tmp_path / "src", entry="fresh")
    assert ask(tmp_path / "src/depth_ros") == [str(tmp_path / "src"), "fresh"]
    assert ask(tmp_path / "lib/depth_ros") == [str(tmp_path / "share/depth_ros"), "stale"]


def test_a_linked_build_finds_the_checkout(tmp_path: Path) -> None:
    """colcon build --symlink-install imports from build/, where only single files are linked."""
    lay(tmp_path / "src/depth_ros", tmp_path / "src")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/depth_ros").symlink_to(tmp_path / "src/depth_ros")
    (tmp_path / "build/package.xml").symlink_to(tmp_path / "src/package.xml")
    assert ask(tmp_path / "build/depth_ros") == [str(tmp_path / "src"), "toy"]


def test_code_without_its_files_says_so(tmp_path: Path) -> None:
    lay(tmp_path / "lib/depth_ros", None)
    [error] = ask(tmp_path / "lib/depth_ros")
    assert error.startswith("depth_ros.errors.DepthError: the files that depth_ros ships")
    assert str(tmp_path) in error and "colcon build or pip install" in error


def test_a_zoo_entry_is_found_by_name() -> None:
    if not share.engine_names():
        pytest.skip("the zoo is empty")
    for name in share.engine_names():
        assert (share.engine_folder(name) / "spec.json").is_file()


def test_a_folder_with_a_spec_is_found_by_path(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{}")
    assert share.engine_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["no_such_network", "", "..", "/no/such/folder"])
def test_a_wrong_name_lists_the_zoo(name: str) -> None:
    with pytest.raises(EngineError, match="unknown network") as caught:
        share.engine_folder(name)
    for known in share.engine_names():
        assert known in str(caught.value)


def entry(zoo: Path, name: str) -> Path:
    (zoo / name).mkdir(parents=True)
    (zoo / name / "spec.json").write_text("{}")
    return zoo / name


@pytest.fixture
def zoos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The shipped zoo and the user's, with one entry each."""
    monkeypatch.setattr(share, "share_dir", lambda: tmp_path / "share")
    monkeypatch.setenv("DEPTH_ROS_ZOO", str(tmp_path / "own"))
    shipped, own = tmp_path / "share" / "engines", tmp_path / "own"
    entry(shipped, "shipped")
    entry(own, "imported")
    (own / ".making-x").mkdir()
    return shipped, own


def test_both_zoos_are_looked_through(zoos: tuple[Path, Path]) -> None:
    shipped, own = zoos
    assert share.zoo_dirs() == [shipped, own]
    assert share.engine_names() == ["imported", "shipped"]
    assert share.engine_folder("shipped") == shipped / "shipped"
    assert share.engine_folder("imported") == own / "imported"


def test_a_name_in_both_zoos_is_an_error_that_names_both(zoos: tuple[Path, Path]) -> None:
    folders = [entry(zoo, "twice") for zoo in zoos]
    assert share.engine_names() == ["imported", "shipped", "twice"]
    with pytest.raises(EngineError, match="two networks are called twice") as caught:
        share.engine_folder("twice")
    for folder in folders:
        assert str(folder) in str(caught.value)
        assert share.engine_folder(str(folder)) == folder
    assert share.engine_folder("shipped")  # the others are not concerned


def test_where_the_users_zoo_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("DEPTH_ROS_ZOO", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert share.user_zoo() == Path("/home/me/.local/share/depth_ros/engines")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert share.user_zoo() == Path("/data/depth_ros/engines")
    monkeypatch.setenv("DEPTH_ROS_ZOO", "~/zoo")
    assert share.user_zoo() == Path("/home/me/zoo")


def test_a_home_in_a_path_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert share.engine_folder(str(Path("~") / entry(tmp_path, "n").name)) == tmp_path / "n"
