import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.serving.deadlines import Deadlines


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    return lambda: asyncio.run(asyncio.wait_for(test(), 20))


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("left_s", [5.0, 0.2], ids=["later", "earlier"])
def test_an_alarm_that_was_set_in_a_loop_that_is_over_rings_in_the_next(left_s: float):
    deadlines = Deadlines()

    async def leave_one_behind() -> None:
        deadlines.add("left", now() + left_s, lambda: None)

    async def wait() -> None:
        event = asyncio.Event()
        deadlines.add("mine", now() + 0.5, event.set)
        await asyncio.wait_for(event.wait(), 3)

    asyncio.run(leave_one_behind())
    asyncio.run(wait())


@in_a_loop
async def test_whoever_is_late_is_told_once_and_others_are_left_alone():
    late: list[int] = []
    deadlines = Deadlines()
    for i, after_s in enumerate([0.03, 0.01, 60, 0.02, 0.01]):
        deadlines.add(i, now() + after_s, lambda i=i: late.append(i))
    deadlines.discard(4)
    await asyncio.sleep(0.2)
    assert late == [1, 3, 0]


@in_a_loop
async def test_what_runs_longer_than_its_deadline_is_cancelled_and_told_so():
    deadlines = Deadlines()
    with pytest.raises(TimeoutError), deadlines.until(now() + 0.01):
        await asyncio.sleep(20)
    with deadlines.until(now() + 0.02) as until:
        until.reschedule(now() + 60)
        await asyncio.sleep(0.1)


@in_a_loop
async def test_whom_somebody_else_cancels_is_cancelled_even_at_his_deadline():
    deadlines, soon = Deadlines(), now() + 0.01

    async def work() -> None:
        with deadlines.until(soon):
            await asyncio.sleep(20)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    deadlines.add("other", soon, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


@in_a_loop
async def test_who_is_told_may_take_others_off_and_put_them_on():
    late: list[str] = []
    deadlines = Deadlines()
    soon = now() + 0.01

    def tell(name: str, other: str) -> None:
        late.append(name)
        deadlines.discard(other)
        deadlines.add("later", now() + 0.01, lambda: late.append("later"))

    deadlines.add("one", soon, lambda: tell("one", "other"))
    deadlines.add("other", soon, lambda: tell("other", "one"))
    deadlines.add("never", float("inf"), lambda: late.append("never"))
    await asyncio.sleep(0.2)
    assert late in (["one", "later"], ["other", "later"])


@in_a_loop
async def test_a_time_that_is_moved_counts_as_it_was_said_last():
    late: list[int] = []
    deadlines = Deadlines()
    for number in range(2000):
        deadlines.add("moved", now() + (0.01 if number % 2 else 60), lambda: late.append(1))
        deadlines.add("put off", now() + (60 if number % 2 else 0.01), lambda: late.append(2))
    await asyncio.sleep(0.2)
    assert late == [1]
