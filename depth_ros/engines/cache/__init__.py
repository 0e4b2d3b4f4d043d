# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The cache of what had to be built before it can run: converted ONNX files and compiled plans.

An entry is a folder named after its key, with the artefact and meta.json. It is made in a draft
folder and appears by one rename, so that whoever is killed leaves no entry or a whole one. Every
read checks owner, permissions, key, size and SHA-256.

The SHA-256 lies beside what it describes: it finds accidents (a full disk, a broken one, an
unfinished copy), not attackers, who would write both. Against those stand ownership and
permissions alone, and they matter, for a serialized engine can run any code: a folder that others
may write to is refused, and so is an entry of another owner.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from depth_ros.engines.cache.drafts import Drafts
from depth_ros.engines.cache.entries import Entry, Key, Lost, open_entry, size_of, write_meta
from depth_ros.engines.cache.owned import Unusable, own_folder, sync
from depth_ros.errors import EngineError

__all__ = ["Cache", "Draft", "Entry", "Key"]

log = logging.getLogger(__name__)

LIMIT_BYTES = 4 << 30
HELD = 16  # entries that one Cache keeps from being removed, the last ones that it gave out
_ENTRY = re.compile(r"[0-9a-f]{64}")


def default_folder() -> Path:
    """engines/ in $DEPTH_ROS_CACHE, $XDG_CACHE_HOME/depth_ros or ~/.cache/depth_ros."""
    chosen = os.environ.get("DEPTH_ROS_CACHE")
    if chosen:
        return Path(chosen) / "engines"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "depth_ros" / "engines"


def default_limit() -> int:
    """Bytes: $DEPTH_ROS_CACHE_MB, or 4 GiB."""
    chosen = os.environ.get("DEPTH_ROS_CACHE_MB")
    if not chosen:
        return LIMIT_BYTES
    if not chosen.isdecimal():
        raise EngineError("$DEPTH_ROS_CACHE_MB", expected="a whole number", got=chosen)
    return int(chosen) * 10**6


class Draft:
    """An entry in the making.

    ``folder`` is private and empty. ``found`` is the entry that somebody else finished while we
    waited for the lock; then there is nothing to do.
    """

    def __init__(self, cache: Cache, key: Key, folder: Path, found: Entry | None) -> None:
        self._cache, self._key = cache, key
        self.folder, self.found = folder, found

    def commit(self, file: Path, facts: Mapping[str, Any]) -> Entry:
        """Makes ``file``, which must lie in ``folder``, the artefact of the cache's entry."""
        entry = self.folder / "entry"
        entry.mkdir(mode=0o700)
        artefact = entry / f"artefact{file.suffix}"
        os.replace(file, artefact)
        artefact.chmod(0o600)
        sync(artefact)
        write_meta(entry, self._key, artefact, facts)
        sync(entry)
        return self._cache._adopt(self._key, entry)


