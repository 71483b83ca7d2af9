"""A server that runs, and has written a first answer."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generation.asks import FOLDER, Ask
from benchmarks.generation.client import Client
from benchmarks.generation.figures import answer_of
from benchmarks.generation.servers import CONTEXT, OURS, PORT, ROWS, Server
from benchmarks.generation.weights import HUB, Say, gguf
from benchmarks.processes import free_port, started
from benchmarks.running import ServerFailed

START_S = 600.0  # vllm compiles what it runs


@dataclass(frozen=True, slots=True)
class Running:
    server: Server
    client: Client
    process: subprocess.Popen[bytes]


@contextmanager
def running(server: Server, models: Path, first: Ask, say: Say) -> Iterator[Running]:
    """`server` on all our cores, once it has answered `first` with as many tokens as were asked for.

    Raises ServerFailed and NotAvailable. Leaves no process behind.
    """
    port = free_port()
    command = [word.replace(PORT, str(port)) for word in server.command(models, say)]
    environment = {**_environment(server, models, port), **server.environment}
    log = FOLDER / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    with log.open("wb") as output, started(command, environment, cores, output) as process:
        found = Running(server, Client(port, server.model), process)
        _await_answer(found, first, log)
        yield found


def tune(models: Path, say: Say) -> None:
    """Let our service measure how it runs the models, once, as `make serve` does before it starts."""
    command = [sys.executable, "-m", "app", "tune", "--if-missing"]
    done = subprocess.run(
        command, env={**os.environ, **_environment(OURS, models, 0)}, check=True, stdout=subprocess.PIPE, text=True
    )
    for line in done.stdout.splitlines():
        if "chosen" in line:
            say(f"ours: {line.strip()}")


def _environment(server: Server, models: Path, port: int) -> Mapping[str, str]:
    if server is OURS:
        return {"TESSERA_MODELS_DIR": str(models.absolute())}
    return {
        "BENCH_HUB": str(HUB.absolute()),
        "BENCH_GGUF": str(gguf().absolute()),
        "BENCH_MODELS": str(FOLDER.absolute()),
        "BENCH_PORT": str(port),
        "BENCH_ROWS": str(ROWS),
        "BENCH_CONTEXT": str(CONTEXT),
    }


def _await_answer(found: Running, first: Ask, log: Path) -> None:
    until, reason = time.monotonic() + START_S, "it does not listen"
    while time.monotonic() < until:
        if found.process.poll() is not None:
            raise ServerFailed(f"ended with {found.process.returncode}: {_last_line(log)}")
        told = asyncio.run(found.client.ask(first, deadline_s=START_S))
        if told.status == 200 and (answer := answer_of(told)) is not None:
            if answer.tokens != first.answer:
                raise ServerFailed(f"wrote {answer.tokens} tokens where {first.answer} were asked for")
            return
        if told.status:
            reason = f"status {told.status}: {b''.join(some for _, some in told.received)[:200]!r}"
        time.sleep(0.2)
    raise ServerFailed(f"no answer in {START_S:.0f} s: {reason}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"
