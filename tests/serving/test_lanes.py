"""Several lanes for one queue, lanes that die or hang, and the express lane for who asks for little."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from batching import MANY, Gate, Recorder, ask, echo, flood, go, in_, make, submit
from dying import dead_are_told
from waiting import eventually

from app.errors import InferenceFailed, ModelNotReady
from app.serving.curve import LatencyCurve

# Some tests end a thread, and that may be told later, in another one.
__all__ = ["dead_are_told"]
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def test_a_worker_thread_that_dies_is_noticed_and_replaced_and_only_its_killer_fails():
    observer, restored = Recorder(), []

    def run(rows: Sequence[Any]) -> list[Any]:
        if "killer" in rows:
            raise SystemExit
        return list(rows)

    async def main():
        gate = Gate()

        async def ready() -> bool:
            return batcher.is_ready

        def restore() -> None:
            restored.append(asyncio.run_coroutine_threadsafe(ready(), loop).result(5))

        loop = asyncio.get_running_loop()
        async with make(
            lambda rows: gate(rows) if rows == ["busy"] else run(rows), observer=observer, restore=restore
        ) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            asked = [asyncio.create_task(ask(batcher, row)) for row in ("a", "killer", "b")]
            await asyncio.sleep(0.01)
            gate.let()
            await busy
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert batcher.is_ready
            return answers, await ask(batcher, "later")

    (a, bad, b), later = go(main())
    assert (a, b, later) == (["a"], ["b"], ["later"])
    assert isinstance(bad, InferenceFailed)
    assert restored
    assert not any(restored), "ready while the worker was dead"
    assert ("worker died", 1) in observer.events


def test_a_worker_that_hangs_is_abandoned_and_replaced():
    release, hangs = threading.Event(), [True]

    def run(rows: Sequence[Any]) -> list[Any]:
        if rows == ["hang"] and hangs.pop():
            release.wait(10)
        return list(rows)

    async def main():
        async with make(run, hang_after_s=0.1) as batcher:
            with pytest.raises(InferenceFailed, match="WorkerHangs"):
                await ask(batcher, "hang")
            return await ask(batcher, "next")

    try:
        assert go(main()) == ["next"]
    finally:
        release.set()


def test_a_worker_that_probably_hangs_is_not_ready_before_it_is_given_up_and_is_again_if_it_comes_back():
    async def main():
        gate = Gate()
        async with make(gate, hang_after_s=1.2) as batcher:
            late = asyncio.create_task(ask(batcher, "late"))
            await gate.wait_until_it_runs()
            assert batcher.is_ready
            await asyncio.to_thread(eventually, lambda: not batcher.is_ready, 1)
            with pytest.raises(ModelNotReady, match="hangs"):
                await ask(batcher, "another")
            gate.let()
            assert await late == ["answer to late"]
            return batcher.is_ready

    assert go(main()) is True


def test_while_the_worker_cannot_be_restored_callers_are_told_and_it_recovers_by_itself():
    failures = [OSError("the disk is gone")]
    dies = [True]

    def run(rows: Sequence[Any]) -> list[Any]:
        if dies and dies.pop():
            raise SystemExit
        return list(rows)

    def restore() -> None:
        if failures:
            raise failures.pop()

    async def main():
        async with make(run, restore=restore) as batcher:
            with pytest.raises(ModelNotReady, match="could not be restarted"):
                await ask(batcher, "a")
            with pytest.raises(ModelNotReady, match="being restarted"):
                await ask(batcher, "b")
            await asyncio.to_thread(eventually, lambda: batcher.is_ready)
            return await ask(batcher, "c")

    assert go(main()) == ["c"]


def test_a_worker_whose_restoring_takes_longer_than_a_run_may_is_restored_all_the_same():
    dies, tries = [True], list[int]()

    def run(rows: Sequence[Any]) -> list[Any]:
        if dies and dies.pop():
            raise SystemExit
        return list(rows)

    def restore() -> None:
        tries.append(1)
        threading.Event().wait(0.5)

    async def main():
        async with make(run, restore=restore, hang_after_s=0.2) as batcher:
            with pytest.raises(ModelNotReady):
                await ask(batcher, "a")
            assert batcher.is_lost
            await asyncio.to_thread(eventually, lambda: batcher.is_ready)
            assert not batcher.is_lost
            return await ask(batcher, "b")

    assert go(main()) == ["b"]
    assert len(tries) <= 4


def test_two_workers_answer_two_batches_at_a_time():
    async def main():
        gate = Gate()
        async with make(gate, num_lanes=2) as batcher:
            first = asyncio.create_task(ask(batcher, "a"))
            await gate.wait_until_it_runs()
            second = asyncio.create_task(ask(batcher, "b"))
            await gate.wait_until_it_runs()
            assert gate.seen == [["a"], ["b"]]
            gate.let(2)
            return await first + await second

    assert go(main()) == ["answer to a", "answer to b"]


def test_what_waits_is_shared_among_the_workers_that_are_idle():
    async def main():
        gate = Gate()
        async with make(gate, num_lanes=2) as batcher:
            answer = asyncio.create_task(ask(batcher, *"abcd"))
            await gate.wait_until_it_runs()
            await gate.wait_until_it_runs()
            gate.let(2)
            await answer
        return sorted(gate.seen)

    assert go(main()) == [["a", "b"], ["c", "d"]]


def test_while_one_worker_is_restored_the_other_goes_on():
    restoring, restored = threading.Event(), threading.Event()

    def run(rows):
        if "poison" in rows:
            raise SystemExit
        return list(rows)

    def restore():
        restoring.set()
        assert restored.wait(5)

    async def main():
        async with make(run, num_lanes=2, restore=restore) as batcher:
            dying = asyncio.create_task(ask(batcher, "poison"))
            await asyncio.to_thread(restoring.wait, 5)
            assert batcher.is_ready
            assert [await ask(batcher, i) for i in range(5)] == [[i] for i in range(5)]
            restored.set()
            with pytest.raises(InferenceFailed):
                await dying
            assert await ask(batcher, "after") == ["after"]

    go(main())


def test_who_asks_for_little_does_not_wait_for_a_run_of_who_asks_for_much():
    async def main():
        gate = Gate()

        def run(rows: Sequence[Any]) -> list[Any]:
            return echo(rows) if "few" in rows[0] else gate(rows)

        async with make(run, curve=MANY, num_lanes=2) as batcher:
            many = await flood(batcher)
            for _ in range(2):
                await gate.wait_until_it_runs()
            few = await asyncio.wait_for(submit(batcher, ["few"], in_(5), caller="few"), 5)
            gate.let(50)
            await many
            return few.values, gate.seen

    answers, seen = go(main())
    assert answers == ["few"]
    assert not any("few" in rows for rows in seen)


def test_who_asks_for_little_does_not_wait_for_a_run_that_should_have_been_short():
    async def main():
        gate = Gate()

        def run(rows: Sequence[Any]) -> list[Any]:
            return echo(rows) if "few" in rows[0] else gate(rows)

        async with make(run, curve=LatencyCurve({(1, 1): 0.001}), max_batch_size=1, num_lanes=2) as batcher:
            many = await flood(batcher, 2)
            for _ in range(2):
                await gate.wait_until_it_runs()
            few = await asyncio.wait_for(submit(batcher, ["few"], in_(5), caller="few"), 2)
            gate.let(2)
            await many
            return few.values

    assert go(main()) == ["few"]


@pytest.mark.parametrize("max_batch_size", [1, 2])
def test_who_asks_for_little_does_not_wait_behind_rows_of_which_others_run_longer_than_they_should(max_batch_size):
    curve = LatencyCurve({(rows, 1): 0.001 for rows in (1, 2)})

    async def main():
        gate = Gate()

        def run(rows: Sequence[Any]) -> list[Any]:
            return echo(rows) if all("few" in row for row in rows) else gate(rows)

        async with make(run, curve=curve, max_batch_size=max_batch_size, num_lanes=2) as batcher:
            many = await flood(batcher, 3 * max_batch_size + 1)
            for _ in range(2):
                await gate.wait_until_it_runs()
            assert batcher.queue_size
            await asyncio.sleep(0.02)  # until all that waits had its turn before the turn of whoever comes
            few = await asyncio.wait_for(submit(batcher, ["few", "few 2"], in_(5), caller="few"), 2)
            gate.let(10)
            await many
            return few.values

    assert go(main()) == ["few", "few 2"]


def test_who_asks_for_as_little_as_the_others_waits_for_them():
    async def main():
        gate = Gate()
        async with make(gate, curve=MANY) as batcher:
            first = asyncio.create_task(submit(batcher, ["one"], in_(5), caller="one"))
            await gate.wait_until_it_runs()
            second = asyncio.create_task(submit(batcher, ["another"], in_(5), caller="another"))
            await asyncio.sleep(0.05)
            assert gate.seen == [["one"]]
            gate.let(2)
            await asyncio.gather(first, second)

    go(main())
