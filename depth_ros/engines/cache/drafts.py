# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How a cache's folder changes: a lock for every entry, draft folders, and renames.

Beside the entries lie hidden names that begin with an entry's: DIGEST.lock, and DIGEST-RANDOM for
a draft or for what is being deleted. Whoever holds the lock may do anything with them.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from depth_ros.engines.cache.entries import size_of
from depth_ros.engines.cache.owned import sync, try_lock, unlock

POLL_S = 0.02  # between two looks at another builder's lock
_LEFT = re.compile(r"\.([0-9a-f]{64})(-.*|\.lock)")


class Drafts:
    """The hidden part of a cache's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def try_lock(self, digest: str) -> Iterator[bool]:
        """Whether the entry's lock is ours until the end of the block. It does not wait."""
        path = self._folder / f".{digest}.lock"
        descriptor = try_lock(path)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                unlock(path, descriptor)

    @contextmanager
    def lock(self, digest: str, waiting: Callable[[], None]) -> Iterator[None]:
        """The entry's lock; ``waiting`` is called while others hold it, and may raise."""
        while True:
            with self.try_lock(digest) as ours:
                if ours:
                    yield
                    return
            waiting()
            time.sleep(POLL_S)

    @contextmanager
    def folder(self, digest: str) -> Iterator[Path]:
        """A new private folder that is gone after the block."""
        folder = Path(tempfile.mkdtemp(prefix=f".{digest}-", dir=self._folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def install(self, digest: str, draft: Path) -> None:
        """Makes a folder the entry, on the disk; under its lock."""
        final = self._folder / digest
        self.discard(final)
        os.rename(draft, final)
        sync(self._folder)

    def discard(self, entry: Path) -> int:
        """Takes an entry away by a rename, then deletes it; under its lock. Returns its size."""
        size, away = size_of(entry), self._folder / f".{entry.name}-{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            os.rename(entry, away)
            _delete(away)
        return size

    def sweep(self, ours: str = "") -> None:
        """Removes what killed builders have left. ``ours`` is the entry whose lock we hold."""
        for path in list(self._folder.iterdir()):
            match = _LEFT.fullmatch(path.name)
            if match and match[1] == ours:
                _delete(path)
            elif match:
                with self.try_lock(match[1]) as dead:  # which removes the lock itself
                    if dead:
                        _delete(path)


def _delete(path: Path) -> None:
    if path.suffix == ".lock":
        return  # who holds it removes it
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
