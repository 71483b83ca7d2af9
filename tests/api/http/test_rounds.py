"""Rounds of the event loop: many steps of one caller that are ready at once keep nobody else waiting."""

import asyncio
import sys
from time import perf_counter

import pytest
from waiting import eventually

from app.api.http import rounds as rounds_of_loop
from app.api.http.rounds import Rounds
from app.turns import HURRIED_S, USUAL_S


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
    assert order.index("small") <= 1
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
        for _ in range(10):
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
        tasks = [asyncio.create_task(step()) for _ in range(15)]
        await asyncio.sleep(0)
        for task in tasks[3:9]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return begun

    assert asyncio.run(main()) == 9


def test_threads_have_shorter_turns_while_steps_are_put_off() -> None:
    async def main() -> list[float]:
        rounds, found = Rounds(), list[float]()
        end = perf_counter() + 20
        await rounds.step("other")
        while sys.getswitchinterval() != pytest.approx(HURRIED_S) and perf_counter() < end:
            await asyncio.gather(*(rounds.step("flood") for _ in range(5)), asyncio.sleep(0.001))
        found.append(sys.getswitchinterval())
        await asyncio.to_thread(eventually, lambda: sys.getswitchinterval() == pytest.approx(USUAL_S))
        found.append(sys.getswitchinterval())
        rounds.close()
        return found

    assert asyncio.run(main()) == pytest.approx([HURRIED_S, USUAL_S])


def test_who_closes_them_leaves_the_usual_turns() -> None:
    async def main() -> None:
        rounds, end = Rounds(), perf_counter() + 20
        await rounds.step("other")
        while sys.getswitchinterval() != pytest.approx(HURRIED_S) and perf_counter() < end:
            await asyncio.gather(*(rounds.step("flood") for _ in range(5)), asyncio.sleep(0.001))
        rounds.close()

    asyncio.run(main())
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)
