"""The loads that each server is measured under, as a table: name, title, and the function that measures it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import uvloop

from benchmarks.generation import loads
from benchmarks.generation.asks import Ask, Asks
from benchmarks.generation.client import Client
from benchmarks.generation.figures import Answer, answer_of, between_during, summarize
from benchmarks.generation.predicting import predicting
from benchmarks.load import arrivals
from benchmarks.running import ServerFailed

CLIENTS = 8
LONG_PROMPT = 1024
SHARED, OWN = 512, 32  # tokens of prompts that begin alike, and those that follow
DEADLINE_S = 10.0
OVERLOAD = 2.0  # times the asks a second that are answered in a closed loop
HANG_UPS = 0.3  # of the callers, after a quarter of their answers

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """One server in one round. `size` 1 is what is reported; less is a trial. `asks`: those of this scenario."""

    client: Client
    asks: Asks
    size: float

    def number(self, whole: int) -> int:
        return max(CLIENTS, round(self.size * whole))


@dataclass(frozen=True, slots=True)
class Scenario:
    """`title`: what is done, for the report. `ours_only`: the target is of our service alone."""

    name: str
    title: str
    measure: Callable[[Terms], Coroutine[Any, Any, Found]]
    ours_only: bool = False


def measure(scenario: Scenario, terms: Terms) -> Found:
    return uvloop.run(scenario.measure(terms))


async def _alone(terms: Terms) -> Found:
    return await _closed(terms, terms.asks.mixed(max(2, round(terms.size * 12))), 1)


async def _even(terms: Terms) -> Found:
    return await _closed(terms, terms.asks.of(256, 128, terms.number(48)), CLIENTS)


async def _mixed(terms: Terms) -> Found:
    return await _closed(terms, terms.asks.mixed(terms.number(64)), CLIENTS)


async def _closed(terms: Terms, asks: list[Ask], clients: int) -> Found:
    return summarize(*await loads.closed(terms.client, asks, clients))


async def _arrival(terms: Terms) -> Found:
    """Seven answers, and the long prompt when all have begun: their pieces between its sending and its first."""
    long = terms.asks.one(LONG_PROMPT, 8)

    async def arrive() -> tuple[float, Answer | None]:
        told = await terms.client.ask(long)
        return told.sent, answer_of(told)

    others, (sent, answer) = await loads.beside(terms.client, terms.asks.of(64, 192, CLIENTS - 1), arrive)
    if answer is None:
        raise ServerFailed("the long prompt was not answered")
    before = between_during(others, 0.0, sent)
    during = between_during(others, sent, sent + answer.first_s)
    return {**during, "ttft_ms": 1000 * answer.first_s, "itl_p50_before_ms": before["itl_p50_ms"]}


async def _prefix(terms: Terms) -> Found:
    """First tokens of prompts that begin alike, one after the other; the median of some such pairs."""
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(max(2, round(terms.size * 8))):
        shared = terms.asks.tokens(SHARED)
        for seconds in (cold, warm):
            answer = answer_of(await terms.client.ask(Ask(shared + terms.asks.tokens(OWN), 4)))
            if answer is None:
                raise ServerFailed("a prompt was not answered")
            seconds.append(answer.first_s)
    return {"cold_ms": 1000 * median(cold), "warm_ms": 1000 * median(warm), "warm_share": median(warm) / median(cold)}


async def _hang_ups(terms: Terms) -> Found:
    """The same asks twice: all stay until the end; then some hang up, and what the others get counts."""
    asks = terms.asks.mixed(terms.number(48))
    leaves = terms.asks.shares(HANG_UPS, len(asks))

    def leaves_after(i: int) -> int | None:
        return max(1, asks[i].answer // 4) if leaves[i] else None

    staying = [i for i, left in enumerate(leaves) if not left]
    found = {}
    for case, leave in (("stayed", lambda i: None), ("left", leaves_after)):
        told, seconds = await loads.closed(terms.client, asks, CLIENTS, leave)
        found[case] = summarize([told[i] for i in staying], seconds)["tokens_s"]
    others = {"others_tokens_s": found["left"], "others_ratio": found["left"] / found["stayed"]}
    return {**others, "slot_free_ms": await _slot_free_ms(terms)}


async def _slot_free_ms(terms: Terms) -> float:
    """From when one of eight hangs up until a ninth, who waits for its place, has its first token."""
    client = terms.client
    eight = [asyncio.create_task(client.ask(ask)) for ask in terms.asks.of(64, 256, CLIENTS)]
    heard = asyncio.Event()
    await asyncio.sleep(0.1)
    ninth = asyncio.create_task(client.ask(terms.asks.one(32, 4), heard=heard.set))
    await asyncio.sleep(4.0)
    if heard.is_set():  # this one does not wait: it has more than eight places
        free_s = 0.0
    else:
        left = perf_counter()
        await loads.hang_up(eight[0])
        await heard.wait()
        free_s = perf_counter() - left
    for one in (*eight, ninth):
        await loads.hang_up(one)
    return 1000 * free_s


async def _overload(terms: Terms) -> Found:
    """The saturation of this server in a closed loop, and then twice as many asks a second, whoever is answered."""
    saturated = await _closed(terms, terms.asks.few(terms.number(64)), CLIENTS)
    rate, seconds = OVERLOAD * saturated["requests_s"], max(15.0, 60.0 * terms.size)
    due = arrivals(rate, seconds, seed=0)
    told, _ = await loads.arriving(terms.client, terms.asks.few(len(due)), due, DEADLINE_S)
    # Answers to what came last come later than `seconds`, as those to what came first do.
    found = summarize(told, seconds + DEADLINE_S, DEADLINE_S)
    goodput = found["goodput_s"] * (seconds + DEADLINE_S) / seconds
    return {**found, "saturation_s": saturated["requests_s"], "goodput_share": goodput / saturated["requests_s"]}


async def _beside(terms: Terms) -> Found:
    """Predictions of another model, one after the other: alone, and beside eight answers that are written."""
    number = max(50, round(400 * terms.size))
    alone = await predicting(terms.client.port, number)
    asks = terms.asks.of(64, 256, CLIENTS)
    _, busy = await loads.beside(terms.client, asks, lambda: predicting(terms.client.port, number // 4))
    return {
        **{f"alone_{name}": value for name, value in alone.items()},
        **{f"beside_{name}": value for name, value in busy.items()},
        "p99_ratio": busy["p99_ms"] / alone["p99_ms"],
    }


SCENARIOS = (
    Scenario("alone", "one client, mixed lengths", _alone),
    Scenario("even", "8 clients, prompts of 256 and answers of 128 tokens", _even),
    Scenario("mixed", "8 clients, mixed lengths", _mixed),
    Scenario("arrival", "1,024 tokens arrive while 7 answers are written", _arrival),
    Scenario("prefix", "512 tokens that were read before, 32 that were not", _prefix),
    Scenario("hangups", "30 % of the callers hang up", _hang_ups),
    Scenario("overload", "twice saturation, deadline of 10 s", _overload, ours_only=True),
    Scenario("beside", "short texts to another model beside 8 answers", _beside, ours_only=True),
)
NAMES = (*(scenario.name for scenario in SCENARIOS), "soak")
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}
