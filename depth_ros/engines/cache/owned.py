# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Folders and files that nobody but their owner can have written, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from depth_ros.errors import EngineError


class Unusable(Exception):
    """Why a file or folder is refused."""


def own_folder(path: Path) -> Path:
    """The folder, made where it is missing, for its owner alone. Links are followed first.

    EngineError where somebody else owns it or may write to it, or may replace it.
    """
    try:
        folder = path.expanduser().resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        check_owner(status, f"the cache folder {folder}", forbidden=0o022)
        _check_parents(folder)
        if status.st_mode & 0o077:
            folder.chmod(0o700)
    except Unusable as reason:
        raise EngineError(
            str(reason),
            fix=f"chmod go-w it and own it, or name another folder with $DEPTH_ROS_CACHE; do not "
            f"trust the engines in {folder}: remove them.",
        ) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise EngineError(
            f"cannot use the cache folder {path}: {error}",
            fix="Name a folder that you may write to with $DEPTH_ROS_CACHE.",
        ) from error
    return folder


def check_owner(status: os.stat_result, what: str, *, forbidden: int = 0o077) -> None:
    """Raises Unusable unless the file is ours and none of the ``forbidden`` modes is set."""
    if status.st_uid != os.geteuid():
        raise Unusable(f"{what} belongs to user {status.st_uid}, expected {os.geteuid()}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden:
        raise Unusable(f"{what} is open to other users: mode {mode:04o}")


def open_own(path: Path, *, writable: bool = False) -> int:
    """The descriptor of a regular file of ours; Unusable for links, other owners and modes."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags | (os.O_RDWR if writable else os.O_RDONLY))
    except OSError as error:
        raise Unusable(f"cannot open {path.name}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(f"{path.name} is no regular file")
        check_owner(status, path.name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock file, or None while somebody else does.

    The kernel lets go of it when the process ends, however it ends. Whoever holds the lock may
    remove the file; one that was removed while we waited locks nothing, so look again.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def unlock(path: Path, descriptor: int) -> None:
    """Removes the lock file, then lets go of it."""
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)


def share(descriptor: int, *, alone: bool = False) -> bool:
    """Locks an open file, together with other readers or ``alone``; False if others forbid it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that the path names now."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    return False


def _check_parents(folder: Path) -> None:
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise Unusable(f"{parent}, above the cache folder, may be written by everybody")
