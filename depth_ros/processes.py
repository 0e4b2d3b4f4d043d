# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive their parent's work, with what they said."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from depth_ros.errors import DepthError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class CtrlC:
    """Ctrl-C as a question to ask: a KeyboardInterrupt within a callback of rclpy may be lost.

    Until close(), check() raises KeyboardInterrupt once for each time that Ctrl-C was pressed
    since. In another thread than the main one it never does.
    """

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, lambda *_: self._pressed.set())

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed since the last check."""
        if self._pressed.is_set():
            self._pressed.clear()
            raise KeyboardInterrupt

    def close(self) -> None:
        """Gives Ctrl-C back its old meaning; twice does no harm."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None


class Child:
    """A process in its own group: Ctrl-C in the terminal reaches only the parent, who stops it."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name, self._log = name, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raises DepthError if it has failed."""
        code = self._process.poll()
        if code:
            said = "\n  ".join(self.said(8)) or "(nothing)"
            raise DepthError(f"the {self.name} ended with {code}. It said last:\n  {said}")

    def said(self, lines: int) -> list[str]:
        """The last lines of its output."""
        with suppress(OSError):
            return self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return []

    def rss_mb(self) -> float | None:
        """Its resident memory in MB (10^6 bytes), where the system tells (Linux)."""
        with suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return None

    def stop(self, patience_s: float = 5.0) -> None:
        """Asks it to end, then makes it. A second Ctrl-C does not interrupt this."""
        for how in _SIGNALS:
            if not self.running:
                break
            with suppress(ProcessLookupError):
                os.killpg(self.pid, how)
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                self._process.wait(patience_s)
        with suppress(ProcessLookupError, PermissionError):  # what it may have left behind
            os.killpg(self.pid, signal.SIGKILL)
