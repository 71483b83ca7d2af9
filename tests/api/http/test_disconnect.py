import asyncio
import gc
import weakref

import pytest
from starlette.requests import Request

from app.api.http.disconnect import ClientGone, while_connected


async def receive_after(seconds: float) -> dict[str, str]:
    await asyncio.sleep(seconds)
    return {"type": "http.disconnect"}


def request(gone_after_s: float) -> Request:
    return Request({"type": "http"}, lambda: receive_after(gone_after_s))


def test_who_hangs_up_ends_what_is_done_for_him():
    async def work() -> bool:
        try:
            async with while_connected(request(0.01)):
                await asyncio.sleep(20)
        except ClientGone:
            return asyncio.current_task().cancelling() == 0  # whoever awaits this task is not cancelled with it
        return False

    assert asyncio.run(work())


def test_who_stays_is_answered_and_watched_no_longer():
    async def work() -> int:
        async with while_connected(request(20)):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(work()) == 1


def test_whoever_else_cancels_the_work_is_not_kept_from_it():
    async def work() -> None:
        async with while_connected(request(20)):
            await asyncio.sleep(20)

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


def test_a_request_is_freed_without_a_search_for_circles():
    """Such a search stops the event loop for some tens of milliseconds where many requests wait for it."""

    async def main() -> list[object]:
        ended = []
        for _ in range(5):
            asked = request(20)
            ended.append(weakref.ref(asked))
            async with while_connected(asked):
                await asyncio.sleep(0)
            del asked
            await asyncio.sleep(0.01)
        return [one() for one in ended]

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == [None] * 5
    finally:
        gc.enable()
