import asyncio

from databases import running, stored

from app.errors import EventsUnavailable, InvalidInput
from app.events.rows import Row
from app.events.writer import EventWriter
from app.telemetry import Telemetry


def test_events_are_written_after_several_were_forgotten_at_once(tmp_path):
    async def body():
        async with running(f"sqlite:///{tmp_path}/events.db") as store:
            await store.keep([stored(1)])
            forgetting = [asyncio.create_task(store.forget("ann")) for _ in range(2)]
            await asyncio.sleep(0)
            await asyncio.gather(*forgetting, store.keep([stored(2)]))
            await asyncio.wait_for(store.keep([stored(3, item='"jam"')]), 5)
            return await store.histories(["ann"], "shop")

    assert asyncio.run(body()) == [["jam"]]


def test_whoever_waits_is_told_when_the_writing_is_broken_off():
    class Stuck:
        """Finds fault with several rows, and never ends with one."""

        async def insert(self, rows: list[Row]) -> None:
            if len(rows) > 1:
                raise InvalidInput("one of them")
            await asyncio.Event().wait()

    async def body():
        writer = EventWriter(Stuck(), Telemetry().events)
        running = asyncio.create_task(writer.run())
        keeping = [asyncio.create_task(writer.put([stored(i)])) for i in range(3)]
        await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})
        keeping.append(writer.put([stored(4)]))  # too late
        return await asyncio.wait_for(asyncio.gather(*keeping, return_exceptions=True), 1)

    assert [type(one) for one in asyncio.run(body())] == [EventsUnavailable] * 4
