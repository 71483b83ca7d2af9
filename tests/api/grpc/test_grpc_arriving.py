"""Messages that are being received have places, and whoever is slow gives his to others."""

import asyncio

import pytest

from app.api.grpc.arriving import Arriving
from app.errors import Overloaded


def test_one_caller_has_half_of_the_places_and_the_next_message_waits_unread():
    async def check():
        arriving, begun = Arriving(4, slow_s=60), []
        is_whole, three = asyncio.Event(), asyncio.Event()

        async def read(name):
            begun.append(name)
            if len(begun) == 3:
                three.set()
            await is_whole.wait()
            return name

        async def receive(caller, name):
            return await arriving.receive(caller, lambda: read(name))

        tasks = [asyncio.create_task(receive("a", f"a{i}")) for i in range(3)]
        tasks += [asyncio.create_task(receive("b", "b0"))]
        await asyncio.wait_for(three.wait(), 20)
        assert begun == ["a0", "a1", "b0"]
        is_whole.set()
        assert await asyncio.gather(*tasks) == ["a0", "a1", "a2", "b0"]
        assert await receive("a", "again") == "again"

    asyncio.run(check())


def test_a_slow_message_gives_its_place_to_one_that_waits():
    async def check():
        arriving, has_begun = Arriving(1, slow_s=0.05), asyncio.Event()

        async def never():
            has_begun.set()
            await asyncio.Event().wait()

        async def at_once():
            return b"here"

        slow = asyncio.create_task(arriving.receive("a", never))
        await has_begun.wait()
        assert await arriving.receive("b", at_once) == b"here"
        with pytest.raises(Overloaded, match="arrives slowly"):
            await slow

    asyncio.run(check())
