"""A server that runs and answers rightly."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.graphs import FOLDER, Graph, first_answer
from benchmarks.processes import free_port, started
from benchmarks.requests import Request
from benchmarks.scenarios import Layout
from benchmarks.servers import OURS, PEERS, PEERS_PYTHON, Server

START_S = 60.0
NO_DEADLINE_MS = 60_000
SCORE_TOLERANCE = 0.03  # photos are not resized alike by all


class ServerFailed(Exception):
    """Why a server could not be measured, in one line for its row."""


@dataclass(frozen=True, slots=True)
class Running:
    server: Server
    graph: Graph
    port: int
    process: subprocess.Popen[bytes]

    def request(self, load: str) -> Request | None:
        return _of_model(self.server.request(load), self.graph)

    def probe(self) -> Request:
        found = _of_model(self.server.probe(self.graph.kind), self.graph)
        assert found
        return found

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _of_model(request: Request | None, graph: Graph) -> Request | None:
    if request is None:
        return None
    return Request(request.path.format(model=graph.model), request.content_type, request.file, request.is_lines)


@contextmanager
def layout_of(layout: Layout) -> Iterator[list[int]]:
    """The cores of the server. With one core for it, this process and the load it makes stay on another."""
    before = os.sched_getaffinity(0)
    available = sorted(before)
    if layout == "all cores":
        yield available
        return
    if len(available) < 2:
        raise SystemExit("error: two cores are needed, one for the server and one for the load")
    os.sched_setaffinity(0, {available[1]})
    try:
        yield available[:1]
    finally:
        os.sched_setaffinity(0, before)


def tune(graph: Graph, cores: Sequence[int], say: Callable[[str], None]) -> None:
    """Let our service measure how it runs the graph on these cores, once, as `make serve` does before it starts."""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "app", "tune", "--if-missing"]
    done = subprocess.run(
        command, env={**os.environ, **_environment(OURS, graph, {})}, check=True, stdout=subprocess.PIPE, text=True
    )
    for line in done.stdout.splitlines():
        if "chosen" in line:
            say(f"ours, {graph.model}: {line.strip()}")


@contextmanager
def running(server: Server, graph: Graph, cores: Sequence[int], deadline_ms: int | None = None) -> Iterator[Running]:
    """`server`, started on `cores` and answering rightly. Raises ServerFailed. Leaves no process behind."""
    port = free_port()
    log = FOLDER / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = {
        "ours": sys.executable,
        "python": PEERS_PYTHON.absolute(),
        "bin": PEERS_PYTHON.parent.absolute(),
        "port": port,
        "workers": len(cores),
        "deadline_ms": deadline_ms or NO_DEADLINE_MS,
    }
    command = [word.format(**words) for word in server.command.split()]
    environment = _environment(server, graph, words)
    folder = None if server is OURS else PEERS
    with log.open("wb") as output, started(command, environment, cores, output, folder) as process:
        found = Running(server, graph, port, process)
        _await_right_answer(found, log)
        yield found


def _environment(server: Server, graph: Graph, words: dict[str, Any]) -> dict[str, str]:
    if server is OURS:
        return {"TESSERA_MODELS_DIR": str(graph.repository.absolute())}
    return {
        "BENCH_KIND": graph.kind,
        "BENCH_GRAPH": str(graph.file.absolute()),
        "BENCH_TOKENIZER": str(graph.tokenizer.absolute()),
        "BENCH_MAX_TOKENS": str(graph.max_tokens),
        "BENCH_BATCH_SIZE": str(server.batch_size),
        "BENCH_PORT": str(words["port"]),
        "BENCH_WORKERS": str(words["workers"]),
        "BENCH_DEADLINE_MS": str(words["deadline_ms"]),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(PEERS),
    }


def ask(port: int, request: Request, timeout_s: float = 10.0) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", request.path, request.bodies()[0], {"Content-Type": request.content_type})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _await_right_answer(found: Running, log: Path) -> None:
    until, reason = time.monotonic() + START_S, "it does not listen"
    while time.monotonic() < until:
        if found.process.poll() is not None:
            raise ServerFailed(f"ended with {found.process.returncode}: {_last_line(log)}")
        try:
            status, body = ask(found.port, found.probe())
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
            continue
        if status == 200:
            return check_answer(body, first_answer(found.graph))
        reason = f"status {status}: {body[:200]!r}"
        time.sleep(0.2)
    raise ServerFailed(f"no answer in {START_S:.0f} s: {reason}")


def check_answer(body: bytes, expected: float) -> None:
    """Raises ServerFailed unless `body` holds labels whose best score is about `expected`."""
    try:
        labels = json.loads(body)
        labels = labels["outputs"] if isinstance(labels, dict) else labels
        while isinstance(labels[0], list):
            labels = labels[0]
        best = max(float(label["score"]) for label in labels)
    except (ValueError, LookupError, TypeError):
        raise ServerFailed(f"answers no labels: {body[:200]!r}") from None
    if not abs(best - expected) <= SCORE_TOLERANCE:
        raise ServerFailed(f"its best score is {best:.3f}, the graph's is {expected:.3f}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"
