"""Rows of many callers in batches: which share one, in which order, and what becomes of who leaves."""

import asyncio
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from batching import MANY, Gate, Recorder, ask, echo, flood, go, in_, make, submit
from waiting import eventually

from app.errors import DeadlineExceeded, ModelNotReady
from app.serving.curve import LatencyCurve


def test_an_idle_batcher_dispatches_a_single_row_without_waiting_for_company():
    async def main():
        async with make(echo) as batcher:
            await ask(batcher, "warm")
            answers = await submit(batcher, ["a"], in_(5))
        return answers

    answers = go(main())
    assert answers.values == ["a"]
    assert (answers.rows, answers.length) == (1, 1)
    # A window of any length would show here; a loop that merely is busy stays far below.
    assert answers.queue_s < 0.002


def test_what_arrives_while_the_worker_is_busy_leaves_as_one_batch():
    async def main():
        gate = Gate()
        async with make(gate) as batcher:
            first = asyncio.create_task(ask(batcher, 0))
            await gate.wait_until_it_runs()
            others = [asyncio.create_task(ask(batcher, i)) for i in (1, 2, 3)]
            await asyncio.sleep(0.01)
            gate.let(2)
            return await asyncio.gather(first, *others), gate.seen

    answers, seen = go(main())
    assert answers == [[f"answer to {i}"] for i in range(4)]
    assert seen == [[0], [1, 2, 3]]


def test_of_those_that_wait_the_lower_priority_number_goes_first_and_0_is_2():
    async def main():
        gate = Gate()
        async with make(gate, max_batch_size=1) as batcher:
            first = asyncio.create_task(ask(batcher, "first"))
            await gate.wait_until_it_runs()
            others = []
            for priority in (99, 3, 0, 2, 1):
                others.append(asyncio.create_task(submit(batcher, [priority], in_(5), priority)))
                await asyncio.sleep(0.001)
            gate.let(6)
            await asyncio.gather(first, *others)
        return gate.seen

    assert go(main()) == [["first"], [1], [0], [2], [3], [99]]


def test_rows_of_lower_priority_do_not_ride_with_those_that_go_before_them():
    async def main():
        gate = Gate()
        async with make(gate) as batcher:
            first = asyncio.create_task(submit(batcher, ["first"], in_(5)))
            await gate.wait_until_it_runs()
            later = asyncio.create_task(submit(batcher, ["later"] * 3, in_(5), 10))
            sooner = asyncio.create_task(submit(batcher, ["sooner"], in_(5)))
            await asyncio.sleep(0)
            gate.let(3)
            await asyncio.gather(first, later, sooner)
            assert gate.seen == [["first"], ["sooner"], ["later"] * 3]

    go(main())


def test_a_request_of_many_rows_gets_its_answers_in_order_whatever_batches_they_were_in():
    async def main():
        observer = Recorder()
        async with make(echo, observer=observer) as batcher:
            return await ask(batcher, *range(11)), observer.batches

    answers, batches = go(main())
    assert answers == list(range(11))
    assert len(batches) < 11


def test_no_batch_is_larger_than_the_curve_makes_worth_while():
    dear = LatencyCurve({(1, 1): 0.01, (2, 1): 0.03, (4, 1): 0.09})

    async def main():
        observer = Recorder()
        async with make(echo, curve=dear, observer=observer) as batcher:
            await ask(batcher, *range(6))
        return observer.batches

    assert go(main()) == [(1, 1)] * 6


def test_a_caller_that_hangs_up_is_not_computed_for_and_its_neighbours_are():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            gone, stays = (asyncio.create_task(ask(batcher, name)) for name in ("gone", "stays"))
            await asyncio.sleep(0.01)
            gone.cancel()
            await asyncio.sleep(0)
            gate.let(2)
            await asyncio.gather(busy, stays)
            assert batcher.queue_size == 0
        return gate.seen, observer.events

    seen, events = go(main())
    assert seen == [["busy"], ["stays"]]
    assert events == [("dropped abandoned", 1)]


def test_a_caller_that_hangs_up_while_it_is_computed_does_not_disturb_its_neighbours():
    async def main():
        gate = Gate()
        async with make(gate) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            gone, stays = (asyncio.create_task(ask(batcher, name)) for name in ("gone", "stays"))
            await asyncio.sleep(0.01)
            gate.let()
            await gate.wait_until_it_runs()  # both are in this batch
            gone.cancel()
            gate.let(2)
            return await stays, await busy, await ask(batcher, "later"), gate.seen

    stays, _, later, seen = go(main())
    assert stays == ["answer to stays"]
    assert later == ["answer to later"]
    assert seen[1] == ["gone", "stays"]


