# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Several calls timed side by side, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

BLOCK = 10  # calls in a row of the same kind
WARM_UP = 2  # calls at the start of each block that are not counted: caches, waking threads
LEAST = 20  # calls of each kind, however slow


def interleaved(
    calls: Mapping[str, Callable[[], object]], count: int, limit_s: float
) -> dict[str, list[float]]:
    """Milliseconds of each of ``count`` calls of every kind, in blocks that take turns.

    Stops early, after LEAST calls of each kind, when ``limit_s`` is over. The order of the kinds
    turns round from block to block, so that none always follows the same other.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    deadline = time.perf_counter() + limit_s
    order = list(calls)
    done = 0
    while done < count and (done < LEAST or time.perf_counter() < deadline):
        block = min(BLOCK, count - done)
        for name in order:
            call, found = calls[name], times[name]
            for _ in range(WARM_UP):
                call()
            for _ in range(block):
                start = time.perf_counter()
                call()
                found.append(1e3 * (time.perf_counter() - start))
        order.reverse()
        done += block
    return times
