"""Who reads and writes large bodies beside the event loop, and for whom next."""

import asyncio
from time import thread_time

from app.api.aside import Aside


def compute() -> None:
    end = thread_time() + 0.11  # more than makes callers equals
    while thread_time() < end:
        pass


def test_large_bodies_of_one_caller_do_not_keep_those_of_another_waiting():
    aside, read = Aside(), []

    async def ask(caller: str) -> None:
        await aside.of(caller).read(compute, is_quick=False)
        read.append(caller)

    async def main() -> None:
        many = [asyncio.create_task(ask("many")) for _ in range(4)]
        await asyncio.sleep(0.01)
        await ask("few")
        await asyncio.gather(*many)

    asyncio.run(main())
    aside.close()
    assert read == ["many", "few", "many", "many", "many"]
