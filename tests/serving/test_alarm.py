import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.serving.alarm import NEVER, Alarm


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    return lambda: asyncio.run(asyncio.wait_for(test(), 20))


def now() -> float:
    return asyncio.get_running_loop().time()


async def rung(event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), 0.2)
    except TimeoutError:
        return False
    return True


@in_a_loop
async def test_an_alarm_rings_when_it_was_set_last():
    event = asyncio.Event()
    alarm = Alarm(event.set)
    alarm.set(now() + 0.01)
    alarm.set(now() + 60)
    assert not await rung(event)
    alarm.set(now() + 0.01)
    assert await rung(event)


@in_a_loop
async def test_an_alarm_that_was_taken_back_or_closed_does_not_ring():
    event = asyncio.Event()
    for end in (lambda alarm: alarm.set(NEVER), lambda alarm: alarm.close()):
        alarm = Alarm(event.set)
        alarm.set(now() + 0.01)
        end(alarm)
        assert not await rung(event)
