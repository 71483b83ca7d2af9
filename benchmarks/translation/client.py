"""A client of servers that translate: one request over one connection of its own. Knows nothing of loads."""

import asyncio
import json
from collections.abc import Sequence
from typing import NamedTuple

NO_ANSWER = 0


class Answer(NamedTuple):
    status: int
    texts: tuple[str, ...]


def message(path: str, texts: Sequence[str]) -> bytes:
    """A request that both kinds of servers read: ours takes texts as they are, too."""
    body = json.dumps({"inputs": list(texts)}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(port: int, path: str, texts: Sequence[str]) -> Answer:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    except OSError:
        return Answer(NO_ANSWER, ())
    try:
        writer.write(message(path, texts))
        received = await reader.read(-1)
    except OSError:
        return Answer(NO_ANSWER, ())
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return Answer(NO_ANSWER, ())
    status = int(head.split(b" ", 2)[1])
    return Answer(status, _texts(body) if status == 200 else ())


def _texts(body: bytes) -> tuple[str, ...]:
    found = json.loads(body)["outputs"]
    return tuple(one["translation_text"] if isinstance(one, dict) else one for one in found)


def ask_once(port: int, path: str, texts: Sequence[str]) -> Answer:
    return asyncio.run(ask(port, path, texts))
