"""A batch that fails: which of its rows is at fault, and what becomes of the others."""

import asyncio
from collections.abc import Sequence
from time import sleep
from typing import Any

import pytest
from batching import Gate, Recorder, ask, echo, go, make
from waiting import eventually

from app.errors import InferenceFailed
from app.runtimes.interrupt import Interrupted


def poisoned(rows: Sequence[Any]) -> list[Any]:
    if "poison" in rows:
        raise ValueError("a path, an input: nothing a caller should see")
    return list(rows)


def test_one_poison_row_fails_alone_in_a_batch_of_healthy_ones():
    async def main():
        gate, observer = Gate(), Recorder()

        def run(rows: Sequence[Any]) -> list[Any]:
            return gate(rows) if rows == ["busy"] else poisoned(rows)

        async with make(run, max_batch_size=8, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            asked = [asyncio.create_task(ask(batcher, row)) for row in ("a", "b", "poison", "c", "d")]
            await asyncio.sleep(0.01)
            gate.let()
            await busy
            return await asyncio.gather(*asked, return_exceptions=True), observer

    (a, b, bad, c, d), observer = go(main())
    assert [a, b, c, d] == [["a"], ["b"], ["c"], ["d"]]
    assert isinstance(bad, InferenceFailed)
    assert "path" not in str(bad)
    assert ("failed", 1) in observer.events


@pytest.mark.parametrize("broken", [lambda rows: rows[:-1], lambda rows: [*rows, 1]], ids=["too few", "too many"])
def test_a_wrong_number_of_answers_is_a_failure_and_the_loop_lives(broken: Any):
    answers = [broken, echo]

    async def main():
        async with make(lambda rows: answers.pop(0)(rows)) as batcher:
            with pytest.raises(InferenceFailed, match="1 rows gave"):
                await ask(batcher, "a")
            return await ask(batcher, "b")

    assert go(main()) == ["b"]


def test_out_of_memory_halves_the_batch_and_is_remembered():
    sizes: list[int] = []

    async def main():
        gate = Gate()

        def run(rows: Sequence[Any]) -> list[Any]:
            if rows == ["busy"]:
                return gate(rows)
            sizes.append(len(rows))
            if len(rows) > 2:
                raise MemoryError
            return list(rows)

        async with make(run) as batcher:
            for _ in range(2):
                busy = asyncio.create_task(ask(batcher, "busy"))
                await gate.wait_until_it_runs()
                asked = asyncio.create_task(ask(batcher, 1, 2, 3, 4))
                await asyncio.sleep(0.01)
                gate.let()
                await busy
                assert await asked == [1, 2, 3, 4]

    go(main())
    assert sizes == [4, 2, 2, 2, 2]


def test_a_row_too_large_for_the_memory_alone_fails_with_that_reason():
    def run(rows: Sequence[Any]) -> list[Any]:
        raise MemoryError

    async def main():
        async with make(run) as batcher:
            await ask(batcher, "huge")

    with pytest.raises(InferenceFailed, match="out of memory"):
        go(main())


def test_one_row_too_large_for_the_memory_does_not_end_batching_for_the_others():
    sizes: list[int] = []

    async def main():
        gate = Gate()

        def run(rows: Sequence[Any]) -> list[Any]:
            if rows == ["busy"]:
                return gate(rows)
            if "huge" in rows:
                raise MemoryError
            sizes.append(len(rows))
            return list(rows)

        async with make(run) as batcher:
            with pytest.raises(InferenceFailed):
                await ask(batcher, "huge")
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            asked = asyncio.create_task(ask(batcher, 1, 2, 3, 4))
            await asyncio.sleep(0.01)
            gate.let()
            await asyncio.gather(busy, asked)

    go(main())
    assert sizes == [4]


def test_a_session_that_fails_every_row_is_checked_and_restored():
    broken = [True]

    def run(rows: Sequence[Any]) -> list[Any]:
        if broken:
            raise ValueError("a dead device")
        return list(rows)

    async def main():
        async with make(run, check=lambda: run([1]), restore=broken.clear) as batcher:
            failed = [await asyncio.gather(ask(batcher, i), return_exceptions=True) for i in range(8)]
            assert all(isinstance(error, InferenceFailed) for (error,) in failed)
            await asyncio.to_thread(eventually, lambda: batcher.is_ready and not broken)
            return await ask(batcher, "later")

    assert go(main()) == ["later"]


def test_inputs_that_are_at_fault_do_not_make_the_session_suspect():
    restored: list[int] = []

    async def main():
        async with make(poisoned, restore=lambda: restored.append(1)) as batcher:
            for _ in range(20):
                with pytest.raises(InferenceFailed):
                    await ask(batcher, "poison")
            return await ask(batcher, "healthy")

    assert go(main()) == ["healthy"]
    assert restored == []


def test_rows_that_are_tried_again_do_not_wait_for_the_next_request():
    def run(rows: Sequence[Any]) -> list[Any]:
        if len(rows) == 1:
            return list(rows)
        if 0 not in rows:
            sleep(0.2)  # until the other worker finds nothing any more
        raise Interrupted

    async def main():
        async with make(run, num_lanes=2) as batcher:
            return await ask(batcher, *range(4))

    assert go(main()) == list(range(4))
