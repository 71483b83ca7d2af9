"""Open-loop load: requests come when they come, whether or not those before were answered.

Arrivals are a Poisson process from a seed. Latency counts from the moment a request was due, so a slow server cannot
hide behind a client that waits for it; a connection is opened whenever none is free.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httptools
import uvloop

REFUSED = (429, 503)
TIMED_OUT = (408, 504)  # admitted, and given up later
NO_ANSWER = 0  # none in time, or the connection was cut


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one request: its status, seconds from when it was due to when it was answered, and how late it was sent."""

    status: int
    latency_s: float
    sent_late_s: float


class _Connection(asyncio.Protocol):
    """One request at a time over one keep-alive connection."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[int] | None = None
        self.is_open = True

    async def ask(self, message: bytes) -> int:
        """The status of the answer, or NO_ANSWER."""
        self._answered = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(message)
        return await self._answered

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.is_open = self._parser.should_keep_alive()
        self._finish(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._finish(NO_ANSWER)

    def _finish(self, status: int) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_result(status)


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """When requests are due, in seconds from the start."""
    chance, due, found = random.Random(seed), 0.0, []
    while (due := due + chance.expovariate(rate)) < seconds:
        found.append(due)
    return found


async def open_loop(
    host: str,
    port: int,
    due: Sequence[float],
    message: Callable[[int], bytes],
    *,
    patience_s: float = 5.0,
    progress: Callable[[int], None] = lambda i: None,
) -> list[Outcome]:
    """Send `message(i)` at `due[i]`. Who has no answer `patience_s` after the last was due gets none."""
    loop = asyncio.get_running_loop()
    idle: list[_Connection] = []
    every: list[_Connection] = []
    outcomes = [Outcome(NO_ANSWER, float("inf"), 0.0)] * len(due)

    def free() -> _Connection | None:
        while idle:
            if (connection := idle.pop()).is_open:
                return connection
        return None

    async def send(i: int, at: float) -> None:
        late = loop.time() - at
        status = NO_ANSWER
        if connection := free():
            status = await connection.ask(message(i))
        if status == NO_ANSWER:  # a server may close what was idle at the very moment in which we use it
            try:
                _, connection = await loop.create_connection(_Connection, host, port)
                every.append(connection)
                status = await connection.ask(message(i))
            except OSError:
                status = NO_ANSWER
        outcomes[i] = Outcome(status, loop.time() - at, late)
        if connection and connection.is_open:
            idle.append(connection)

    started = loop.time()
    waiting: set[asyncio.Task[None]] = set()
    for i, offset in enumerate(due):
        if (pause := started + offset - loop.time()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(send(i, started + offset))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        progress(i)
    if waiting:
        await asyncio.wait(waiting, timeout=patience_s)
    for task in list(waiting):
        task.cancel()
    for connection in every:
        connection.close()
    await asyncio.sleep(0)
    return outcomes


def summarize(outcomes: Sequence[Outcome], seconds: float, deadline_s: float = float("inf")) -> dict[str, Any]:
    """Counts and rates as the client saw them; latencies in ms, those of accepted requests and of refusals apart."""
    accepted = [one for one in outcomes if one.status == 200]
    refused = [one for one in outcomes if one.status in REFUSED]
    good = [one for one in accepted if one.latency_s <= deadline_s]
    timed_out = sum(one.status in TIMED_OUT for one in outcomes)
    unanswered = sum(one.status == NO_ANSWER for one in outcomes)
    return {
        "offered": len(outcomes) / seconds,
        "goodput": len(good) / seconds,
        "requests": len(outcomes),
        "good": len(good),
        "late": len(accepted) - len(good) + timed_out,
        "timed_out": timed_out,
        "refused": len(refused),
        "unanswered": unanswered,
        "errors": len(outcomes) - len(accepted) - len(refused) - timed_out - unanswered,
        **_latencies("", accepted),
        **_latencies("refusal_", refused),
        "sent_late_p99_ms": quantile([one.sent_late_s for one in outcomes], 0.99),
    }


def _latencies(prefix: str, outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    seconds = [one.latency_s for one in outcomes]
    names = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "max_ms": 1.0}
    return {prefix + name: quantile(seconds, share) for name, share in names.items()}


def quantile(seconds: Sequence[float], share: float) -> float | None:
    """In ms, the nearest rank; None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(
    port: int, messages: Sequence[bytes], rate: float, seconds: float, seed: int, deadline_s: float = float("inf")
) -> dict[str, Any]:
    """Send `messages` in turn at `rate` requests a second to this machine's `port`."""
    due = arrivals(rate, seconds, seed)
    patience_s = min(2 * deadline_s, 20.0)
    sent = open_loop("127.0.0.1", port, due, lambda i: messages[i % len(messages)], patience_s=patience_s)
    return summarize(uvloop.run(sent), seconds, deadline_s)