def test_the_deadline_is_kept_while_the_kernel_still_runs():
    async def main():
        gate = Gate()
        async with make(gate) as batcher:
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(DeadlineExceeded):
                await ask(batcher, "slow", seconds=0.1)
            took = loop.time() - started
            assert len(gate.seen) == 1
            gate.let()
        return took

    assert 0.09 <= go(main()) < 0.5


def test_a_row_whose_deadline_passed_in_the_queue_is_dropped_and_never_computed():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            with pytest.raises(DeadlineExceeded):
                await ask(batcher, "late", seconds=0.05)
            gate.let(2)
            await busy
            await ask(batcher, "next")
        return gate.seen, observer.events

    seen, events = go(main())
    assert seen == [["busy"], ["next"]]
    assert events == [("dropped expired", 1)]


def test_a_long_request_does_not_keep_a_short_one_waiting_that_came_a_moment_later():
    order: list[Any] = []

    def run(rows: Sequence[Any]) -> list[Any]:
        order.extend(rows)
        return list(rows)

    async def main():
        gate = Gate()

        def gated(rows: Sequence[Any]) -> list[Any]:
            return gate(rows) if rows == ["busy"] else run(rows)

        async with make(gated, max_batch_size=1) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            long = asyncio.create_task(ask(batcher, *range(50)))
            await asyncio.sleep(0.03)  # by the curve, the time of a dozen rows
            short = asyncio.create_task(ask(batcher, "short"))
            await asyncio.sleep(0.01)
            gate.let()
            await asyncio.gather(busy, long, short)

    go(main())
    assert 2 <= order.index("short") < 30


def test_closing_releases_every_waiter_even_the_batch_being_computed():
    async def main():
        gate = Gate()
        async with make(gate, name="closing") as batcher:
            asked = [asyncio.create_task(ask(batcher, i)) for i in range(3)]
            await gate.wait_until_it_runs()
            asyncio.get_running_loop().call_later(0.05, gate.let)
        eventually(lambda: "closing" not in [thread.name for thread in threading.enumerate()])
        done, pending = await asyncio.wait(asked, timeout=1)
        assert not pending
        return [task.exception() for task in done]

    assert all(isinstance(error, ModelNotReady) for error in go(main()))


def test_no_rows_need_no_batch():
    async def main():
        async with make(echo) as batcher:
            return await ask(batcher)

    assert go(main()) == []


def test_a_request_of_many_rows_with_much_time_does_not_shut_out_those_with_little():
    second = LatencyCurve({(1, 1): 1.0})

    async def main():
        gate = Gate()
        async with make(gate, curve=second, max_batch_size=1) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy", seconds=600))
            await gate.wait_until_it_runs()
            patient = asyncio.create_task(ask(batcher, *range(50), seconds=600))
            await asyncio.sleep(0.01)
            hasty = asyncio.create_task(ask(batcher, "hasty", seconds=10))
            gate.let(3)
            assert await hasty == ["answer to hasty"]
            patient.cancel()
            gate.let(2)
            await busy

    go(main())


def test_rows_of_one_caller_are_next_though_another_has_hundreds_before_them():
    async def main():
        gate = Gate()
        async with make(gate, curve=MANY, max_batch_size=1, max_queue_size=1000) as batcher:
            many = await flood(batcher, 300)
            await gate.wait_until_it_runs()
            rows = [f"few {i}" for i in range(100)]  # too many to go ahead
            few = asyncio.create_task(submit(batcher, rows, in_(60), caller="few"))
            await asyncio.sleep(0)
            gate.let(1000)
            await few
            after_few = len(gate.seen)
            await many
            return after_few, gate.seen

    after_few, seen = go(main())
    assert after_few <= 230, "a hundred rows of each, and a bit"
    assert [row for (row,) in seen if "many" in row] == [f"many {i}" for i in range(300)]


def test_background_work_is_done_while_nobody_else_asks_and_hardly_while_somebody_does():
    async def main():
        gate = Gate()
        async with make(gate, curve=MANY, max_batch_size=1, max_queue_size=1000) as batcher:
            background = await flood(batcher, 100, caller="same", priority=10)
            await gate.wait_until_it_runs()
            asked = await flood(batcher, 80, caller="same")
            gate.let(1000)
            await asked
            num_before = sum(len(rows) for rows in gate.seen)
            await background
            return num_before

    assert 80 < go(main()) <= 80 + 1 + 12


class Row:
    """A row whose end can be seen."""


def test_an_idle_batcher_keeps_no_row_in_memory():
    async def main() -> None:
        async with make(lambda rows: [Row() for _ in rows], num_lanes=2) as batcher:
            rows = [Row() for _ in range(6)]
            answers = await submit(batcher, rows, in_(10))
            seen = [weakref.ref(one) for one in (*rows, *answers.values)]
            del rows, answers
            await asyncio.to_thread(eventually, lambda: not any(one() for one in seen), 10)

    asyncio.run(asyncio.wait_for(main(), 10))
