"""The load generator against a server whose delays and refusals are known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import uvloop

from benchmarks.load import NO_ANSWER, Outcome, arrivals, open_loop, summarize

MESSAGE = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}"

Answer = tuple[int, float]
"""Status, and seconds until it is sent."""


@asynccontextmanager
async def server(
    answer: Callable[[int], Answer], *, one_at_a_time: bool = False, connections: list[object] | None = None
) -> AsyncIterator[int]:
    """Answers request i with `answer(i)`; its port. Adds to `connections` each that is opened."""
    lock, count, serving = asyncio.Lock(), 0, [] if connections is None else connections

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        serving.append(asyncio.current_task())
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                status, delay_s = answer(count)
                count += 1
                if one_at_a_time:
                    async with lock:
                        await asyncio.sleep(delay_s)
                else:
                    await asyncio.sleep(delay_s)
                writer.write(f"HTTP/1.1 {status} any\r\nContent-Length: 4\r\n\r\ndone".encode())
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)
        await asyncio.sleep(0)


async def outcomes_of(answer: Callable[[int], Answer], due: list[float], **options: float | bool) -> list[Outcome]:
    patience_s = float(options.pop("patience_s", 2.0))
    async with server(answer, one_at_a_time=bool(options.pop("one_at_a_time", False))) as port:
        return await open_loop("127.0.0.1", port, due, lambda _: MESSAGE, patience_s=patience_s)


def test_good_late_refused_and_failed_answers_are_told_apart() -> None:
    answers = [(200, 0.0), (200, 0.3), (429, 0.0), (503, 0.0), (504, 0.0), (500, 0.0), (200, 0.0), (200, 9.0)]
    due = [0.05 * i for i in range(len(answers))]
    outcomes = uvloop.run(outcomes_of(answers.__getitem__, due, patience_s=0.3))
    found = summarize(outcomes, seconds=0.5, deadline_s=0.15)
    assert {name: found[name] for name in ("requests", "good", "late", "refused", "errors", "unanswered")} == {
        "requests": 8,
        "good": 2,
        "late": 2,  # one 200 after the deadline, one 504
        "refused": 2,
        "errors": 1,
        "unanswered": 1,
    }
    assert found["goodput"] == pytest.approx(4)
    assert found["refusal_max_ms"] < 150 < 299 < found["max_ms"]


def test_waiting_for_a_slow_server_counts_as_latency() -> None:
    """Ten requests due at once, one served in 50 ms: the last has waited for all. A client that asks for the next one
    only when it has its answer would see 50 ms each time."""
    outcomes = uvloop.run(outcomes_of(lambda _: (200, 0.05), [0.0] * 10, one_at_a_time=True))
    latencies = sorted(outcome.latency_s for outcome in outcomes)
    assert latencies[0] >= 0.045
    assert latencies[-1] >= 0.45


def test_requests_are_sent_when_due_though_none_is_answered() -> None:
    due = [0.02 * i for i in range(10)]
    outcomes = uvloop.run(outcomes_of(lambda _: (200, 60.0), due, patience_s=0.05))
    assert {outcome.status for outcome in outcomes} == {NO_ANSWER}
    assert summarize(outcomes, 0.2)["unanswered"] == 10


def test_a_free_connection_is_used_again_and_a_busy_one_is_not() -> None:
    async def count(due: list[float]) -> int:
        connections: list[object] = []
        async with server(lambda _: (200, 0.03), connections=connections) as port:
            await open_loop("127.0.0.1", port, due, lambda _: MESSAGE)
            return len(connections)

    assert uvloop.run(count([0.1 * i for i in range(5)])) == 1
    assert uvloop.run(count([0.0] * 5)) == 5


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    """It answers, and closes without a word when it is asked again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        await reader.readuntil(b"\r\n\r\n{}")
        writer.transport.abort()

    async def ask() -> list[Outcome]:
        async with await asyncio.start_server(serve, "127.0.0.1") as listening:
            return await open_loop("127.0.0.1", listening.sockets[0].getsockname()[1], [0.0, 0.1], lambda _: MESSAGE)

    assert [outcome.status for outcome in uvloop.run(ask())] == [200, 200]


def test_nobody_listens() -> None:
    async def ask() -> list[Outcome]:
        async with server(lambda _: (200, 0.0)) as port:
            pass
        return await open_loop("127.0.0.1", port, [0.0, 0.01], lambda _: MESSAGE)

    assert [outcome.status for outcome in uvloop.run(ask())] == [NO_ANSWER, NO_ANSWER]


def test_arrivals_have_the_rate_and_irregularity_of_a_poisson_process_and_follow_from_the_seed() -> None:
    due = arrivals(rate=200, seconds=50, seed=1)
    assert len(due) == pytest.approx(10_000, rel=0.05)
    gaps = [later - sooner for sooner, later in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.1)
    assert due == arrivals(200, 50, 1) != arrivals(200, 50, 2)
