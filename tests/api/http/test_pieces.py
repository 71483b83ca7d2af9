"""Answers written piece by piece, and their end when nobody reads on."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.api.http.aside import Aside
from app.api.http.pieces import WHOLE_BYTES, Sized, respond_with

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


class Client:
    """Reads what an application sends; hangs up when it has `enough` messages."""

    def __init__(self, enough: int = 1_000_000) -> None:
        self.sent: list[dict] = []
        self._enough = enough
        self._gone = asyncio.Event()

    async def receive(self) -> dict:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.sent.append(message)
        if len(self.sent) >= self._enough:
            self._gone.set()
        await asyncio.sleep(0)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def answered(pieces: Iterator[bytes], enough: int = 1_000_000) -> Client:
    async def main() -> Client:
        aside, client = Aside(), Client(enough)
        try:
            response = await respond_with(aside, pieces, "application/json", {"X-Own": "1"})
            await response(SCOPE, client.receive, client.send)
        finally:
            aside.close()
        return client

    return asyncio.run(main())


def test_a_small_answer_has_its_length():
    client = answered(iter([b"[", b"1", b"]"]))
    assert client.body == b"[1]"
    assert client.headers[b"content-length"] == b"3"
    assert client.headers[b"x-own"] == b"1"


def test_a_large_answer_is_sent_while_it_is_written():
    size = 3 * WHOLE_BYTES // 100_000
    client = answered(b"%06d" % i + bytes(99_994) for i in range(size))
    assert client.body == b"".join(b"%06d" % i + bytes(99_994) for i in range(size))
    assert b"content-length" not in client.headers
    assert len(client.sent) > 3
    assert [message.get("more_body", True) for message in client.sent][-2:] == [True, False]


def test_a_large_answer_is_written_beside_the_event_loop():
    threads = set()

    def pieces() -> Iterator[bytes]:
        for _ in range(2 * WHOLE_BYTES // 10_000):
            threads.add(threading.current_thread())
            yield bytes(10_000)

    answered(pieces())
    assert threads - {threading.main_thread()}


def test_nothing_more_is_written_for_who_has_hung_up():
    written = 0

    def endless() -> Iterator[bytes]:
        nonlocal written
        while True:
            written += 1
            yield bytes(100_000)

    client = answered(endless(), enough=3)  # which would not return otherwise
    assert len(client.sent) < 10
    assert written < 10 * WHOLE_BYTES // 100_000


def test_an_error_in_the_middle_leaves_the_answer_without_its_end():
    def failing() -> Iterator[bytes]:
        for _ in range(2 * WHOLE_BYTES // 100_000):
            yield bytes(100_000)
        raise RuntimeError("the disk is on fire")

    async def main() -> Client:
        aside, client = Aside(), Client()
        try:
            response = await respond_with(aside, failing(), "application/json", {})
            with pytest.raises(RuntimeError, match="on fire"):
                await response(SCOPE, client.receive, client.send)
        finally:
            aside.close()
        return client

    client = asyncio.run(main())
    assert all(message.get("more_body", True) for message in client.sent)


def test_what_is_in_memory_already_has_its_length_and_comes_in_pieces():
    async def main() -> Client:
        client = Client()
        await Sized(iter([b"ab", b"c"]), 3, "application/octet-stream", {})(SCOPE, client.receive, client.send)
        return client

    client = asyncio.run(main())
    assert client.body == b"abc"
    assert client.headers[b"content-length"] == b"3"


def test_a_small_answer_is_written_without_another_thread():
    threads = set()

    def pieces() -> Iterator[bytes]:
        yield from (b"[", b"1", b"]")
        threads.add(threading.current_thread())  # where it was found that there are no more

    assert answered(pieces()).body == b"[1]"
    assert threads == {threading.main_thread()}


def test_who_has_all_pieces_does_not_ask_another_thread_for_more():
    async def main() -> list[bytes]:
        aside = Aside()
        aside.close()  # so that nothing can be handed to a thread
        async with asyncio.timeout(5):
            return await aside.write(iter([b"[", b"1", b"]"]))

    assert asyncio.run(main()) == [b"[", b"1", b"]"]
