"""The effects of one caller's flood on another caller's small requests, and of these on the flood.

    python -m benchmarks.fairness [--rounds 3] [--seconds 6] [--only texts,explanations] [--models models]

Starts the service with the default models and asks it from two addresses, each a process of its own. In each round the
small requests come alone, then beside the flood, and then the flood comes alone. Prints a table, and exits with 1 if
the 99th percentile beside the flood is more than three times what it is alone, or the flood loses more than a fifth.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks.load import quantile
from benchmarks.processes import free_port, started
from benchmarks.ready import START_S, until_ready

MOST_RATIO, LEAST_SHARE = 3.0, 0.8
SMALL_CALLER, FLOODING_CALLER = "127.0.0.2", "127.0.0.3"
PAUSE_S = 0.02  # between two small requests
ALONE_S, WARM_S = 3.0, 2.0
LONGEST_REST_S = 1.0  # of who is told to come back later
TEXTS, PHOTOS = "reviews-sentiment", "imagenet-efficientnet"
SHORT, LONG = "what a good film", "It was a long film, and not every minute of it was as good as the first. " * 20


@dataclass(frozen=True, slots=True)
class Flood:
    """`connections` that each ask the same again and again, and the small request beside them."""

    name: str
    connections: int
    path: str
    body: Callable[[], Any]
    small: Callable[[], tuple[str, Any]]
    model: str
    times: float = 1.0
    """As long as others it is measured."""


def cat() -> str:
    return base64.b64encode((Path(__file__).parents[1] / "app" / "tasks" / "cat.jpg").read_bytes()).decode()


def largest_photo() -> str:
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (7000, 7000), "teal").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def short_text() -> tuple[str, Any]:
    return f"/v1/models/{TEXTS}/predict", {"inputs": [{"text": SHORT}]}


FLOODS = (
    Flood(
        "8 clients of photos of 49 megapixels", 8, f"/v1/models/{PHOTOS}/predict",
        lambda: {"inputs": [{"image": largest_photo()}]},
        lambda: (f"/v1/models/{PHOTOS}/predict", {"inputs": [{"image": cat()}]}), PHOTOS, times=2.5,
    ),
    Flood(
        "40 clients of 64 long texts", 40, f"/v1/models/{TEXTS}/predict",
        lambda: {"inputs": [{"text": LONG}] * 64, "parameters": {"truncate": True}}, short_text, TEXTS,
    ),
    Flood(
        "6 clients of explanations", 6, f"/v1/models/{TEXTS}/explain",
        lambda: {"inputs": [{"text": LONG[:700]}]}, short_text, TEXTS,
    ),
    Flood("150 clients of short texts", 150, f"/v1/models/{TEXTS}/predict", lambda: short_text()[1], short_text, TEXTS),
)  # fmt: skip


@dataclass(slots=True)
class Found:
    """Seconds of each small request, and the rows a second of the flood, in all rounds."""

    alone_s: list[float] = field(default_factory=list)
    beside_s: list[float] = field(default_factory=list)
    flood_alone: list[float] = field(default_factory=list)
    flood_beside: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def ratio(self) -> float:
        return _p99(self.beside_s) / _p99(self.alone_s)

    @property
    def share(self) -> float:
        return sum(self.flood_beside) / max(1e-9, sum(self.flood_alone))

    @property
    def is_good(self) -> bool:
        return self.ratio <= MOST_RATIO and self.share >= LEAST_SHARE and not self.failures


def message(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def ask_on(port: int, caller: str, sent: bytes, pause_s: float, go_on: Callable[[], bool]) -> list[float]:
    """Seconds of each request on a connection of its own; negative for what was not answered with 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(caller, 0), limit=2**20)
    taken = []
    while go_on():
        begun = time.perf_counter()
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(headers[b"content-length"]))
        is_good = head.split(b" ", 2)[1] == b"200"
        taken.append((1 if is_good else -1) * (time.perf_counter() - begun))
        await asyncio.sleep(min(float(headers.get(b"retry-after", b"0")), LONGEST_REST_S) or pause_s)
    writer.close()
    return taken


