"""A service over a fleet, its processes, and callers who ask it all the time what they know the answers to."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.chaos.steady import Connection, Question

CALLERS = 16
PATIENCE_S = 240.0
X = [1.0, 2.0, 3.0]
BODY = json.dumps({"inputs": [{"x": X}]})


@dataclass
class Asked:
    """The outcomes of all callers of one model: what they were told, and when."""

    told: list[tuple[float, float, str]] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)

    @property
    def lost(self) -> Counter[str]:
        return Counter(what for _, _, what in self.told if what != "right")

    def silence_s(self, since: float) -> float:
        """Return the longest time after a moment in which nobody was answered."""
        ends = [since, *sorted(end for _, end, what in self.told if what == "right" and end > since)]
        return max((late - early for early, late in pairwise(ends)), default=float("inf"))

    def __str__(self) -> str:
        lost = ", ".join(f"{count} x {what}" for what, count in self.lost.items()) or "0"
        return f"{len(self.told)} asked, lost: {lost}"


@dataclass(frozen=True)
class World:
    """A service that is ready, and what belongs to it."""

    port: int
    fleet: str
    models: Path
    scratch: Path

    async def post(self, path: str, body: str = "{}", timeout_s: float = PATIENCE_S) -> tuple[int, Any]:
        return await self._request("POST", path, body, timeout_s)

    async def get(self, path: str) -> tuple[int, Any]:
        return await self._request("GET", path, "", PATIENCE_S)

    async def _request(self, method: str, path: str, body: str, timeout_s: float) -> tuple[int, Any]:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            try:
                writer.write(f"{head}X-Request-Timeout-Ms: 200000\r\nConnection: close\r\n\r\n{body}".encode())
                answer = await reader.read()
            finally:
                writer.close()
        head_, _, content = answer.partition(b"\r\n\r\n")
        return int(head_.split()[1]), json.loads(content) if content else None

    def pids(self, title: str) -> list[int]:
        """Return the processes in whose title that is, in the words of Ray."""
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdecimal() and title.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return sorted(found)

    def replicas(self, model: str) -> list[int]:
        return self.pids(f"{self.fleet}_{model}_")

    @contextmanager
    def asking(self, model: str) -> Iterator[Asked]:
        """Callers who ask a model again and again, as soon as they are answered."""
        asked = Asked()
        tasks = [asyncio.ensure_future(self._ask(model, asked)) for _ in range(CALLERS)]
        try:
            yield asked
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, model: str, asked: Asked) -> None:
        question = Question(model, BODY, None)
        connection: Connection | None = None
        while True:
            sent = monotonic()
            try:
                if connection is None or not connection.is_open:
                    connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
                status, body = await connection.ask(question)
                what = _judged(status, body, asked)
            except (OSError, EOFError) as error:
                what, connection = type(error).__name__, None
                await asyncio.sleep(0.05)
            asked.told.append((sent, monotonic(), what))


def _judged(status: int, body: bytes, asked: Asked) -> str:
    """Version v multiplies by v + 1: an answer that mixes two of them shows."""
    if status != 200:
        return f"{status} {json.loads(body)['error']}"
    told = json.loads(body)
    asked.versions[told["version"]] += 1
    return "right" if told["outputs"][0]["y"] == [(told["version"] + 1) * x for x in X] else f"mixed: {body!r}"


async def until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> float:
    """Return the seconds until a condition holds, or infinity."""
    began = monotonic()
    while monotonic() < began + seconds:
        found = condition()
        if await found if asyncio.iscoroutine(found) else found:
            return monotonic() - began
        await asyncio.sleep(0.05)
    return float("inf")