class Cache:
    """Finds, builds, lists and removes entries; any number of processes may do so at once.

    The entries that it gave out last stay locked against removal until close(), or until it is
    collected. ``last_refusal`` says why an entry was last refused. ``limit_bytes`` is what evict()
    and every build keep the cache below, as far as what is in use allows.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int | None = None) -> None:
        self.folder = own_folder(folder or default_folder())
        self.limit_bytes = default_limit() if limit_bytes is None else limit_bytes
        self.last_refusal = ""
        self._drafts = Drafts(self.folder)
        self._held: dict[str, int] = {}  # digest: descriptor of the artefact, locked
        self._guard = threading.Lock()
        weakref.finalize(self, _let_go, self._held)

    def close(self) -> None:
        """Lets go of all entries; they may be removed from now on."""
        with self._guard:
            _let_go(self._held)

    def find(self, key: Key) -> Entry | None:
        """The entry, checked, or None. An unusable one is removed, and the log says why."""
        try:
            return self._open(key)
        except Lost:
            return None
        except Unusable as error:
            reason = error
        with suppress(OSError), self._drafts.try_lock(key.digest) as ours:
            if ours:  # otherwise somebody is already replacing it
                return self._open_or_remove(key)
        self._refuse(key, reason)
        return None

    @contextmanager
    def building(
        self, key: Key, *, force: bool = False, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Draft]:
        """The draft of an entry that nobody else builds meanwhile.

        ``waiting`` is called again and again while another one does; it may raise. ``force``
        builds again what is there. Left without commit(), the draft is gone. Raises EngineError
        where the disk is full or refuses.
        """
        try:
            with self._drafts.lock(key.digest, waiting):
                self._drafts.sweep(key.digest)
                found = None if force else self._open_or_remove(key)
                with self._drafts.folder(key.digest) as folder:
                    yield Draft(self, key, folder, found)
            self.evict()
        except OSError as error:
            raise EngineError(
                f"cannot build into the cache {self.folder}: {error}",
                fix="Make room (depth_cli cache clear), or name another folder with "
                "$DEPTH_ROS_CACHE.",
            ) from error

    def entries(self) -> list[Entry]:
        """All usable entries, the last used first. Their artefacts are not read."""
        found = []
        for folder in self._folders():
            with suppress(Lost, Unusable):
                descriptor, entry = open_entry(folder, None)
                os.close(descriptor)
                found.append(entry)
        return sorted(found, key=lambda e: e.used, reverse=True)

    def clear(self) -> int:
        """Removes everything that is not in use. Returns the bytes freed."""
        self._drafts.sweep()
        return sum(self._remove(folder) for folder in self._folders())

    def evict(self) -> int:
        """Removes the least recently used entries above the limit; returns the bytes freed."""
        folders, freed = self._folders(), 0
        excess = sum(map(size_of, folders)) - self.limit_bytes
        for folder in folders:
            if freed >= excess:
                break
            freed += self._remove(folder)
        return freed

    def _folders(self) -> list[Path]:  # the least recently used first
        used = {}
        for path in self.folder.iterdir():
            if _ENTRY.fullmatch(path.name):
                with suppress(OSError):
                    used[path] = path.lstat().st_mtime_ns
        return sorted(used, key=lambda path: (used[path], path.name))

    def _open(self, key: Key) -> Entry:
        folder = self.folder / key.digest
        descriptor, entry = open_entry(folder, key)
        with self._guard:
            self._let_go(key.digest)
            self._held[key.digest] = descriptor
            for digest in list(self._held)[:-HELD]:
                self._let_go(digest)
        with suppress(OSError):
            os.utime(folder)  # the time of last use
        return entry

    def _open_or_remove(self, key: Key) -> Entry | None:  # under the key's lock
        try:
            return self._open(key)
        except Lost:
            return None
        except Unusable as reason:
            self._refuse(key, reason)
            self._drafts.discard(self.folder / key.digest)
            return None

    def _refuse(self, key: Key, reason: Unusable) -> None:
        self.last_refusal = f"refused the cached engine {key.digest[:12]}: {reason}"
        log.warning("%s; it has to be built again", self.last_refusal)

    def _adopt(self, key: Key, draft: Path) -> Entry:  # under the key's lock
        self._drafts.install(key.digest, draft)
        try:
            return self._open(key)
        except (Lost, Unusable) as reason:
            raise EngineError(f"the cache {self.folder} does not keep files: {reason}") from None

    def _remove(self, folder: Path) -> int:
        """Removes an entry unless somebody builds or uses it. Returns the bytes freed."""
        try:
            with self._drafts.try_lock(folder.name) as ours:
                return self._discard_unused(folder) if ours else 0
        except OSError as error:
            log.warning("cannot remove %s: %s", folder, error)
            return 0

    def _discard_unused(self, folder: Path) -> int:  # under the key's lock
        try:
            descriptor, _ = open_entry(folder, None, alone=True)
        except Lost:
            return 0
        except Unusable:
            return self._drafts.discard(folder)
        try:
            return self._drafts.discard(folder)
        finally:
            os.close(descriptor)

    def _let_go(self, digest: str) -> None:
        if digest in self._held:
            os.close(self._held.pop(digest))


def _let_go(held: dict[str, int]) -> None:
    while held:
        os.close(held.popitem()[1])
