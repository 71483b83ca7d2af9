import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from waiting import eventually

from app.serving.interpreter import BUSY_S
from app.serving.pool import Pool
from app.turns import HURRIED_S, USUAL_S


@pytest.fixture(autouse=True)
def as_it_was():
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield
    sys.setswitchinterval(before)


def with_pool(test: Callable[[Pool], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        pool = Pool(2, "work")
        try:
            await test(pool)
        finally:
            pool.close()
        assert sys.getswitchinterval() == pytest.approx(USUAL_S)

    asyncio.run(asyncio.wait_for(main(), 30))


async def until(interval: float) -> None:
    await asyncio.to_thread(eventually, lambda: sys.getswitchinterval() == pytest.approx(interval))


def test_turns_are_short_while_threads_have_been_busy_for_long_and_usual_when_they_rest():
    async def test(pool: Pool) -> None:
        for _ in range(2):
            gate = threading.Event()
            working = asyncio.ensure_future(pool.map(lambda _, gate=gate: gate.wait(20), [1, 2], [1.0, 1.0]))
            await until(HURRIED_S)
            gate.set()
            await working
            await until(USUAL_S)

    with_pool(test)


def test_many_short_items_in_a_row_are_long_together():
    async def test(pool: Pool) -> None:
        pause = threading.Event()
        working = asyncio.ensure_future(pool.map(lambda _: pause.wait(0.002), range(1000), [0.002] * 1000))
        await until(HURRIED_S)
        working.cancel()
        await until(USUAL_S)

    with_pool(test)


def test_what_is_soon_done_changes_nothing():
    async def test(pool: Pool) -> None:
        for _ in range(10):
            await pool.map(str, [1], [0.0])
            assert sys.getswitchinterval() == pytest.approx(USUAL_S)
            await asyncio.sleep(BUSY_S / 4)

    with_pool(test)


def test_a_pool_that_is_closed_while_it_works_leaves_turns_as_usual():
    async def test(pool: Pool) -> None:
        gate = threading.Event()
        working = asyncio.ensure_future(pool.map(lambda _: gate.wait(20), [1], [1.0]))
        await until(HURRIED_S)
        pool.close()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await working

    with_pool(test)
