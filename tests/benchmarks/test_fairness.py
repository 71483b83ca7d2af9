import asyncio

import pytest

from benchmarks.fairness import FLOODS, Found, ask_on, message, table


@pytest.mark.parametrize(
    ("beside_s", "rows", "failures", "is_good"),
    [(0.03, 90.0, 0, True), (0.031, 90.0, 0, False), (0.03, 79.0, 0, False), (0.01, 100.0, 1, False)],
)
def test_what_is_promised_is_judged(beside_s, rows, failures, is_good):
    found = Found([0.01] * 100, [beside_s] * 100, [100.0], [rows], failures)
    assert found.is_good is is_good
    assert ("good" if is_good else "missed") in table({"a flood": found}).splitlines()[-1]


def test_the_slowest_hundredth_counts():
    assert Found([0.01] * 200, [0.01] * 197 + [0.05] * 3, [1.0], [1.0]).ratio == pytest.approx(5)


def test_every_flood_asks_for_more_than_what_is_asked_beside_it():
    for flood in FLOODS:
        path, body = flood.small()
        large = flood.connections * len(message(flood.path, flood.body()))
        assert large > 5 * len(message(path, body))


def test_it_asks_again_until_it_is_told_to_end_and_tells_what_was_not_answered():
    answers = [b"200 OK", b"429 Too Many Requests\r\nRetry-After: 0", b"200 OK"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def main() -> list[float]:
        go_on = iter([True] * len(answers) + [False])
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await ask_on(port, "127.0.0.2", message("/", {}), 0.0, lambda: next(go_on))

    taken = asyncio.run(asyncio.wait_for(main(), 10))
    assert [one > 0 for one in taken] == [True, False, True]
