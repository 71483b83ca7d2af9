"""Answers that are searched for, in a stepper: each is the same whoever is beside it, and whatever happens."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from time import sleep

import numpy as np
import pytest
from decoders import COST, SLOW, Watched, alone, answer, endless, new_decoder, prompt, stepping, until
from dying import dead_are_told
from generation_models import CONTEXT, END
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_translator import CONTEXT as PLACES
from tiny_translator import sessions, student

from app.errors import DeadlineExceeded, InferenceFailed
from app.generation.prompt import Beams, Prompt, Token
from app.serving.stepper import Stepper
from app.tensors import Decoder, sequence_decoder_of, source_of

__all__ = ["dead_are_told", "new_decoder"]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
ENDS = frozenset({END, *range(100, 130)})  # of noise an end comes late: some more tokens end it


def searched(text: str, most: int = 12, beams: int = 3, penalty: float = 1.0) -> Prompt:
    return replace(prompt(text, most), end_ids=ENDS, beams=Beams(beams, penalty))


ASKED = st.lists(
    st.tuples(
        st.text("abc ", min_size=1, max_size=40),
        st.integers(1, 20),
        st.integers(1, 5),
        st.sampled_from([0.5, 1.0]),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=20, deadline=None)
@given(asked=ASKED, cost=st.sampled_from([COST, SLOW]))
def test_what_is_found_is_the_same_alone_and_in_any_company(
    new_decoder: Callable[[int], Decoder], asked: list[tuple[str, int, int, float, int]], cost: object
) -> None:
    prompts = [searched(*each[:4]) for each in asked]

    async def all_at_once() -> list[list[Token]]:
        async with stepping(new_decoder(10), most_rows=5, most_tokens=5 * CONTEXT, cost=cost) as (stepper, seen):

            async def later(one: Prompt, turns: int) -> list[Token]:
                for _ in range(turns):
                    await asyncio.sleep(0.001)
                return await answer(stepper, one, within_s=1e6)

            found = await asyncio.gather(*(later(one, each[4]) for one, each in zip(prompts, asked, strict=True)))
            assert max(seen.rows, default=0) <= 5
            return found

    assert asyncio.run(all_at_once()) == [alone(new_decoder(5), one) for one in prompts]


async def test_those_of_sources_find_the_same_in_company() -> None:
    def decoder(slots: int) -> Decoder:
        made = sessions()
        return sequence_decoder_of(made["encoder"], made["decoder"], slots, PLACES, PLACES)

    def ask(ids: list[int], beams: int) -> Prompt:
        return Prompt((student().start_id,), 14, frozenset({0}), source=source_of(np.array(ids)), beams=Beams(beams))

    asked = [ask([5 + i, 40, 9 * i, 0][-2 - i % 3 :], 1 + i % 4) for i in range(12)]
    async with stepping(decoder(12), most_rows=6) as (stepper, _):
        found = await asyncio.gather(*(answer(stepper, one, str(i % 3)) for i, one in enumerate(asked)))
    own = decoder(4)
    assert found == [alone(own, one) for one in asked]


async def test_nothing_is_told_before_the_whole_is_known_and_a_step_counts_one_token(
    new_decoder: Callable[[int], Decoder],
) -> None:
    one = replace(searched("abc", 9), end_ids=frozenset())
    async with stepping(new_decoder(8)) as (stepper, seen):
        terms = stepper.admit(asyncio.get_running_loop().time() + 60)
        async with aclosing(stepper.generate(one, terms, lambda: False)) as stream:
            [only] = [progress async for progress in stream]
        await until(lambda: stepper.num_in_flight == 0)
        assert stepper.known_tokens == 0
    assert (list(only.tokens), only.finish) == (alone(new_decoder(3), one), "length")
    assert seen.rows == [3] * 8  # the first tokens are those of the prompt
    assert seen.answers == [1] * 8


async def test_rows_are_never_more_than_may_and_who_comes_first_is_first(new_decoder: Callable[[int], Decoder]) -> None:
    order: list[int] = []

    async def ask(stepper: Stepper, beams: int) -> None:
        await answer(stepper, replace(searched("abc", 8, beams), end_ids=frozenset()), within_s=1e6)
        order.append(beams)

    async with stepping(new_decoder(8)) as (stepper, seen):
        asked = []
        for beams in (2, 4, 1):  # the last would fit beside the first
            asked.append(asyncio.create_task(ask(stepper, beams)))
            await until(lambda: stepper.num_in_flight + stepper.queue_size + len(order) == len(asked))
        await asyncio.gather(*asked)
    assert order == [2, 4, 1]
    assert max(seen.rows) == 4


@pytest.mark.parametrize("phase", ["read", "write"])
async def test_who_has_left_leaves_no_beam_behind(new_decoder: Callable[[int], Decoder], phase: str) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder, cost=SLOW) as (stepper, seen):
        neighbour = asyncio.create_task(answer(stepper, endless("neighbour", 60), within_s=1e6))
        await until(lambda: len(seen.rows) > 1)
        text = "x" * (150 if phase == "read" else 5)
        one = replace(searched(text, 60), end_ids=frozenset())
        leaver = asyncio.create_task(answer(stepper, one, within_s=1e6))
        await until(lambda: stepper.num_in_flight == 2 if phase == "read" else seen.rows[-1] == 4)
        leaver.cancel()
        await asyncio.wait([leaver])
        await until(lambda: stepper.num_in_flight == 1)
        await until(lambda: seen.rows[-1] == 1)
        assert (phase, "abandoned") in seen.ends
        assert await neighbour == alone(new_decoder(1), endless("neighbour", 60))


async def test_a_deadline_ends_a_search(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder) as (stepper, _):
        decoder.before = lambda: sleep(0.01)
        with pytest.raises(DeadlineExceeded):
            await answer(stepper, replace(searched("abc", 200), end_ids=frozenset()), within_s=0.1)
        await until(lambda: stepper.num_in_flight == 0)


async def test_a_row_that_fails_fails_its_own_search(new_decoder: Callable[[int], Decoder]) -> None:
    good = [searched("one", 10), prompt("two", 10)]
    decoder = Watched(new_decoder(12))
    async with stepping(decoder, most_rows=6) as (stepper, _):
        await asyncio.gather(*(answer(stepper, one) for one in good))
        known = {id for run in decoder.ids for id in run}
        bad = searched("four", 10, 2)
        decoder.ids.clear()
        await answer(stepper, bad)
        decoder.poison = next(id for run in decoder.ids[1:] for id in run if id not in {*known, *bad.ids})
        found = await asyncio.gather(*(answer(stepper, one) for one in (*good, bad)), return_exceptions=True)
    assert isinstance(found[2], InferenceFailed)
    assert found[:2] == [alone(new_decoder(3), one) for one in good]


async def test_when_the_thread_dies_searches_begin_again(new_decoder: Callable[[int], Decoder]) -> None:
    decoders = [Watched(new_decoder(12)), Watched(new_decoder(12))]
    current = [decoders[0]]

    def die() -> None:
        if len(decoders[0].runs) == 10:
            raise SystemExit

    decoders[0].before = die

    def restore() -> None:
        current[0] = decoders[1]

    prompts = [searched("one", 20), prompt("two", 20), searched("three", 20, 2, 0.5)]
    async with stepping(decoders[0], most_rows=6, current=lambda: current[0], restore=restore) as (stepper, _):
        found = await asyncio.gather(*(answer(stepper, one) for one in prompts))
    assert decoders[1].runs
    assert found == [alone(new_decoder(3), one) for one in prompts]
