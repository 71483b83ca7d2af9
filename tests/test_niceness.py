"""Threads that give way to others."""

import os
import sys
import threading
from collections.abc import Callable

import pytest

from app.niceness import NICER_BY, NICEST, give_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def on_own_thread(function: Callable[[], list[int]]) -> list[int]:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(function()))
    thread.start()
    thread.join()
    return found


def test_a_thread_gives_way_and_what_it_starts_does_and_nobody_else() -> None:
    def both() -> list[int]:
        give_way()
        return [niceness(), *on_own_thread(lambda: [niceness()])]

    before = niceness()
    assert on_own_thread(both) == [before + NICER_BY] * 2
    assert niceness() == before


def test_there_is_a_least_priority() -> None:
    def twice() -> list[int]:
        give_way()
        give_way(by=NICEST)
        return [niceness()]

    assert on_own_thread(twice) == [NICEST]


def test_a_thread_that_has_ended_is_left_alone() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    give_way(thread)
    give_way(threading.Thread())
