import asyncio
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from threading import Event
from typing import Any

import pytest
from batching import MANY, Gate, echo, flood, in_, make, submit
from waiting import eventually

from app.niceness import NICER_BY
from app.serving.worker import Worker, WorkerDied

# Some tests end a thread, and that may be told later, in another one.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


async def call(function: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    worker = Worker("worker")
    try:
        return await worker.call(function, timeout_s)
    finally:
        worker.stop()


def raising(error: BaseException) -> Callable[[], Any]:
    def function() -> None:
        raise error

    return function


def test_it_answers_with_what_the_function_returns():
    assert go(call(lambda: 6 * 7)) == 42


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), TimeoutError("its own"), StopAsyncIteration(1)])
def test_what_a_function_raises_is_raised(error):
    with pytest.raises(type(error)) as found:
        go(call(raising(error)))
    assert found.value is error


def test_an_exhausted_iterator_is_an_error_at_once_though_no_future_takes_it():
    with pytest.raises(RuntimeError, match="StopIteration"):
        go(call(lambda: next(iter(()))))


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
def test_a_thread_that_ends_says_so(error):
    with pytest.raises(WorkerDied, match="ended"):
        go(call(raising(error)))
    eventually(lambda: "worker" not in [thread.name for thread in threading.enumerate()])


def test_a_function_that_hangs_is_left_at_the_limit():
    gate = Event()
    try:
        with pytest.raises(WorkerDied, match="no answer within"):
            go(call(gate.wait, 0.05))
    finally:
        gate.set()


def test_the_end_of_its_thread_can_be_awaited_without_another_thread():
    async def main() -> None:
        gate, worker = Event(), Worker("worker")
        asking = asyncio.ensure_future(worker.call(gate.wait, 10))
        await asyncio.sleep(0)
        worker.stop()
        assert not await worker.ended(0.05)
        gate.set()
        assert await worker.ended(10)
        assert await asking

    go(main())


class Large:
    """Something whose end can be seen."""


def test_what_was_computed_last_does_not_stay_in_memory():
    async def main() -> None:
        worker = Worker("worker")
        try:
            given, made = Large(), [Large()]
            seen = [weakref.ref(given), weakref.ref(made[0])]
            await worker.call(partial(lambda given, made: made.pop(), given, made), 10.0)
            del given
            await asyncio.to_thread(eventually, lambda: not any(one() for one in seen), 10)
        finally:
            worker.stop()

    go(main())


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_the_threads_of_batches_give_way_to_that_of_who_asks_for_little():
    async def main():
        gate, nice = Gate(), dict[Any, int]()

        def run(rows: Sequence[Any]) -> list[Any]:
            nice[rows[0]] = _niceness()
            return echo(rows) if "few" in rows[0] else gate(rows)

        async with make(run, curve=MANY, max_batch_size=1) as batcher:
            many = await flood(batcher, 10)
            await gate.wait_until_it_runs()
            await submit(batcher, ["few"], in_(5), caller="few")
            gate.let(10)
            await many
        return nice

    nice, usual = go(main()), _niceness()
    assert nice.pop("few") == usual
    assert set(nice.values()) == {usual + NICER_BY}
