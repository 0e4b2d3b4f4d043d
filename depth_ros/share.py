# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where the folders are that the package ships beside its code: engines, config, launch, training.

The answer always belongs to the code that asks: a checkout in use never reads the files of an
older installation, nor the other way round. Beside them lie the user's own engines (user_zoo).
"""

from __future__ import annotations

import os
from pathlib import Path

from depth_ros.errors import DepthError, EngineError


def share_dir() -> Path:
    """The folder that holds engines/, config/, launch/ and training/.

    In a checkout (also through pip install -e and colcon --symlink-install) it is the repository;
    in an installation (colcon, pip, Debian; merged or isolated) it is share/depth_ros of the
    prefix that holds this module.
    """
    package = Path(__file__).resolve().parent
    if (package.parent / "package.xml").is_file():
        return package.parent
    for prefix in package.parents:
        share = prefix / "share" / "depth_ros"
        if (share / "package.xml").is_file():
            return share
    raise DepthError(
        "the files that depth_ros ships (engines, config, launch)",
        expected="share/depth_ros in a folder above the code",
        got=f"none above {package}",
        fix="Install the package whole, by colcon build or pip install.",
    )


def user_zoo() -> Path:
    """Where imported networks go: $DEPTH_ROS_ZOO, else depth_ros/engines in the user's data."""
    if zoo := os.environ.get("DEPTH_ROS_ZOO"):
        return Path(os.path.expanduser(zoo))
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(data)) / "depth_ros" / "engines"


def zoo_dirs() -> list[Path]:
    """The folders whose folders are entries: what is shipped, then the user's own."""
    return [share_dir() / "engines", user_zoo()]


def engine_folders() -> dict[str, list[Path]]:
    """The entries of the zoo by name: the folders in zoo_dirs() that hold a spec.json."""
    found: dict[str, list[Path]] = {}
    for spec in (s for zoo in zoo_dirs() for s in zoo.glob("*/spec.json")):
        found.setdefault(spec.parent.name, []).append(spec.parent)
    return dict(sorted(found.items()))


def engine_names() -> list[str]:
    """The names of the zoo's entries."""
    return list(engine_folders())


def engine_folder(name: str) -> Path:
    """The folder of a network: an entry of the zoo, or any folder that holds a spec.json.

    A name that is both shipped and the user's is an error, as is one that is nowhere: a robot must
    not run other weights than those that were meant.
    """
    entries = engine_folders()
    found = entries.get(name, [])
    if len(found) > 1:
        raise EngineError(
            f"two networks are called {name}",
            expected="one",
            got=" and ".join(map(str, found)),
            fix="Name the folder of the one that is meant, or rename your own.",
        )
    folder = found[0] if found else Path(os.path.expanduser(name))
    if not (folder / "spec.json").is_file():
        raise EngineError(
            "unknown network",
            expected=f"one of {', '.join(entries) or 'none (the zoo is empty)'}, or a folder with "
            "a spec.json",
            got=name or "nothing",
            fix="depth_cli zoo lists what is installed.",
        )
    return folder