def be_flood(port: int, sent: bytes, connections: int, stop: Event) -> None:
    async def flood() -> None:
        for one in [
            asyncio.create_task(ask_on(port, FLOODING_CALLER, sent, 0.0, lambda: True)) for _ in range(connections)
        ]:
            one.add_done_callback(lambda done: sys.exit(f"the flood failed: {done.exception()!r}"))
        await asyncio.to_thread(stop.wait)
        os._exit(0)  # without waiting for answers

    asyncio.run(flood())


def be_small(port: int, sent: bytes, seconds: float, results: Any) -> None:
    end = time.perf_counter() + seconds
    results.put(asyncio.run(ask_on(port, SMALL_CALLER, sent, PAUSE_S, lambda: time.perf_counter() < end)))


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def rows_of(port: int, model: str) -> float:
    """Rows that a model has computed."""
    lines = get(port, "/metrics")[1].splitlines()
    found = [line for line in lines if line.startswith("tessera_batch_rows_sum") and f'model="{model}"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


@contextmanager
def serving(models: Path, within_s: float = START_S) -> Iterator[int]:
    """The port of a service that is ready."""
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    environment = {"TESSERA_MODELS_DIR": str(models.absolute()), "TESSERA_LOG_REQUESTS": "0"}
    cores = sorted(os.sched_getaffinity(0))
    with Path(os.devnull).open("wb") as output, started(command, environment, cores, output) as process:
        until_ready(port, process, within_s)
        yield port


class Round:
    """One flood against one service."""

    def __init__(self, port: int, flood: Flood, seconds: float) -> None:
        self._port = port
        self._flood = flood
        self._seconds = seconds * flood.times
        self._small = message(*flood.small())
        self._sent = message(flood.path, flood.body())
        self._spawn = multiprocessing.get_context("spawn")

    def run(self, found: Found) -> None:
        found.alone_s += self._ask(ALONE_S, found)
        stop = self._spawn.Event()
        flood = self._spawn.Process(target=be_flood, args=(self._port, self._sent, self._flood.connections, stop))
        flood.start()
        try:
            time.sleep(WARM_S * self._flood.times)
            begun, before = time.perf_counter(), rows_of(self._port, self._flood.model)
            beside = self._ask(self._seconds, found)
            found.beside_s += beside
            rows = rows_of(self._port, self._flood.model) - before - len(beside)
            found.flood_beside.append(rows / (time.perf_counter() - begun))
            begun, before = time.perf_counter(), rows_of(self._port, self._flood.model)
            time.sleep(self._seconds)
            rows = rows_of(self._port, self._flood.model) - before
            found.flood_alone.append(rows / (time.perf_counter() - begun))
        finally:
            stop.set()
            flood.join(10)
            flood.kill()
        time.sleep(WARM_S)

    def _ask(self, seconds: float, found: Found) -> list[float]:
        results = self._spawn.Queue()
        process = self._spawn.Process(target=be_small, args=(self._port, self._small, seconds, results))
        process.start()
        taken: list[float] = results.get(timeout=seconds + 60)
        process.join()
        found.failures += sum(one < 0 for one in taken)
        return [one for one in taken if one > 0]


def _p99(seconds: Sequence[float]) -> float:
    """In ms."""
    return quantile(list(seconds), 0.99) or float("inf")


def table(found: dict[str, Found]) -> str:
    lines = [
        "| beside | p99 alone, ms | p99 beside, ms | ratio | flood alone, rows/s | beside, rows/s | share | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        rounds = max(1, len(one.flood_alone))
        lines.append(
            f"| {name} | {_p99(one.alone_s):.1f} | {_p99(one.beside_s):.1f} | {one.ratio:.2f} | "
            f"{sum(one.flood_alone) / rounds:.1f} | {sum(one.flood_beside) / rounds:.1f} | {one.share:.2f} | "
            f"{'good' if one.is_good else 'missed'}{f', {one.failures} failed' if one.failures else ''} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement beside a flood (%(default)s)")
    parser.add_argument("--only", default="", help="words in the names of the floods, with commas between")
    parser.add_argument("--models", type=Path, default=Path("models"))
    chosen = parser.parse_args()
    floods = [one for one in FLOODS if any(word in one.name for word in chosen.only.split(","))]
    found = {flood.name: Found() for flood in floods}
    with serving(chosen.models) as port:
        for flood in floods:
            each = Round(port, flood, chosen.seconds)
            for _ in range(chosen.rounds):
                each.run(found[flood.name])
    print(table(found))
    return 0 if all(one.is_good for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
