"""The stepper over a real decoder: an answer is the same whoever is beside it, and whatever happens to others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generation_models import CONTEXT, END, write_tiny_decoder
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, Overloaded
from app.generation.alone import generate_alone
from app.generation.prompt import Prompt, Sampling, Token
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.serving.step_cost import StepCost
from app.serving.stepper import Stepper
from app.tensors import Array, Decoder

pytestmark = [
    pytest.mark.anyio,
    # Some tests end a thread, and that may be told later.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

COST = StepCost(base_s=1e-3, row_s=1e-4, token_s=1e-7, read_s=1e-5, past_s=1e-8)
SLOW = StepCost(base_s=1.0, row_s=0.1, token_s=1e-3, read_s=1e-3, past_s=1e-6)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_decoder(tmp_path_factory.mktemp("decoder") / "model.onnx")


@pytest.fixture(scope="module")
def new_decoder(graph: Path) -> Callable[[int], Decoder]:
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=1))
    return lambda slots: session.decoder(slots, CONTEXT)


class Watched:
    """A decoder that keeps what it ran, and fails or waits where it is told to."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.slots, self.capacity = decoder.slots, decoder.capacity
        self.vocabulary, self.token_bytes = decoder.vocabulary, decoder.token_bytes
        self.copy, self.swap, self.forget = decoder.copy, decoder.swap, decoder.forget
        self.runs: list[tuple[int, int]] = []
        self.poison: int | None = None
        self.error: type[BaseException] = ValueError
        self.before: Callable[[], object] = lambda: None

    def run(self, ids: Array, first: int, lengths: Array) -> Array:
        self.before()
        self.runs.append((int(ids.shape[0]), int(ids.shape[1])))
        if self.poison is not None and self.poison in ids:
            raise self.error("poison")
        return self._decoder.run(ids, first, lengths)


class Seen:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []
        self.cached = 0
        self.rows: list[int] = []

    def stepped(self, rows: int, seconds: float) -> None:
        self.rows.append(rows)

    def read(self, tokens: int) -> None: ...

    def began(self, cached_tokens: int, queue_s: float) -> None:
        self.cached += cached_tokens

    def first_token(self, seconds: float) -> None: ...

    def ended(self, phase: str, reason: str) -> None:
        self.ends.append((phase, reason))


@asynccontextmanager
async def stepping(decoder: Decoder, **options: Any) -> AsyncIterator[tuple[Stepper, Seen]]:
    seen, given = Seen(), {"cost": COST, "most_rows": 4, "most_tokens": 4 * CONTEXT, "max_queue_size": 100, **options}
    current = given.pop("current", lambda: decoder)
    async with Stepper(current, observer=seen, **given) as stepper:
        yield stepper, seen


def prompt(text: str | Sequence[int], most: int = 12, **sampling: Any) -> Prompt:
    ids = tuple(3 + byte for byte in text.encode()) if isinstance(text, str) else tuple(text)
    return Prompt(ids, most, frozenset({END}), sampling=Sampling(**sampling))


def endless(text: str | Sequence[int], most: int) -> Prompt:
    """A prompt whose answer has all the tokens that it may have."""
    return replace(prompt(text, most), end_ids=frozenset())


def alone(decoder: Decoder, one: Prompt) -> list[Token]:
    return list(generate_alone(decoder, one))


async def answer(stepper: Stepper, one: Prompt, caller: str = "", within_s: float = 60.0) -> list[Token]:
    terms = stepper.admit(asyncio.get_running_loop().time() + within_s, 0, caller)
    async with aclosing(stepper.generate(one, terms)) as stream:
        return [token async for progress in stream for token in progress.tokens]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


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


async def test_a_deadline_ends_an_answer_wherever_it_is(new_decoder: Callable[[int], Decoder]) -> None:
    decoder = Watched(new_decoder(8))
    async with stepping(decoder) as (stepper, _):
        decoder.before = lambda: __import__("time").sleep(0.01)
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


async def test_an_unloaded_model_ends_its_answers(new_decoder: Callable[[int], Decoder]) -> None:
    async with stepping(new_decoder(8), most_rows=1) as (stepper, _):
        going = [asyncio.create_task(answer(stepper, endless("abc", 200))) for _ in range(3)]
        await until(lambda: stepper.queue_size == 2)
    found = await asyncio.gather(*going, return_exceptions=True)
    assert all(isinstance(one, ModelNotReady) for one in found)
