# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

from depth_ros.inbox import Inbox


def test_newest_wins_and_the_others_are_counted() -> None:
    inbox: Inbox[int] = Inbox()
    assert [inbox.put(i) for i in range(4)] == [0, 1, 1, 1]
    items = iter(inbox)
    assert next(items) == (3, 3)
    inbox.put(4)
    assert next(items) == (4, 0)


def test_close_ends_a_waiting_iteration_and_loses_what_is_there() -> None:
    inbox: Inbox[int] = Inbox()
    seen: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: seen.extend(inbox))
    thread.start()
    inbox.close()
    thread.join(10)
    assert not thread.is_alive() and seen == []
    full: Inbox[int] = Inbox()
    full.put(1)
    assert full.close() == 1
    assert full.put(2) == 1
    assert list(full) == []


def test_calls_run_in_the_iterating_thread_even_without_items() -> None:
    inbox: Inbox[int] = Inbox()
    where: list[str] = []
    thread = threading.Thread(target=lambda: list(inbox), name="consumer")
    thread.start()
    ran = threading.Event()
    assert inbox.post(lambda: (where.append(threading.current_thread().name), ran.set())[0])
    assert ran.wait(10)
    inbox.close()
    thread.join(10)
    assert where == ["consumer"]


def test_close_runs_what_was_posted_and_takes_no_more() -> None:
    inbox: Inbox[int] = Inbox()
    ran: list[int] = []
    for i in range(3):
        inbox.post(lambda i=i: ran.append(i))  # type: ignore[misc]
    inbox.close()
    assert not inbox.post(lambda: ran.append(99))
    assert list(inbox) == []
    assert ran == [0, 1, 2]


def test_every_item_is_yielded_or_counted_once() -> None:
    inbox: Inbox[int] = Inbox()
    got: list[int] = []
    dropped: list[int] = []

    def consume() -> None:
        for item, lost in inbox:
            got.append(item)
            dropped.append(lost)
            time.sleep(0.0003)

    consumer = threading.Thread(target=consume)
    consumer.start()
    replaced = [0, 0]

    def produce(which: int) -> None:
        for i in range(2000):
            replaced[which] += inbox.put(2 * i + which)

    producers = [threading.Thread(target=produce, args=(which,)) for which in (0, 1)]
    for p in producers:
        p.start()
    for p in producers:
        p.join()
    flushed = inbox.close()
    consumer.join(10)
    assert len(got) + sum(replaced) + flushed == 4000
    assert len(set(got)) == len(got)
    assert sum(dropped) <= sum(replaced)
