"""Events beside predictions, from an event to a changed recommendation, and a service that is killed meanwhile.

    python -m benchmarks.events [--rounds 5] [--seconds 8] [--rate 2000] [--burst] [--database-url postgresql://…]

Starts two services that share one database: a file of SQLite in a new folder unless a URL is given. In each round small
predictions are asked at a steady pace, alone and then beside the events, all of the same service. Then each event is
told to one service, and the other is asked what it recommends to that user. At last a service is killed (SIGKILL) while
it gets events, and what it acknowledged is looked for. Exits with 1 if the 99th percentile of predictions grows by more
than a tenth, the events do not reach their rate, a recommendation is later than a second at its 99th percentile, or an
acknowledged event is lost.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import Any

from app.events.database import Period, database_at
from app.events.rows import EVENTS, StoredEvent
from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready

TEXTS, FILMS = "reviews-sentiment", "movielens-recommender"
TEXT = {"inputs": ["what a good film"]}
PAUSE_S = 0.01  # between two predictions
TOGETHER = 50  # events of a request, as a collector in front of a site sends them
SENDERS = 8  # connections of one process
WARM_S = 2.0
MOST_GROWTH, MOST_LATE_MS = 1.10, 1000.0
USERS = 200


def quantile(seconds: Sequence[float], share: float) -> float:
    """Milliseconds, the nearest rank."""
    return 1e3 * sorted(seconds)[int(share * len(seconds))]


class Connection:
    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, body: Any) -> Any:
        """Raises RuntimeError for an answer that is no success."""
        self._http.request("POST", path, json.dumps(body))
        reply = self._http.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {content[:200]!r}")
        return json.loads(content)


@contextmanager
def service(models: Path, url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A service of its own, ready."""
    port = free_port()
    environment = {
        "TESSERA_PORT": str(port),
        "TESSERA_MODELS_DIR": str(models),
        "TESSERA_DATABASE_URL": url,
        "TESSERA_LOG_REQUESTS": "0",
        "TESSERA_DEVICE": "cpu",
    }
    cores = sorted(os.sched_getaffinity(0))
    with (
        open(folder / f"{port}.log", "wb") as log,
        started([sys.executable, "-m", "app", "serve"], environment, cores, log) as process,
    ):
        until_ready(port, process)
        yield process, port


def predict(port: int, seconds: float) -> list[float]:
    """Seconds of each prediction, asked one after another with pauses between."""
    connection, path = Connection(port), f"/v1/models/{TEXTS}/predict"
    warm, took = time.perf_counter() + WARM_S, []
    while (begin := time.perf_counter()) < warm + seconds:
        connection.post(path, TEXT)
        if begin >= warm:
            took.append(time.perf_counter() - begin)
        time.sleep(PAUSE_S)
    return took


def send(port: int, rate: float, seconds: float, is_burst: bool, told: Any) -> None:
    """Tell events at a rate over several connections, and then how many were acknowledged a second.

    Senders that know nothing of one another are spread over time; in a burst all send at the same moment.
    """
    begin = time.perf_counter()

    def work(sender: int) -> int:
        connection, count, ahead = Connection(port), 0, 0.0 if is_burst else sender * TOGETHER / SENDERS
        while (due := begin + (count + ahead) * SENDERS / rate) < begin + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            events = [view(f"{sender}-{i % USERS}", count + i) for i in range(TOGETHER)]
            count += len(connection.post("/v1/events", events)["ids"])
        return count

    with ThreadPoolExecutor(SENDERS) as threads:
        count = sum(threads.map(work, range(SENDERS)))
    told.put(count / (time.perf_counter() - begin))


def view(user: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"kind": "view", "user": user, "item": number % 1000 + 1, **fields}


def beside(port: int, rate: float, seconds: float, is_burst: bool) -> tuple[list[float], float]:
    """Predictions while events are told, and how many of those were acknowledged a second."""
    told: Any = multiprocessing.Queue()
    sender = multiprocessing.Process(target=send, args=(port, rate, seconds + WARM_S, is_burst, told))
    sender.start()
    took = predict(port, seconds)
    reached = told.get(timeout=seconds + 60)
    sender.join()
    return took, reached


