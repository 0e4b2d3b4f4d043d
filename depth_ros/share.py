# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where the folders are that the package ships beside its code: engines, config, launch, training.

The answer always belongs to the code that asks: a checkout in use never reads the files of an
older installation, nor the other way round.
"""

from __future__ import annotations

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


def engine_names() -> list[str]:
    """The entries of the zoo: the folders in engines/ that hold a spec.json."""
    return sorted(spec.parent.name for spec in (share_dir() / "engines").glob("*/spec.json"))


def engine_folder(name: str) -> Path:
    """The folder of a network: an entry of the zoo, or any folder that holds a spec.json.

    Raises EngineError that lists the zoo when it is neither.
    """
    names = engine_names()
    folder = share_dir() / "engines" / name if name in names else Path(name).expanduser()
    if not (folder / "spec.json").is_file():
        raise EngineError(
            "unknown network",
            expected=f"one of {', '.join(names) or 'none (the zoo is empty)'}, or a folder with "
            "a spec.json",
            got=name or "nothing",
            fix="depth_cli zoo lists what is installed.",
        )
    return folder
