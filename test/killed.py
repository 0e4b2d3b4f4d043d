# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Work in a process that is killed at any moment, begun again and again without its imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Forks a child for every number that it reads, which works until it is killed.
FORKS = """
import os, sys
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        work(int(line))
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("dead", flush=True)
"""


@contextmanager
def killed(script: str, *words: object, **environment: str) -> Iterator[Callable[..., None]]:
    """Gives kill(number, after_s): ``work(number)`` begins, and is over after these seconds.

    ``script`` defines ``work``, which does not return; ``words`` are in its sys.argv.
    """
    server = subprocess.Popen(
        [sys.executable, "-c", script + FORKS, *map(str, words)],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert server.stdin is not None and server.stdout is not None
    asked, told = server.stdin, server.stdout

    def kill(number: int, after_s: float) -> None:
        asked.write(f"{number}\n")
        asked.flush()
        pid = int(told.readline())
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        assert told.readline() == "dead\n"

    try:
        yield kill
    finally:
        server.communicate(timeout=60)
