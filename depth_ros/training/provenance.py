# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a run was made from: code, libraries and data; and whether that is still the same."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from depth_ros.training.config import TrainConfig
from depth_ros.training.data.source_config import SourceConfig
from depth_ros.training.render.version import RENDERER_VERSION

LIBRARIES = ("depth_ros", "torch", "numpy", "opencv-python-headless", "opencv-python")
SMALL = 1_000_000  # bytes up to which the contents of a source's files count, too


def provenance(config: TrainConfig, data: Path, processes: int, device: str) -> dict[str, Any]:
    """Plain values: the commit, versions, and a fingerprint of each source below ``data``."""
    sources = [
        {"kind": s.kind, "path": s.path, **fingerprint(s, data)}
        for s in (*config.sources, *config.validation)
    ]
    together = hashlib.sha256("\n".join(s["sha256"] for s in sources).encode()).hexdigest()
    return {
        "git": commit(),
        "versions": versions(),
        "processes": processes,
        "device": device,
        "data": {"sha256": together, "sources": sources},
    }


def commit(file: Path = Path(__file__)) -> str:
    """The commit that ``file`` belongs to, with +dirty where its package differs; or unknown."""
    package = file.resolve().parent.parent
    if not _git(package, "ls-files", "--error-unmatch", str(file.resolve())):
        return "unknown"  # no repository, or somebody else's around an installation
    changed = _git(package, "status", "--porcelain", "--", ".")
    return _git(package, "rev-parse", "HEAD").strip() + ("+dirty" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ("git", *arguments), cwd=folder, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def versions() -> dict[str, str]:
    """Of Python, and of the libraries that numbers come from."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def fingerprint(source: SourceConfig, data: Path) -> dict[str, Any]:
    """SHA-256 over sorted relative names and sizes of a source's files, and how many those are.

    The contents count as well where all files together have less than a megabyte. The renderer
    has no files: its version takes their place.
    """
    digest = hashlib.sha256()
    if not source.path:
        digest.update(f"{source.kind} {RENDERER_VERSION} {source.seed} {source.split}".encode())
        return {"sha256": digest.hexdigest(), "files": 0, "bytes": 0}
    top = source.where(data)
    files = sorted(_files(top))
    total = sum(size for _, size in files)
    for name, size in files:
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
        if total < SMALL:
            digest.update((top / name if name else top).read_bytes())
    return {"sha256": digest.hexdigest(), "files": len(files), "bytes": total}


def _files(top: Path) -> Iterator[tuple[str, int]]:
    """Relative names and sizes of all files below a folder, in linked folders, too; or its own."""
    if top.is_file():
        yield "", top.stat().st_size
        return
    seen: set[tuple[int, int]] = set()  # a link may lead back up
    left = [(str(top), "")] if top.is_dir() else []
    while left:
        folder, prefix = left.pop()
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    left.append((entry.path, f"{prefix}{entry.name}/"))
                elif entry.is_file():  # no broken links, sockets and the like
                    yield prefix + entry.name, entry.stat().st_size
