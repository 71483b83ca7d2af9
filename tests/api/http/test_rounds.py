"""Rounds of the event loop: many steps of one caller that are ready at once keep nobody else waiting."""

import asyncio

import pytest

from app.api.http import rounds as rounds_of_loop
from app.api.http.rounds import MOST_IN_ROUND, Rounds


async def begun_before(rounds: Rounds, flood: int) -> list[str]:
    """Who began, in order, when one caller has so many steps ready, and another one has one a moment later."""
    order: list[str] = []

    async def step(caller: str) -> None:
        await rounds.step(caller)
        order.append(caller)

    await rounds.step("small")  # both have asked of late
    await asyncio.gather(*(step("flood") for _ in range(flood)), step("small"))
    return order


def test_a_caller_with_one_step_does_not_wait_for_all_of_another() -> None:
    order = asyncio.run(begun_before(Rounds(), 100))
    assert order.index("small") <= MOST_IN_ROUND
    assert order.count("flood") == 100


def test_steps_of_a_caller_begin_in_the_order_in_which_they_came() -> None:
    async def main() -> list[int]:
        rounds, order = Rounds(), list[int]()

        async def step(number: int) -> None:
            await rounds.step("one")
            order.append(number)

        await rounds.step("other")
        await asyncio.gather(*(step(number) for number in range(20)))
        return order

    assert asyncio.run(main()) == list(range(20))


def test_who_is_alone_waits_for_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_of_loop, "SEVERAL_FOR_S", 0.0)  # as after a second without others

    async def main() -> None:
        rounds = Rounds()
        await rounds.step("one")
        for _ in range(10 * MOST_IN_ROUND):
            step = rounds.step("one")
            try:
                step.send(None)
            except StopIteration:
                continue
            raise AssertionError("it waited")

    asyncio.run(main())


def test_who_has_gone_takes_nobodys_turn() -> None:
    async def main() -> int:
        rounds, begun = Rounds(), 0

        async def step() -> None:
            nonlocal begun
            await rounds.step("one")
            begun += 1

        await rounds.step("other")
        tasks = [asyncio.create_task(step()) for _ in range(5 * MOST_IN_ROUND)]
        await asyncio.sleep(0)
        for task in tasks[MOST_IN_ROUND : 3 * MOST_IN_ROUND]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return begun

    assert asyncio.run(main()) == 3 * MOST_IN_ROUND
