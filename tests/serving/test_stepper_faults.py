"""The stepper when something goes wrong: a prompt, a thread, a deadline, a queue that is full."""

import asyncio
from collections.abc import Callable
from time import sleep

import numpy as np
import pytest
from decoders import SLOW, Watched, alone, answer, endless, new_decoder, prompt, stepping, until
from dying import dead_are_told

from app.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, Overloaded
from app.tensors import Array, Decoder

__all__ = ["dead_are_told", "new_decoder"]
pytestmark = [
    pytest.mark.anyio,
    # Some tests end a thread.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


async def test_a_deadline_ends_an_answer_wherever_it_is(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder) as (stepper, _):
        decoder.before = lambda: sleep(0.01)
        with pytest.raises(DeadlineExceeded):
            await answer(stepper, endless("abc", 200), within_s=0.1)
        await until(lambda: stepper.num_in_flight == 0)
        decoder.before = lambda: None
        assert await answer(stepper, prompt("abc")) == alone(new_decoder(1), prompt("abc"))


async def test_a_poisoned_prompt_fails_alone(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    decoder.poison = 3 + ord("!")
    async with stepping(decoder) as (stepper, _):
        good = [prompt(text, 30) for text in ("one", "two", "three")]
        found = await asyncio.gather(
            *(answer(stepper, one) for one in good), answer(stepper, prompt("bad!")), return_exceptions=True
        )
        assert isinstance(found[3], InferenceFailed)
        assert "poison" not in str(found[3])
    assert found[:3] == [alone(new_decoder(1), one) for one in good]


async def test_a_row_that_fails_in_a_step_fails_alone(new_decoder: Callable[[int], Decoder]) -> None:
    good = [prompt(text, 30) for text in ("one", "two", "three")]
    bad = prompt("four", 30)
    tokens = alone(new_decoder(1), bad)
    others = {token.id for one in good for token in alone(new_decoder(1), one)} | {id for one in good for id in one.ids}
    poison = next(token.id for token in tokens[:-1] if token.id not in others)
    decoder = Watched(new_decoder(8))
    decoder.poison = poison
    async with stepping(decoder) as (stepper, _):
        found = await asyncio.gather(*(answer(stepper, one) for one in (*good, bad)), return_exceptions=True)
    assert isinstance(found[3], InferenceFailed)
    assert found[:3] == [alone(new_decoder(1), one) for one in good]


async def test_no_finite_logits_fail_one_answer(new_decoder: Callable[[int], Decoder]) -> None:
    class Broken(Watched):
        def run(self, ids: Array, first: int, lengths: Array) -> Array:
            logits = super().run(ids, first, lengths).copy()
            logits[(ids == 3 + ord("!")).any(axis=1)] = np.nan
            return logits

    async with stepping(Broken(new_decoder(8))) as (stepper, _):
        found = await asyncio.gather(
            answer(stepper, prompt("good")), answer(stepper, prompt("bad!")), return_exceptions=True
        )
    assert found[0] == alone(new_decoder(1), prompt("good"))
    assert isinstance(found[1], InferenceFailed)


async def test_when_the_thread_dies_answers_go_on(new_decoder: Callable[[int], Decoder]) -> None:
    decoders = [Watched(new_decoder(8)), new_decoder(8)]
    restored: list[int] = []

    def die() -> None:
        if len(decoders[0].runs) == 10:
            raise SystemExit

    decoders[0].before = die
    current: list[Decoder] = [decoders[0]]

    def restore() -> None:
        restored.append(1)
        current[0] = decoders[1]

    async with stepping(decoders[0], current=lambda: current[0], restore=restore) as (stepper, _):
        prompts = [prompt(text, 20) for text in ("one", "two", "three")]
        found = await asyncio.gather(*(answer(stepper, one) for one in prompts))
    assert restored == [1]
    assert found == [alone(new_decoder(1), one) for one in prompts]


async def test_what_kills_the_thread_again_and_again_is_given_up(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    decoder.poison, decoder.error = 3 + ord("!"), SystemExit
    async with stepping(decoder) as (stepper, _):
        with pytest.raises(InferenceFailed):
            await answer(stepper, prompt("bad!"))
        assert await answer(stepper, prompt("good")) == alone(new_decoder(1), prompt("good"))


async def test_an_answer_that_would_be_too_late_is_refused_at_once(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder, cost=SLOW) as (stepper, _):
        going = [asyncio.create_task(answer(stepper, endless("abc", 100), within_s=1e6)) for _ in range(6)]
        await until(lambda: stepper.num_in_flight == 4)
        with pytest.raises(Overloaded) as refused:
            await answer(stepper, prompt("late", 5), within_s=20.0)
        assert refused.value.retry_after_s > 1
        with pytest.raises(DeadlineExceeded, match="alone"):
            await answer(stepper, endless("late", 100), within_s=20.0)
        for one in going:
            one.cancel()


async def test_the_queue_has_an_end(new_decoder: Callable[[int], Decoder]) -> None:
    async with stepping(Watched(new_decoder(8)), most_rows=1, max_queue_size=2) as (stepper, _):
        going = [asyncio.create_task(answer(stepper, endless("abc", 200))) for _ in range(3)]
        await until(lambda: stepper.queue_size == 2)
        with pytest.raises(Overloaded, match="waiting"):
            await answer(stepper, prompt("abc"))
        for one in going:
            one.cancel()


async def test_an_unloaded_model_ends_its_answers(new_decoder: Callable[[int], Decoder]) -> None:
    async with stepping(new_decoder(8), most_rows=1) as (stepper, _):
        going = [asyncio.create_task(answer(stepper, endless("abc", 200))) for _ in range(3)]
        await until(lambda: stepper.queue_size == 2)
    found = await asyncio.gather(*going, return_exceptions=True)
    assert all(isinstance(one, ModelNotReady) for one in found)
