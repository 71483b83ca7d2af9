"""The stepper over a real decoder: an answer is the same whoever is beside it."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from itertools import pairwise

import pytest
from decoders import COST, SLOW, Watched, alone, answer, endless, new_decoder, prompt, stepping, until
from hypothesis import given, settings
from hypothesis import strategies as st

from app.generation.prompt import Prompt, Token
from app.serving.stepper import Stepper
from app.tensors import Decoder

__all__ = ["new_decoder"]
pytestmark = [
    pytest.mark.anyio,
    # Some tests end a thread, and that may be told later.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

STARTS = ["The harbour was quiet that morning, and the gulls sat in rows along the wall. ", "Once upon a time ", ""]
TEXTS = st.builds(
    lambda start, end: (start + end) or "x", st.sampled_from(STARTS), st.text("abc ", min_size=0, max_size=40)
)
ASKED = st.lists(
    st.tuples(TEXTS, st.integers(1, 20), st.sampled_from([0.0, 0.7]), st.integers(0, 3), st.integers(0, 20)),
    min_size=1,
    max_size=9,
)


@settings(max_examples=25, deadline=None)
@given(asked=ASKED, most_between_s=st.sampled_from([0.2, 1e-9]))
def test_tokens_are_the_same_alone_and_in_any_company(
    new_decoder: Callable[[int], Decoder], asked: list[tuple[str, int, float, int, int]], most_between_s: float
) -> None:
    """Greedy or drawn; read in whole or in chunks; with a part of the prompt known, or none."""
    prompts = [prompt(text, most, temperature=heat, seed=seed) for text, most, heat, seed, _ in asked]

    async def all_at_once() -> list[list[Token]]:
        async with stepping(new_decoder(8), cost=COST if most_between_s > 0.1 else SLOW) as (stepper, _):

            async def later(one: Prompt, turns: int) -> list[Token]:
                for _ in range(turns):
                    await asyncio.sleep(0.001)
                return await answer(stepper, one, within_s=1e6)

            return await asyncio.gather(*(later(one, each[4]) for one, each in zip(prompts, asked, strict=True)))

    found = asyncio.run(all_at_once())
    assert found == [alone(new_decoder(1), one) for one in prompts]


async def test_a_known_prompt_is_not_read_again_and_gives_the_same(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder) as (stepper, seen):
        first = await answer(stepper, prompt(STARTS[0] + "a"))
        decoder.runs.clear()
        again = await answer(stepper, prompt(STARTS[0] + "b"))
        assert max(tokens for _, tokens in decoder.runs) <= 8
        assert seen.cached >= len(STARTS[0]) - 1  # two tokens are read in any case
    assert again == alone(new_decoder(1), prompt(STARTS[0] + "b"))
    assert first == alone(new_decoder(1), prompt(STARTS[0] + "a"))


async def test_a_caller_is_not_told_what_another_one_has_asked(new_decoder: Callable[[int], Decoder]) -> None:
    async with stepping(new_decoder(8)) as (stepper, seen):
        await answer(stepper, prompt(STARTS[0] + "a"), "one")
        await answer(stepper, prompt(STARTS[0] + "a"), "another")
        assert seen.cached == 0


async def test_no_chunk_of_a_prompt_is_a_single_token(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder, cost=SLOW) as (stepper, _):  # chunks are as small as they get
        going = asyncio.create_task(answer(stepper, endless("abc", 60), within_s=1e6))
        await until(lambda: stepper.num_in_flight == 1 and len(decoder.runs) > 3)
        for length in (17, 33, 49):
            decoder.runs.clear()
            await answer(stepper, endless([length] * length, 1), within_s=1e6)
            chunks = [tokens for rows, tokens in decoder.runs if tokens > 1]
            assert sum(chunks) == length
        going.cancel()


async def test_an_answer_that_is_whole_before_its_end_is_not_abandoned(new_decoder: Callable[[int], Decoder]) -> None:
    async with stepping(new_decoder(8)) as (stepper, seen):
        terms = stepper.admit(asyncio.get_running_loop().time() + 60)
        async with aclosing(stepper.generate(endless("a", 200), terms, lambda: True)) as stream:
            await anext(stream)
        await until(lambda: stepper.num_in_flight == 0)
        assert seen.ends == []


@pytest.mark.parametrize("phase", ["queue", "read", "write"])
async def test_who_has_left_leaves_nothing_behind(new_decoder: Callable[[int], Decoder], phase: str) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder, most_rows=2, cost=SLOW) as (stepper, seen):
        neighbour = asyncio.create_task(answer(stepper, endless("neighbour", 60), within_s=1e6))
        await until(lambda: len(seen.rows) > 1)
        if phase == "queue":
            other = asyncio.create_task(answer(stepper, endless("xyz", 60), within_s=1e6))
            await until(lambda: stepper.num_in_flight == 2)
        leaver = asyncio.create_task(answer(stepper, endless([11] * (150 if phase == "read" else 5), 60), within_s=1e6))
        if phase == "queue":
            await until(lambda: stepper.queue_size == 1)
        elif phase == "read":
            await until(lambda: stepper.num_in_flight == 2)
        else:
            await until(lambda: seen.rows[-1] == 2)
        leaver.cancel()
        await asyncio.wait([leaver])
        runs = len(decoder.runs)
        await until(lambda: stepper.queue_size == 0 and (phase == "queue" or stepper.num_in_flight == 1))
        of_leaver = {"queue": [], "read": [(1, 16)], "write": [(2, 1)]}[phase]
        assert sum(run in of_leaver for run in decoder.runs[runs:]) <= 1  # in the pass that had begun
        assert (phase, "abandoned") in seen.ends
        if phase == "queue":
            other.cancel()
        assert await neighbour == alone(new_decoder(1), endless("neighbour", 60))


async def test_a_flood_of_one_caller_does_not_keep_another_waiting(new_decoder: Callable[[int], Decoder]) -> None:
    order: list[str] = []

    async def ask(stepper: Stepper, caller: str) -> None:
        await answer(stepper, endless("abc", 8), caller, within_s=1e6)
        order.append(caller)

    async with stepping(new_decoder(8), most_rows=1, cost=SLOW) as (stepper, _):
        flood = [asyncio.create_task(ask(stepper, "flood")) for _ in range(20)]
        await until(lambda: stepper.num_in_flight == 1)
        await ask(stepper, "small")
        assert order.index("small") <= 3
        await asyncio.gather(*flood)


async def test_long_prompts_do_not_stop_those_who_get_tokens(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder, cost=SLOW) as (stepper, _):
        going = asyncio.create_task(answer(stepper, endless("abc", 100), within_s=1e6))
        await until(lambda: len(decoder.runs) > 3)
        decoder.runs.clear()
        await answer(stepper, endless([12] * 200, 1), within_s=1e6)
        chunks = [i for i, (_, tokens) in enumerate(decoder.runs) if tokens > 1]
        assert len(chunks) > 5
        assert all(other - one == 2 for one, other in pairwise(chunks))  # a step between each two
        going.cancel()


async def test_many_more_callers_than_slots_are_answered_in_turn_while_others_leave(
    new_decoder: Callable[[int], Decoder],
) -> None:
    order: list[int] = []

    async def ask(stepper: Stepper, number: int) -> list[Token]:
        found = await answer(stepper, endless([11 + number % 5] * 9, 6), f"caller {number}", within_s=1e6)
        order.append(number)
        return found

    async with stepping(new_decoder(8)) as (stepper, _):
        asked = []
        for number in range(36):  # nine for each of the four slots
            asked.append(asyncio.create_task(ask(stepper, number)))
            if number % 3 == 2:
                await asyncio.sleep(0.002)  # so that some leave a queue, some a prompt, some an answer
                asked[-3].cancel()
        found = await asyncio.gather(*asked, return_exceptions=True)
        await until(lambda: stepper.num_in_flight == 0)
        assert stepper.queue_size == 0
    stayed = [number for number in range(36) if not isinstance(found[number], BaseException)]
    assert {*range(36)} - {*stayed} <= {*range(0, 36, 3)}
    assert all(found[number] == alone(new_decoder(1), endless([11 + number % 5] * 9, 6)) for number in stayed)
    places = {number: place for place, number in enumerate(order)}
    assert max(abs(places[number] - at) for at, number in enumerate(stayed)) <= 8  # two rounds of the slots
