"""python -m benchmarks.chaos.steady PORT QUESTIONS OUT RATE: callers who know what they should be told.

Asks the questions of a file in turn, `RATE` a second, whether or not those before were answered, and writes a line for
each outcome. A process of its own, so that a stall of the service is no stall of the load. Ends when stdin does.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from app.repository.golden import difference

TOLERANCE = 2e-3  # int8 kernels differ a little by their company
PATIENCE_S = 60.0
REFUSED = (429, 503)

Kind = Literal["right", "wrong", "refused", "lost", "closed"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a model, as JSON, and the outputs that are right."""

    model: str
    body: str
    right: Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of a request. `closed`: no byte came back; whether it was admitted, only its moment tells.

    Times are those of `monotonic`, which all processes of a machine share.
    """

    sent: float
    done: float
    model: str
    kind: Kind
    why: str = ""


class Connection:
    """A connection that is kept for the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_fresh = self.is_open = True

    async def ask(self, question: Question) -> tuple[int, bytes]:
        """Return status and body. Raises EOFError if the connection ends first, and OSError."""
        self.is_open = False  # unless all goes well
        body = question.body.encode()
        head = (
            f"POST /v1/models/{question.model}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        )
        self._writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        answer = await self._reader.readexactly(int(headers["content-length"]))
        self.is_fresh, self.is_open = False, headers.get("connection") != "close"
        return int(lines[0].split()[1]), answer

    def close(self) -> None:
        self._writer.close()


class Callers:
    """Sends requests, over as many connections as there are requests at a time."""

    def __init__(self, port: int, tell: Callable[[Outcome], None]) -> None:
        self._port = port
        self._tell = tell
        self._idle: list[Connection] = []

    async def ask(self, question: Question) -> None:
        sent = monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                kind, why = await self._kind(question)
        except TimeoutError:
            kind, why = "lost", f"no answer within {PATIENCE_S:.0f} s"
        self._tell(Outcome(sent, monotonic(), question.model, kind, why))

    async def _kind(self, question: Question) -> tuple[Kind, str]:
        while True:
            connection = None
            try:
                connection = self._idle.pop() if self._idle else await self._connected()
                was_fresh = connection.is_fresh
                status, body = await connection.ask(question)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                if connection is None:
                    return "refused", "no connection"
                connection.close()
                if getattr(error, "partial", b""):
                    return "lost", "the answer was cut"
                if was_fresh:
                    return "closed", type(error).__name__
                continue  # it was closed while it was idle, at the very moment in which we used it
            if connection.is_open:
                self._idle.append(connection)
            else:
                connection.close()
            return judged(question, status, body)

    async def _connected(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self._port))


def judged(question: Question, status: int, body: bytes) -> tuple[Kind, str]:
    if status in REFUSED:
        return "refused", str(status)
    if status != 200:
        return "lost", f"{status} {body[:200].decode(errors='replace')}"
    where = difference(question.right, json.loads(body)["outputs"], TOLERANCE)
    return ("wrong", where) if where else ("right", "")


async def main(port: int, questions: list[Question], out: Path, rate: float) -> None:
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    with out.open("w") as file:

        def tell(outcome: Outcome) -> None:
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()

        callers, asking = Callers(port, tell), set[asyncio.Task[None]]()
        started, number = monotonic(), 0
        while not ended.done():
            task = asyncio.create_task(callers.ask(questions[number % len(questions)]))
            asking.add(task)
            task.add_done_callback(asking.discard)
            number += 1
            await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
        if asking:
            await asyncio.wait(asking)


if __name__ == "__main__":
    _, given_port, given_questions, given_out, given_rate = sys.argv
    known = [Question(**one) for one in json.loads(Path(given_questions).read_text())]
    asyncio.run(main(int(given_port), known, Path(given_out), float(given_rate)))
