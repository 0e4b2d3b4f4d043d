# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM for work that a library does for minutes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress


class Terminated(BaseException):
    """SIGTERM. Like KeyboardInterrupt, nothing but the end of the command may catch it."""


_RAISES: dict[int, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}


class Cancel:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt and Terminated, also while a library computes.

    Python runs a handler only between two steps of its own, in the main thread, and a compiler may
    be minutes away from one. But the signal's number goes through a pipe at once, and check(),
    which a library calls by way of its progress from whichever thread, finds it there.
    """

    def __enter__(self) -> Cancel:
        self._pipe: tuple[int, int] | None = None
        if threading.current_thread() is threading.main_thread():
            self._pipe = os.pipe()
            for descriptor in self._pipe:
                os.set_blocking(descriptor, False)
            self._old_pipe = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            self._old = {s: signal.signal(s, self._raise) for s in _RAISES}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pipe is None:
            return
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_pipe)
        for descriptor in self._pipe:
            os.close(descriptor)
        if kind is Terminated:
            sys.exit(128 + signal.SIGTERM)

    def check(self) -> None:
        """Raises what a signal asks for that has come since the last check."""
        if self._pipe is not None:
            with suppress(BlockingIOError):
                for number in os.read(self._pipe[0], 64):
                    self._raise(number)

    def _raise(self, number: int, _: object = None) -> None:
        raised = _RAISES.get(number)
        if raised is not None:
            raise raised
