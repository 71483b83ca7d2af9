"""Threads that give way to others."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from batching import MANY, Gate, echo, flood, go, in_, make, submit

from app.serving.niceness import NICER_BY, NICEST, give_way

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


def test_the_threads_of_batches_give_way_to_that_of_who_asks_for_little():
    async def main():
        gate, nice = Gate(), dict[Any, int]()

        def run(rows: Sequence[Any]) -> list[Any]:
            nice[rows[0]] = niceness()
            return echo(rows) if "few" in rows[0] else gate(rows)

        async with make(run, curve=MANY, max_batch_size=1) as batcher:
            many = await flood(batcher, 10)
            await gate.wait_until_it_runs()
            await submit(batcher, ["few"], in_(5), caller="few")
            gate.let(10)
            await many
        return nice

    nice, usual = go(main()), niceness()
    assert nice.pop("few") == usual
    assert set(nice.values()) == {usual + NICER_BY}
