"""Steppers over a tiny decoder that is watched, for tests: what it ran, whom it told, how it fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from generation_models import CONTEXT, END, write_tiny_decoder

from app.generation.alone import generate_alone
from app.generation.prompt import Prompt, Sampling, Token
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.serving.step_cost import StepCost
from app.serving.stepper import Stepper
from app.tensors import Array, Decoder

COST = StepCost(base_s=1e-3, row_s=1e-4, token_s=1e-7, read_s=1e-5, past_s=1e-8)
SLOW = StepCost(base_s=1.0, row_s=0.1, token_s=1e-3, read_s=1e-3, past_s=1e-6)


@pytest.fixture(scope="session")
def new_decoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Decoder]:
    """Makes tiny decoders with so many slots."""
    graph = write_tiny_decoder(tmp_path_factory.mktemp("decoder") / "model.onnx")
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
        self.ids: list[list[int]] = []
        self.poison: int | None = None
        self.error: type[BaseException] = ValueError
        self.before: Callable[[], object] = lambda: None

    def run(self, ids: Array, first: int, lengths: Array) -> Array:
        self.before()
        self.runs.append((int(ids.shape[0]), int(ids.shape[1])))
        self.ids.append(ids.ravel().tolist())
        if self.poison is not None and self.poison in ids:
            raise self.error("poison")
        return self._decoder.run(ids, first, lengths)


class Seen:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []
        self.cached = 0
        self.rows: list[int] = []
        self.answers: list[int] = []

    def stepped(self, answers: int, rows: int, seconds: float) -> None:
        self.rows.append(rows)
        self.answers.append(answers)

    def read(self, tokens: int) -> None: ...

    def began(self, cached_tokens: int, queue_s: float) -> None:
        self.cached += cached_tokens

    def first_token(self, seconds: float) -> None: ...

    def ended(self, phase: str, reason: str) -> None:
        self.ends.append((phase, reason))


@asynccontextmanager
async def stepping(decoder: Decoder, **options: Any) -> AsyncIterator[tuple[Stepper, Seen]]:
    seen, given = Seen(), {"cost": COST, "most_rows": 4, "most_tokens": 4 * CONTEXT, "max_queue_size": 100, **options}
    given["cost"] = replace(given["cost"])  # it learns, and others begin with what it was
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
    async with aclosing(stepper.generate(one, terms, lambda: False)) as stream:
        return [token async for progress in stream for token in progress.tokens]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
