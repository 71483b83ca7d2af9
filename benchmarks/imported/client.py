"""Connections that stay open and ask again as soon as they are answered. Knows nothing of servers."""

import asyncio
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

NO_ANSWER = 0
TIMEOUT_S = 60.0


class Asked(NamedTuple):
    """A request: the number of its text, the status and body of its answer, when it was answered and how long it took.

    Times are in seconds, `at` since the load began.
    """

    text: int
    status: int
    body: bytes
    at: float
    latency_s: float


def message(path: str, body: bytes) -> bytes:
    """A request whose sender waits for TIMEOUT_S, and tells those who listen."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"X-Request-Timeout-Ms: {1000 * TIMEOUT_S:.0f}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def closed(
    port: int, messages: Sequence[bytes], order: Iterator[int], connections: int, seconds: float
) -> list[Asked]:
    """Ask the messages in this order over so many connections, until `seconds` are over.

    What was asked before the end is waited for, and counts by when it was answered.
    """
    found: list[Asked] = []
    began = perf_counter()

    async def connection() -> None:
        reader = writer = None
        while perf_counter() < began + seconds and (text := next(order, None)) is not None:
            asked = perf_counter()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(messages[text])
                    status, body = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError, ValueError):  # TimeoutError is an OSError
                status, body = NO_ANSWER, b""
            found.append(Asked(text, status, body, perf_counter() - began, perf_counter() - asked))
            if status == NO_ANSWER and writer is not None:
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return found


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Raises ValueError for an answer that does not tell its length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length))
