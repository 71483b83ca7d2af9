import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine, Sequence
from time import sleep
from typing import Any

import pytest
from conftest import eventually

from app.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, Overloaded
from app.runtimes.interrupt import Interrupted
from app.serving.batcher import Batcher
from app.serving.curve import LatencyCurve
from app.serving.scheduler import Answers, Turn

dying_on_purpose = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

# Batches of four cost little more than one: the batcher will want to fill them.
CHEAP_BATCHES = LatencyCurve({(1, 1): 0.01, (4, 1): 0.011, (8, 1): 0.02})


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.events: list[tuple[str, Any]] = []

    def batch(self, rows: int, length: int, useful: float, seconds: float, queue_s: Sequence[float]) -> None:
        self.batches.append((rows, length))

    def refused(self, reason: str, rows: int) -> None:
        self.events.append(("refused " + reason, rows))

    def dropped(self, reason: str, rows: int) -> None:
        self.events.append(("dropped " + reason, rows))

    def failed(self, rows: int) -> None:
        self.events.append(("failed", rows))

    def worker_died(self) -> None:
        self.events.append(("worker died", 1))


class Gate:
    """A `run` that says when it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.seen: list[list[Any]] = []

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        self.seen.append(list(rows))
        self.begun.release()
        assert self.go.acquire(timeout=5)
        return [f"answer to {row}" for row in rows]

    async def wait_until_it_runs(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=5)

    def let(self, batches: int = 1) -> None:
        self.go.release(batches)


def make(run: Callable[[Sequence[Any]], Any], **settings: Any) -> Batcher[Any, Any]:
    defaults = {"curve": CHEAP_BATCHES, "max_batch_size": 4, "max_queue_size": 64, "observer": Recorder()}
    return Batcher(run, **{**defaults, **settings})


def in_(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def submit(
    batcher: Batcher[Any, Any], rows: Sequence[Any], deadline: float, priority: int = 0, caller: str = ""
) -> Answers[Any]:
    return await batcher.submit(rows, Turn(deadline, priority, caller))


async def ask(batcher: Batcher[Any, Any], *rows: Any, seconds: float = 5.0) -> list[Any]:
    return (await submit(batcher, rows, in_(seconds))).values


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def echo(rows: Sequence[Any]) -> list[Any]:
    return list(rows)


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


def test_a_row_that_has_waited_for_long_goes_before_newcomers_of_higher_priority(monkeypatch):
    monkeypatch.setattr("app.serving.admission.LEVEL_S", 0.02)

    async def main():
        gate = Gate()
        async with make(gate, max_batch_size=1) as batcher:
            first = asyncio.create_task(ask(batcher, "first"))
            await gate.wait_until_it_runs()
            low = asyncio.create_task(submit(batcher, ["low"], in_(5), 3))
            await asyncio.sleep(0.06)
            high = asyncio.create_task(submit(batcher, ["high"], in_(5), 1))
            await asyncio.sleep(0)
            gate.let(3)
            await asyncio.gather(first, low, high)
        return gate.seen

    assert go(main()) == [["first"], ["low"], ["high"]]


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


def test_a_request_that_would_wait_past_its_deadline_is_refused_at_once_with_an_honest_retry_after():
    slow = LatencyCurve({(1, 1): 1.0})

    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, curve=slow, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy", seconds=60))
            await gate.wait_until_it_runs()
            queued = [asyncio.create_task(ask(batcher, i, seconds=60)) for i in range(3)]
            await asyncio.sleep(0.01)
            started = asyncio.get_running_loop().time()
            with pytest.raises(Overloaded) as refused:
                await ask(batcher, "more", seconds=2)  # about 1 + 3 before it, 1 for itself
            took = asyncio.get_running_loop().time() - started
            for task in (busy, *queued):
                task.cancel()
            gate.let(4)
        return took, refused.value.retry_after_s, observer.events

    took, retry_after_s, events = go(main())
    assert took < 0.02
    assert 3.5 < retry_after_s <= 4.0  # until it would be done in half of its two seconds
    assert events[0] == ("refused wait", 1)


def test_what_would_be_too_late_even_without_the_others_is_told_so_and_not_to_retry():
    async def main():
        gate = Gate()
        async with make(gate, curve=LatencyCurve({(1, 1): 1.0})) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            with pytest.raises(DeadlineExceeded, match=r"about 3.00 s alone"):
                await ask(batcher, 1, 2, 3, seconds=2)
            gate.let()
            await busy

    go(main())


def test_an_idle_model_tries_what_a_stale_estimate_calls_hopeless_and_learns():
    async def main():
        async with make(echo, curve=LatencyCurve({(1, 1): 10.0})) as batcher:
            for _ in range(60):
                assert await ask(batcher, "quick", seconds=1) == ["quick"]
            return batcher.slower

    assert go(main()) < 0.3


def test_a_full_queue_refuses_all_rows_of_a_request_or_none():
    async def main():
        gate = Gate()
        async with make(gate, max_queue_size=3) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            waiting = asyncio.create_task(ask(batcher, 1, 2))
            await asyncio.sleep(0.01)
            with pytest.raises(Overloaded, match="2 rows are waiting, the queue holds 3"):
                await ask(batcher, 3, 4)
            assert batcher.queue_size == 2
            fits = asyncio.create_task(ask(batcher, 5))
            await asyncio.sleep(0.01)
            gate.let(3)
            return await asyncio.gather(busy, waiting, fits)

    assert len(go(main())) == 3


@pytest.mark.parametrize("num_rows", [1, 4])
def test_one_rule_admits_one_row_and_many(num_rows: int):
    async def main():
        gate = Gate()
        async with make(gate, max_queue_size=num_rows, max_batch_size=1) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            fills = asyncio.create_task(ask(batcher, *range(num_rows)))
            await asyncio.sleep(0.01)
            with pytest.raises(Overloaded):
                await ask(batcher, *range(num_rows))
            gate.let(1 + num_rows)
            await asyncio.gather(busy, fills)

    go(main())


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


@dying_on_purpose
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


@dying_on_purpose
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


@dying_on_purpose
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


def test_a_wait_is_estimated_for_all_workers_together():
    slow = LatencyCurve({(1, 1): 1.0})

    async def refused(num_lanes):
        gate = Gate()
        async with make(gate, curve=slow, max_batch_size=1, num_lanes=num_lanes) as batcher:
            running = [asyncio.create_task(ask(batcher, i, seconds=30)) for i in range(num_lanes + 2)]
            for _ in range(num_lanes):
                await gate.wait_until_it_runs()
            try:
                batcher.admit(in_(5))
                return False
            except Overloaded:
                return True
            finally:
                gate.let(10)
                await asyncio.gather(*running)

    # With its own second that makes four for one worker, and three for two.
    assert go(refused(1))
    assert not go(refused(2))


@dying_on_purpose
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


MANY = LatencyCurve({(n, 1): 0.01 * n for n in (1, 4)})


async def flood(batcher: Batcher[Any, Any], number: int = 20, caller: str = "many", **more: Any) -> asyncio.Task[Any]:
    """A request of `number` rows, which wait."""
    asked = asyncio.create_task(
        submit(batcher, [f"{caller} {i}" for i in range(number)], in_(60), caller=caller, **more)
    )
    await asyncio.sleep(0)
    return asked


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


def test_a_full_queue_makes_room_for_who_has_less_in_it_at_the_cost_of_who_has_most():
    async def main():
        gate, observer = Gate(), Recorder()
        async with make(gate, max_queue_size=30, max_batch_size=1, observer=observer) as batcher:
            busy = asyncio.create_task(ask(batcher, "busy"))
            await gate.wait_until_it_runs()
            first, second = await flood(batcher, 20), await flood(batcher, 10)
            few = await flood(batcher, 3, "few")
            with pytest.raises(Overloaded, match="others wait who asked for less"):
                await second
            assert batcher.queue_size == 23
            greedy = await flood(batcher, 9, "many")
            with pytest.raises(Overloaded, match="the queue holds 30"):
                await greedy
            gate.let(100)
            await asyncio.gather(busy, first, few)
        return observer.events

    assert go(main()) == [("dropped displaced", 10), ("refused queue", 9)]


def test_a_newcomer_is_admitted_where_the_one_with_the_backlog_is_refused():
    second = LatencyCurve({(1, 1): 1.0})

    async def main():
        gate = Gate()
        async with make(gate, curve=second, max_batch_size=1) as batcher:
            many = [asyncio.create_task(submit(batcher, [i], in_(600), caller="many")) for i in range(50)]
            await gate.wait_until_it_runs()
            batcher.admit(in_(10), caller="few")
            with pytest.raises(Overloaded) as refused:
                batcher.admit(in_(10), caller="many")
            for one in many:
                one.cancel()
            gate.let(2)
        return refused.value.retry_after_s

    assert 40 < go(main()) < 60


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
