"""A batch job against clients that ask as fast as they can, and the predictions of others beside it.

    python -m benchmarks.batches [--rounds 5] [--seconds 6] [--connections 16] [--form items|requests] [--models models]

Starts the service with the default models. In each round, one after another: a closed loop of so many connections,
each with one short text a request; a job of such texts alone; small requests of another caller alone, and beside the
job. Prints a table with medians and the range of rounds, and exits with 1 if the job answers less than 70 % of what the
closed loop does, or the 99th percentile of the predictions beside it is more than 1.5 times what it is alone.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.fairness import TEXTS, be_flood, be_small, get, message, rows_of, serving, short_text
from benchmarks.load import quantile

LEAST_SHARE, MOST_RATIO = 0.7, 1.5
LINES = 400_000  # of a job, which is cancelled when its time is over
WARM_S = 2.0
PATH = short_text()[0]
BOUNDARY = "of-this-benchmark"
BEGUN_S = 60.0


@dataclass(slots=True)
class Measured:
    """Of each round: answers a second, and the 99th percentile of predictions in ms."""

    loop: list[float] = field(default_factory=list)
    job: list[float] = field(default_factory=list)
    job_beside: list[float] = field(default_factory=list)
    p99_alone: list[float] = field(default_factory=list)
    p99_beside: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return median(job / loop for job, loop in zip(self.job, self.loop, strict=True))

    @property
    def ratio(self) -> float:
        return median(beside / alone for beside, alone in zip(self.p99_beside, self.p99_alone, strict=True))


def texts() -> Iterator[str]:
    _, body = short_text()
    (item,) = body["inputs"]
    for number in range(LINES):
        yield f"{item['text']} {number % 10}"


def file_of(form: str) -> bytes:
    """The file of a job, of items for the model or of whole requests."""
    if form == "items":
        return "".join(json.dumps({"text": text}) + "\n" for text in texts()).encode()
    return "".join(
        json.dumps({"custom_id": str(i), "method": "POST", "url": PATH, "body": {"inputs": [text]}}) + "\n"
        for i, text in enumerate(texts())
    ).encode()


def post(port: int, path: str, body: bytes = b"", content_type: str = "application/json") -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"error: {path} answered {answer.status}: {content.decode()}")
        return json.loads(content)
    finally:
        connection.close()


def send(port: int, content: bytes) -> str:
    """Send a file once; each job reads it. Returns its id."""
    head = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n'
    parts = (
        f"--{BOUNDARY}\r\n{head.format('purpose', '')}batch\r\n--{BOUNDARY}\r\n".encode()
        + head.format("file", '; filename="in.jsonl"').encode()
        + content
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    return str(post(port, "/v1/files", parts, f"multipart/form-data; boundary={BOUNDARY}")["id"])


def lines_done(port: int) -> float:
    lines = get(port, "/metrics")[1].splitlines()
    return sum(float(one.rsplit(" ", 1)[1]) for one in lines if one.startswith("tessera_batch_lines_total"))


@contextmanager
def job(port: int, file_id: str, form: str) -> Iterator[None]:
    """A job that has begun; it is cancelled afterwards."""
    who = {"model": TEXTS} if form == "items" else {"endpoint": PATH}
    made = post(port, "/v1/batches", json.dumps({"input_file_id": file_id, **who}).encode())
    until = time.monotonic() + BEGUN_S
    while True:
        state = json.loads(get(port, f"/v1/batches/{made['id']}")[1])
        if state["request_counts"]["completed"]:
            break
        if time.monotonic() > until or state["status"] == "failed":
            raise SystemExit(f"error: the job did not begin: {state}")
        time.sleep(0.1)
    time.sleep(WARM_S)
    try:
        yield
    finally:
        post(port, f"/v1/batches/{made['id']}/cancel")
        while json.loads(get(port, f"/v1/batches/{made['id']}")[1])["status"] != "cancelled":
            time.sleep(0.1)


class BatchRound:
    """All that is measured of one service, once."""

    def __init__(self, port: int, file_id: str, form: str, connections: int, seconds: float) -> None:
        self._port, self._file_id, self._form = port, file_id, form
        self._connections, self._seconds = connections, seconds
        self._small = message(*short_text())
        self._spawn = multiprocessing.get_context("spawn")

    def run(self, found: Measured) -> None:
        found.loop.append(self._closed_loop())
        found.p99_alone.append(self._p99())
        with job(self._port, self._file_id, self._form):
            found.job.append(self._job_rate())
            begun, before = time.perf_counter(), lines_done(self._port)
            found.p99_beside.append(self._p99())
            found.job_beside.append((lines_done(self._port) - before) / (time.perf_counter() - begun))

    def _closed_loop(self) -> float:
        stop = self._spawn.Event()
        flood = self._spawn.Process(target=be_flood, args=(self._port, self._small, self._connections, stop))
        flood.start()
        try:
            time.sleep(WARM_S)
            begun, before = time.perf_counter(), rows_of(self._port, TEXTS)
            time.sleep(self._seconds)
            return (rows_of(self._port, TEXTS) - before) / (time.perf_counter() - begun)
        finally:
            stop.set()
            flood.join(10)
            flood.kill()

    def _job_rate(self) -> float:
        begun, before = time.perf_counter(), lines_done(self._port)
        time.sleep(self._seconds)
        return (lines_done(self._port) - before) / (time.perf_counter() - begun)

    def _p99(self) -> float:
        results = self._spawn.Queue()
        small = self._spawn.Process(target=be_small, args=(self._port, self._small, self._seconds, results))
        small.start()
        taken: list[float] = results.get(timeout=self._seconds + 60)
        small.join()
        if any(one < 0 for one in taken):
            raise SystemExit("error: a prediction failed")
        return quantile(taken, 0.99) or float("inf")


def told(found: Measured) -> str:
    rows = {
        "closed loop, answers/s": found.loop,
        "job alone, lines/s": found.job,
        "job beside predictions, lines/s": found.job_beside,
        "p99 of predictions alone, ms": found.p99_alone,
        "p99 of predictions beside the job, ms": found.p99_beside,
    }
    lines = ["| | median | range |", "|---|---|---|"]
    lines += [f"| {name} | {median(one):.1f} | {min(one):.1f} to {max(one):.1f} |" for name, one in rows.items()]
    lines.append(f"\njob / closed loop {found.share:.2f}, p99 beside / alone {found.ratio:.2f}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement (%(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="of the closed loop (%(default)s)")
    parser.add_argument("--form", choices=("items", "requests"), default="items")
    parser.add_argument("--models", type=Path, default=Path("models"))
    chosen = parser.parse_args()
    found = Measured()
    with TemporaryDirectory() as folder:
        os.environ["TESSERA_JOBS_DIR"] = folder
        with serving(chosen.models) as port:
            file_id = send(port, file_of(chosen.form))
            each = BatchRound(port, file_id, chosen.form, chosen.connections, chosen.seconds)
            for _ in range(chosen.rounds):
                each.run(found)
    print(told(found))
    return 0 if found.share >= LEAST_SHARE and found.ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
