"""The client that streams, and the figures of what it hears, beside a small server that sends events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.generation.asks import Ask, Asks
from benchmarks.generation.client import Client, Told
from benchmarks.generation.figures import answer_of, between_during, summarize
from benchmarks.generation.report import text
from benchmarks.generation.targets import TARGETS, Target

PAUSE_S = 0.02


def piece(text: str, finish: str | None = None, **more: object) -> bytes:
    event = {"choices": [{"index": 0, "text": text, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


WHOLE = [piece("a"), piece("b"), piece("c d"), piece("", "length", usage={"prompt_tokens": 3, "completion_tokens": 4})]


@asynccontextmanager
async def server(status: str = "200 OK") -> AsyncIterator[tuple[Client, list[int]]]:
    """Sends the events of WHOLE with pauses, each cut in two; the list has how many events each client was sent."""
    sent: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            sent.append(0)
            for event in [*WHOLE, b"data: [DONE]\n\n"] if status.startswith("200") else [b"{}"]:
                for part in (event[:7], event[7:]):
                    if part:
                        writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
                sent[-1] += 1
                await asyncio.sleep(PAUSE_S)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as one:
        yield Client(one.sockets[0].getsockname()[1], "model"), sent


def ask(**settings: object) -> Told:
    async def run() -> Told:
        async with server() as (client, _):
            return await client.ask(Ask((1, 2, 3), 4), **settings)  # type: ignore[arg-type]

    return asyncio.run(run())


def test_a_whole_answer_has_the_tokens_that_were_reported() -> None:
    answer = answer_of(ask())
    assert answer is not None
    assert (answer.tokens, answer.prompt_tokens, len(answer.pieces), answer.is_whole) == (4, 3, 3, True)
    assert len(answer.between_s) == 2
    assert answer.each_s == pytest.approx((answer.pieces[-1] - answer.pieces[0]) / 3)


def test_who_hangs_up_has_no_whole_answer_and_what_came_counts() -> None:
    told = ask(leaves_after=2)
    answer = answer_of(told)
    assert told.left
    assert answer is not None
    assert (answer.tokens, answer.is_whole) == (2, False)
    assert summarize([told], 1.0)["left"] == 1


def test_an_answer_is_given_up_at_its_deadline() -> None:
    told = ask(deadline_s=PAUSE_S / 2)
    assert told.left
    assert summarize([told], 1.0, deadline_s=PAUSE_S / 2)["goodput_s"] == 0


def test_a_refusal_is_told_apart_from_a_failure() -> None:
    async def run() -> tuple[Told, Told]:
        async with server("429 Too Many Requests") as (client, _):
            refused = await client.ask(Ask((1,), 1))
        return refused, await client.ask(Ask((1,), 1))

    found = summarize(asyncio.run(run()), 1.0)
    assert (found["refused"], found["failed"], found["tokens_s"]) == (1, 1, 0)


def test_times_between_pieces_count_that_reach_into_the_window() -> None:
    told = Told(Ask((1,), 3), sent=100.0, status=200)
    told.received = [(1.0, piece("a")), (1.1, piece("b")), (2.0, piece("c"))]
    for end in (101.7, 102.5):  # with the last piece, and while there is none
        found = between_during([told], 101.5, end)
        assert found["itl_p50_ms"] == found["itl_max_ms"] == pytest.approx(900)
    assert between_during([told], 100.0, 100.9)["itl_max_ms"] is None


def test_asks_are_those_of_their_seed_and_lie_between_their_ends() -> None:
    drawn = Asks(range(2000), seed=1).mixed(50)
    assert drawn == Asks(range(2000), seed=1).mixed(50)
    assert drawn != Asks(range(2000), seed=2).mixed(50)
    assert all(32 <= len(one.ids) <= 1024 and 16 <= one.answer <= 256 for one in drawn)
    assert sum(Asks(range(2000), seed=1).shares(0.3, 50)) == 15


def test_a_target_takes_the_best_of_the_others() -> None:
    found = {"ours": {"rate": 6.0, "ms": 2.0}, "a": {"rate": 2.0, "ms": 4.0}, "b": {"rate": 3.0, "ms": 8.0}}
    most = Target("mixed", "rate", 2.0, is_least=True, others=("a", "b"))
    least = Target("mixed", "ms", 0.5, is_least=False, others=("a", "b"))
    assert (most.in_round(found), least.in_round(found)) == (2.0, 0.5)
    assert most.is_reached(2.0)
    assert not least.is_reached(0.6)
    assert most.in_round({"ours": {"rate": 6.0}}) is None


def test_the_report_has_each_target_and_says_that_a_trial_is_one() -> None:
    machine = {"cpu": "a processor", "cores": 2}
    rounds = [{"ours": {"tokens_s": 90.0}, "llama-server": {"tokens_s": 60.0}, "vllm": {"failed_to": "no wheel"}}]
    run = {"command": "python …", "measured": "now", "size": 0.1, "is_disturbed": False, "machine": machine}
    report = text([run | {"rounds": {"even": rounds}}])
    assert "**A trial**" in report
    assert "not measured: vllm: no wheel" in report
    assert "| 1.5 | yes |" in report
    assert sum(line.count("at least") + line.count("at most") for line in report.splitlines()) == len(TARGETS)


def test_a_report_of_several_runs_divides_figures_of_one_round_only() -> None:
    machine = {"cpu": "a processor", "cores": 2}
    run = {"measured": "now", "size": 1.0, "is_disturbed": False, "machine": machine}
    slow = run | {"command": "first", "rounds": {"even": [{"ours": {"tokens_s": 50.0}, "vllm": {"tokens_s": 40.0}}]}}
    fast = run | {"command": "second", "rounds": {"even": [{"ours": {"tokens_s": 90.0}, "genai": {"tokens_s": 60.0}}]}}
    report = text([slow, fast])
    assert "- `first`: now, 1 round" in report
    assert "- `second`: now, 1 round" in report
    assert "| vllm | 40 | – | – | – | – | 1.25 |" in report
    assert "| genai | 60 | – | – | – | – | 1.5 |" in report
    assert "| ours | 70 (50-90) |" in report
