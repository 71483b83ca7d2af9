"""The servers that translate, and their settings."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.generation.weights import Say
from benchmarks.processes import cpu_of, descendants, free_port, started
from benchmarks.running import ServerFailed
from benchmarks.translation.client import Answer, ask_once
from benchmarks.translation.environments import FOLDER, HUB, MODEL, PEERS, STUDENT, ctranslate2_model, models_of

START_S = 120.0
ROWS = 64
OUR_PATH = "/v1/models/{}/predict"


@dataclass(frozen=True, slots=True)
class Server:
    """`split`: batches at a time, and threads of each."""

    name: str
    kind: str
    precision: str
    split: tuple[int, int] = (1, 2)
    models: Path | None = None

    @property
    def path(self) -> str:
        return OUR_PATH.format(STUDENT if self.models else MODEL) if self.kind == "ours" else "/translate"

    def start(self, port: int, say: Say) -> tuple[list[str], Mapping[str, str]]:
        """Return what starts it. Raises NotAvailable."""
        if self.kind == "ours":
            models = self.models or models_of(self.precision)
            command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port)]
            return command, {"TESSERA_MODELS_DIR": str(models.absolute()), "TESSERA_LOG_REQUESTS": "0"}
        python, weights = Path(sys.executable), HUB
        if self.kind == "ctranslate2":
            python, weights = ctranslate2_model(self.precision, say)
        workers, threads = self.split
        precision = {"fp32": "float32"}.get(self.precision, self.precision)
        return [str(python), str(PEERS / f"{self.kind}_translating.py")], {
            "BENCH_MODEL": str(weights.absolute()),
            "BENCH_TOKENIZER": str((HUB / "tokenizer.json").absolute()),
            "BENCH_PRECISION": precision if self.kind == "ctranslate2" else self.precision,
            "BENCH_WORKERS": str(workers),
            "BENCH_THREADS": str(threads),
            "BENCH_ROWS": str(ROWS // workers),
            "BENCH_PORT": str(port),
            "OMP_NUM_THREADS": str(threads),
        }


OURS = tuple(Server(f"ours-{precision}", "ours", precision) for precision in ("fp32", "int8"))
CTRANSLATE2 = tuple(
    Server(f"ctranslate2-{precision}-{workers}x{threads}", "ctranslate2", precision, (workers, threads))
    for precision in ("fp32", "int8")
    for workers, threads in ((2, 1), (1, 2))
)
TRANSFORMERS = tuple(Server(f"transformers-{one}", "transformers", one) for one in ("fp32", "bf16"))


@dataclass(slots=True)
class Running:
    server: Server
    port: int
    pids: set[int] = field(default_factory=set)

    @property
    def cpu_s(self) -> float:
        """Seconds of computing of all its threads, so far."""
        return cpu_of(self.pids)


@contextmanager
def running(server: Server, text: str, say: Say) -> Iterator[Running]:
    """`server` on all our cores, once it has answered. Raises ServerFailed and NotAvailable."""
    port, others = free_port(), descendants()
    command, environment = server.start(port, say)
    log = FOLDER / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, started(command, dict(environment), sorted(os.sched_getaffinity(0)), output) as one:
        until, answer = time.monotonic() + START_S, Answer(0, ())
        while answer.status != 200:
            if one.poll() is not None or time.monotonic() > until:
                raise ServerFailed(f"{server.name} does not answer: {log}")
            time.sleep(0.2)
            answer = ask_once(port, server.path, [text])
        if not server.models and answer.texts != (text,):
            raise ServerFailed(f"{server.name} wrote {answer.texts} where {text} was to be copied")
        yield Running(server, port, (descendants() - others))
