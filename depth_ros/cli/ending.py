# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How a command of depth_ros ends."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import TextIO

from depth_ros.errors import DepthError

UNREAD = 141  # what a shell says of a program that SIGPIPE has ended


def exit_code(program: str, command: Callable[[], None]) -> int:
    """Runs it. 0 is success, 2 a mistake that one sentence explains, 130 Ctrl-C.

    141: what reads its output has ended first, as in ``| head``. A pipe to anything else that
    breaks is an error like any other.
    """
    try:
        return _ended(program, command)
    except BrokenPipeError:
        unread = [stream for stream in (sys.stdout, sys.stderr) if _is_unread(stream)]
        if not unread:
            raise
        for stream in unread:  # what is left in its buffer, Python would write at its own end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return UNREAD


def _ended(program: str, command: Callable[[], None]) -> int:
    try:
        command()
    except DepthError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        print(end="", flush=True)
    return 0


def _is_unread(stream: TextIO | None) -> bool:
    """Whether it is a pipe or a socket whose other end is closed."""
    try:
        poll = select.poll()
        poll.register(-1 if stream is None else stream.fileno(), 0)
        return bool(poll.poll(0))
    except (OSError, ValueError):  # no file of the system's
        return False
