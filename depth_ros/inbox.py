# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A mailbox between two threads that holds the newest item only, and counts what it dropped."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """One thread iterates, any thread puts. Iterating blocks, and ends after close().

    Calls that are posted run in the iterating thread, between two items.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: deque[T] = deque(maxlen=1)
        self._calls: deque[Callable[[], None]] = deque()
        self._dropped = 0
        self._closed = False

    def put(self, item: T) -> int:
        """Hands over an item; returns how many items that cost: the older one, or a late one."""
        with self._changed:
            if self._closed:
                return 1
            dropped = len(self._items)
            self._dropped += dropped
            self._items.append(item)
            self._changed.notify()
            return dropped

    def post(self, call: Callable[[], None]) -> bool:
        """Lets the iterating thread run a call; False, and nothing happens, after close()."""
        with self._changed:
            if not self._closed:
                self._calls.append(call)
                self._changed.notify()
            return not self._closed

    def close(self) -> int:
        """Ends the iteration once all posted calls have run; returns how many items are lost."""
        with self._changed:
            lost = len(self._items)
            self._items.clear()
            self._closed = True
            self._changed.notify()
            return lost

    def __iter__(self) -> Iterator[tuple[T, int]]:
        """Yields the newest item, and how many older ones were dropped since the last."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._items or self._closed)
                call = self._calls.popleft() if self._calls else None
                if call is None:
                    if not self._items:
                        return
                    item, dropped, self._dropped = self._items.popleft(), self._dropped, 0
            if call is not None:
                call()
            else:
                yield item, dropped