def changed(told: int, asked: int, times: int) -> list[float]:
    """Seconds from before an event was told to one service until another answered by it."""
    telling, asking, path = Connection(told), Connection(asked), f"/v1/models/{FILMS}/predict"
    took = []
    for i in range(times):
        name = f"{time.time_ns()}-{i}"
        user = {"inputs": [{"user": name}], "parameters": {"top_k": 1}}
        (best,) = asking.post(path, user)["outputs"][0]
        begin = time.perf_counter()
        telling.post("/v1/events", view(name, 0) | {"item": best["item"]})
        while asking.post(path, user)["outputs"][0][0]["item"] == best["item"]:
            pass
        took.append(time.perf_counter() - begin)
    return took


def tell_until_killed(port: int, sender: int, acknowledged: Any) -> None:
    connection, number = Connection(port), 0
    with suppress(OSError, HTTPException, RuntimeError):
        while True:
            ids = [f"{os.getpid()}-{number + i}" for i in range(TOGETHER)]
            acknowledged.put(connection.post("/v1/events", [view("k", 0, id=each) for each in ids])["ids"])
            number += TOGETHER
    acknowledged.put(None)


def killed(process: subprocess.Popen[bytes], port: int, url: str) -> tuple[int, int]:
    """Return how many events were acknowledged until the service was killed, and how many of those are lost."""
    acknowledged: Any = multiprocessing.Queue()
    senders = [multiprocessing.Process(target=tell_until_killed, args=(port, i, acknowledged)) for i in range(4)]
    for one in senders:
        one.start()
    time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    told: set[str] = set()
    ended = 0
    while ended < len(senders):
        ids = acknowledged.get(timeout=60)
        ended += ids is None
        told |= set(ids or ())
    for one in senders:
        one.join()
    return len(told), len(told - asyncio.run(stored_ids(url)))


async def stored_ids(url: str) -> set[str]:
    database = database_at(url)
    assert database is not None
    rows = [row async for rows in database.read(EVENTS, Period()) for row in rows]
    await database.close()
    return {row.id for row in rows if isinstance(row, StoredEvent)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=float, default=2000, help="events a second")
    parser.add_argument("--burst", action="store_true", help="all senders send at the same moment")
    parser.add_argument("--events", type=int, default=300, help="whose recommendation is waited for")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--models", type=Path, default=Path("models"))
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="events-"))
    url = chosen.database_url or f"sqlite:///{folder}/events.db"
    for name in (TEXTS, FILMS):
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / name).symlink_to((chosen.models / name).resolve())
    try:
        with ExitStack() as stack:
            (process, one), (_, other) = (stack.enter_context(service(folder / "models", url, folder)) for _ in "ab")
            is_good = report_rounds(one, chosen.rounds, chosen.rate, chosen.seconds, chosen.burst)
            took = changed(one, other, chosen.events)
            late_ms = quantile(took, 0.99)
            print(f"event to changed recommendation: median {quantile(took, 0.5):.1f} ms, p99 {late_ms:.1f} ms")
            told, lost = killed(process, one, url)
            print(f"killed: {lost} lost of {told} acknowledged events")
    finally:
        shutil.rmtree(folder)
    return 0 if is_good and late_ms <= MOST_LATE_MS and not lost else 1


def report_rounds(port: int, rounds: int, rate: float, seconds: float, is_burst: bool) -> bool:
    """Print each round; return whether the medians are good enough."""
    growths, rates = [], []
    print("| round | p50, p99 alone (ms) | p50, p99 beside (ms) | growth of p99 | events/s |\n|---|---|---|---|---|")
    for number in range(rounds):
        parts: list[Callable[[], tuple[list[float], float]]] = [
            lambda: (predict(port, seconds), 0.0),
            lambda: beside(port, rate, seconds, is_burst),
        ]
        results = [part() for part in (parts if number % 2 == 0 else parts[::-1])]
        (alone, _), (together, reached) = results if number % 2 == 0 else results[::-1]
        figures = [quantile(took, share) for took in (alone, together) for share in (0.5, 0.99)]
        growths.append(figures[3] / figures[1])
        rates.append(reached)
        shown = [f"{figure:.1f}" for figure in figures]
        print(f"| {number + 1} | {', '.join(shown[:2])} | {', '.join(shown[2:])} | {growths[-1]:.2f} | {reached:.0f} |")
    print(f"growth of p99: median {median(growths):.2f}, from {min(growths):.2f} to {max(growths):.2f}")
    print(f"events/s: median {median(rates):.0f}, from {min(rates):.0f} to {max(rates):.0f}", flush=True)
    return median(growths) <= MOST_GROWTH and median(rates) >= 0.99 * rate


if __name__ == "__main__":
    sys.exit(main())
