"""A server that runs and answers as transformers does."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.generation.weights import Say
from benchmarks.imported.client import closed, message
from benchmarks.imported.servers import Server
from benchmarks.imported.texts import FOLDER, known
from benchmarks.processes import free_port, started
from benchmarks.running import ServerFailed

START_S = 300.0  # infinity warms up with its largest batches


@contextmanager
def running(server: Server, cores: Sequence[int], say: Say) -> Iterator[int]:
    """The port of `server` on `cores`, once it answers. Raises ServerFailed and NotAvailable. Leaves nothing behind."""
    port = free_port()
    command, environment = server.start(port, say)
    log = FOLDER / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, started(command, environment, cores, output) as process:
        asked, until = [message(server.path, server.body(known()[0][0]))], time.monotonic() + START_S
        while not (answers := asyncio.run(closed(port, asked, iter([0]), 1, START_S))) or answers[0].status != 200:
            if process.poll() is not None or time.monotonic() > until:
                raise ServerFailed(f"it does not answer: {log}")
            time.sleep(0.2)
        yield port
