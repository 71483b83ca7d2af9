"""Loads of sentences on one server, and what came of them."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any

from benchmarks.load import arrivals
from benchmarks.translation.client import ask
from benchmarks.translation.environments import tokens_of
from benchmarks.translation.figures import Took
from benchmarks.translation.servers import Running

AT_A_TIME = 64


async def lists(one: Running, texts: Sequence[str], latencies: list[float]) -> list[str]:
    """One client, whose requests have AT_A_TIME sentences, one request after another."""
    found: list[str] = []
    for at in range(0, len(texts), AT_A_TIME):
        found += await _asked(one, texts[at : at + AT_A_TIME], latencies)
    return found


async def closed(one: Running, texts: Sequence[str], latencies: list[float]) -> list[str]:
    """AT_A_TIME clients of one sentence, who each ask again as soon as they are answered."""
    found, left = [""] * len(texts), iter(range(len(texts)))

    async def client() -> None:
        for i in left:
            found[i : i + 1] = await _asked(one, [texts[i]], latencies)

    await asyncio.gather(*(client() for _ in range(AT_A_TIME)))
    return found


async def alone(one: Running, texts: Sequence[str], latencies: list[float]) -> list[str]:
    """One sentence after another."""
    return [text for asked in texts for text in await _asked(one, [asked], latencies)]


async def arriving(one: Running, texts: Sequence[str], due: Sequence[float], latencies: list[float]) -> list[str]:
    """Sentences that come when they come; latencies count from when each was due."""
    began = perf_counter()

    async def send(text: str, offset: float) -> list[str]:
        await asyncio.sleep(max(0.0, began + offset - perf_counter()))
        return await _asked(one, [text], latencies, began + offset)

    return [text for some in await asyncio.gather(*map(send, texts, due)) for text in some]


async def _asked(one: Running, texts: Sequence[str], latencies: list[float], due: float | None = None) -> list[str]:
    began = perf_counter() if due is None else due
    answer = await ask(one.port, one.server.path, texts)
    latencies.append(perf_counter() - began)
    return list(answer.texts) if answer.status == 200 else [""] * len(texts)


def measured(one: Running, load: Coroutine[Any, Any, list[str]], texts: Sequence[str], latencies: list[float]) -> Took:
    """Return what a load took. Tokens are those of answers that are right: the sentences themselves."""
    cpu, wall = one.cpu_s, perf_counter()
    answers = asyncio.run(load)
    wall, cpu = perf_counter() - wall, one.cpu_s - cpu
    is_copied = one.server.models is None
    right = [text for text, answer in zip(texts, answers, strict=True) if (answer == text if is_copied else answer)]
    # A student's answers are counted in the same tokens: those of the texts that it translates.
    return Took(tokens_of(right), wall, cpu, tuple(latencies), len(texts) - len(right))


def due_of(rate: float, seconds: float, seed: int) -> list[float]:
    return arrivals(rate, seconds, seed)


def drawn(texts: Sequence[str], number: int, seed: int) -> list[str]:
    return random.Random(seed).choices(texts, k=number)
