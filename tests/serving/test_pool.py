"""Threads that prepare items, and whose items they take next.

Long, since all of it asks one class with the same few helpers.
"""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import sleep
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import eventually

from app.abandoned import require_wanted
from app.seconds_of_thread import add_used_s
from app.serving.pool import Pool


@pytest.fixture
def pool():
    pool = Pool(2, "test")
    yield pool
    pool.close()


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


class Gate:
    """Work that says when it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.seen: list[Any] = []

    def __call__(self, item: Any) -> Any:
        self.seen.append(item)
        self.begun.release()
        assert self.go.acquire(timeout=5)
        return item

    async def wait_until_it_runs(self, times: int = 1) -> None:
        for _ in range(times):
            assert await asyncio.to_thread(self.begun.acquire, timeout=5)


async def ask(pool: Pool, function: Callable[[Any], Any], number: int, seconds: float = 1.0, **more: Any):
    """Begin a request of `number` items, named by its caller."""
    items = [(more.get("caller", ""), i) for i in range(number)]
    asked = asyncio.create_task(pool.map(function, items, [seconds] * number, **more))
    await asyncio.sleep(0)
    return asked


@given(st.lists(st.integers(), max_size=40), st.sampled_from([0.0, 0.0004, 1.0]))
def test_results_come_in_the_order_of_the_items(items, seconds):
    pool = Pool(3, "test")
    try:
        assert go(pool.map(lambda item: 2 * item, items, [seconds] * len(items))) == [2 * item for item in items]
    finally:
        pool.close()


def test_items_of_one_request_are_worked_on_at_a_time(pool):
    async def main():
        both = threading.Barrier(2)
        return await pool.map(lambda item: both.wait(5) in (0, 1), [1, 2], [1.0, 1.0])

    assert go(main()) == [True, True]


def test_work_that_nobody_waits_for_is_not_begun(pool):
    gate = Gate()

    async def main():
        jobs = [await ask(pool, gate, 3) for _ in range(2)]
        await gate.wait_until_it_runs(2)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        gate.go.release(10)
        return await pool.run(lambda: "next", 0.0)

    assert go(main()) == "next"
    assert len(gate.seen) == 2


def test_the_wait_is_that_of_the_work_before_and_nothing_while_a_thread_is_free(pool):
    gate = Gate()

    async def main():
        waits, jobs = [pool.wait_s()], []
        for i in range(4):
            jobs.append(await ask(pool, gate, 1))
            if i < 2:
                await gate.wait_until_it_runs()
            waits.append(pool.wait_s())
        gate.go.release(4)
        await asyncio.gather(*jobs)
        return [*waits, pool.wait_s()]

    assert go(main()) == [0, 0, *(pytest.approx(wait, abs=0.3) for wait in (1.0, 1.5, 2.0)), 0]


def test_who_has_a_backlog_waits_longer_than_who_has_none(pool):
    gate = Gate()

    async def main():
        many = await ask(pool, gate, 100, caller="many")
        await gate.wait_until_it_runs(2)
        waits = pool.wait_s("many", 1.0), pool.wait_s("few", 1.0)
        many.cancel()
        gate.go.release(2)
        return waits

    many, few = go(main())
    assert 40 < many < 52
    assert few < 2


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_the_first_item_that_fails_is_told_and_no_later_one_is_begun(pool, seconds):
    begun = []

    def work(item):
        begun.append(item)
        if item in (3, 4):
            sleep(0.05 * (4 - item) * seconds)  # the later one fails first
            raise ValueError(item)

    with pytest.raises(ValueError, match="3"):
        go(pool.map(work, range(100_000), [seconds] * 100_000))
    assert len(begun) < 100_000


def test_an_item_that_ends_itself_as_a_later_one_has_failed_does_not_hide_the_fault(pool):
    has_begun = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            has_begun.set()
            while True:
                require_wanted()
                sleep(0.001)
        assert has_begun.wait(5)
        raise ValueError("the fault")

    with pytest.raises(ValueError, match="the fault"):
        go(pool.map(work, (0, 1), (1.0, 1.0)))


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), StopIteration(), GeneratorExit()])
def test_what_no_future_takes_is_an_error_and_the_thread_goes_on(pool, error):
    def work():
        raise error

    async def main():
        for _ in range(5):
            with pytest.raises(RuntimeError, match=type(error).__name__):
                await pool.run(work, 0.0)

    go(main())


def test_who_asks_for_little_does_not_wait_for_the_items_of_who_asks_for_much(pool):
    gate = Gate()

    async def main():
        many = await ask(pool, gate, 20, caller="many")
        await gate.wait_until_it_runs(2)
        few = await asyncio.wait_for(pool.map(lambda item: item, ["few"], [0.01], caller="few"), 5)
        gate.go.release(20)
        await many
        return few

    assert go(main()) == ["few"]


def test_who_asks_for_little_does_not_wait_for_items_that_should_have_been_quick(pool):
    gate = Gate()

    async def main():
        many = await ask(pool, gate, 2, seconds=0.001, caller="many")
        await gate.wait_until_it_runs(2)
        few = await asyncio.wait_for(pool.map(lambda item: item, ["few"], [0.0], caller="few"), 2)
        gate.go.release(2)
        await many
        return few

    assert go(main()) == ["few"]


def test_who_asks_for_little_does_not_wait_behind_items_of_which_others_take_longer_than_they_should(pool):
    gate = Gate()

    async def main():
        many = await ask(pool, gate, 4, seconds=0.001, caller="many")
        await gate.wait_until_it_runs(2)
        few = await asyncio.wait_for(pool.map(lambda item: item, ["few"], [0.0], caller="few"), 2)
        gate.go.release(4)
        await many
        return few

    assert go(main()) == ["few"]


def test_callers_take_turns_item_by_item():
    pool, gate = Pool(1, "test"), Gate()

    async def main():
        jobs = [await ask(pool, gate, 1, caller="first")]
        await gate.wait_until_it_runs()
        jobs += [await ask(pool, gate, 6, caller=caller) for caller in ("a", "b")]
        gate.go.release(13)
        await asyncio.gather(*jobs)

    try:
        go(main())
    finally:
        pool.close()
    callers = [caller for caller, _ in gate.seen[1:]]
    assert all({*callers[i : i + 2]} == {"a", "b"} for i in range(0, 12, 2))
    assert [i for caller, i in gate.seen if caller == "a"] == list(range(6))


def test_who_has_had_work_done_by_other_processes_has_had_it():
    async def main():
        pool, gate = Pool(1, "test"), Gate()
        try:
            for caller, elsewhere_s in (("apart", 60.0), ("here", 1.0)):
                await pool.map(add_used_s, [elsewhere_s], [0.001], caller=caller)
            first = await ask(pool, gate, 1, caller="somebody")
            await gate.wait_until_it_runs()
            others = [await ask(pool, gate, 1, caller=caller) for caller in ("apart", "here")]
            for _ in range(3):
                gate.go.release()
            await asyncio.gather(first, *others)
            return [caller for caller, _ in gate.seen]
        finally:
            pool.close()

    assert go(main()) == ["somebody", "here", "apart"]


def test_background_work_waits_for_what_somebody_waits_for():
    pool, gate = Pool(1, "test"), Gate()

    async def main():
        jobs = [await ask(pool, gate, 4, caller="background", weight=8.0)]
        await gate.wait_until_it_runs()
        jobs += [await ask(pool, gate, 4, caller="now")]
        gate.go.release(10)
        await asyncio.gather(*jobs)

    try:
        go(main())
    finally:
        pool.close()
    assert [caller for caller, _ in gate.seen[1:5]].count("now") >= 3


def test_items_that_need_much_memory_wait_for_it_and_others_go_on():
    pool, gate = Pool(3, "test", max_bytes=100), Gate()

    async def main():
        large = await ask(pool, gate, 3, item_bytes=[60, 60, 300])
        await gate.wait_until_it_runs()
        assert await pool.map(lambda item: item, ["small"] * 50, [0.0] * 50, caller="other") == ["small"] * 50
        assert gate.seen == [("", 0)]
        for number in (2, 3):
            gate.go.release()
            await gate.wait_until_it_runs()
            assert len(gate.seen) == number
        gate.go.release()
        await large

    try:
        go(main())
    finally:
        pool.close()


def test_a_pool_that_is_closed_leaves_nobody_waiting():
    pool, gate = Pool(1, "test"), Gate()

    async def main():
        jobs = [await ask(pool, gate, 2) for _ in range(3)]
        await gate.wait_until_it_runs()
        pool.close()
        gate.go.release(10)
        return await asyncio.gather(*jobs, return_exceptions=True)

    assert all(isinstance(one, asyncio.CancelledError) for one in go(main()))


def test_it_keeps_nothing_of_what_is_done(pool):
    class Work:
        def __call__(self, item: Any) -> None:
            if item == "bad":
                raise ValueError

    async def main(work: Any) -> None:
        await pool.map(work, ["good"] * 3, [0.0] * 3)
        with suppress(ValueError):
            await pool.map(work, ["good", "bad"], [0.0] * 2)

    gc.disable()
    try:
        work = Work()
        gone = weakref.ref(work)
        go(main(work))
        del work
        eventually(lambda: gone() is None)
    finally:
        gc.enable()
