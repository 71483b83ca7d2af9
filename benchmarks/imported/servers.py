"""The servers that classify, how they are started and asked, and what their answers say."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from benchmarks.generation.environments import python_of
from benchmarks.generation.weights import Say
from benchmarks.imported.texts import HUB, IN_8_BITS, MODEL, MODELS, Scores

PEERS = Path(__file__).parents[1] / "peers"
ENVIRONMENT = "classifying"  # of those that do not fit our own packages
BATCH = 32
Dialect = Literal["ours", "plain", "infinity"]


@dataclass(frozen=True, slots=True)
class Server:
    """`command` is run with {python}, {bin} and {port} filled in; `settings` are said in the report."""

    name: str
    settings: str
    command: str
    path: str
    dialect: Dialect = "plain"
    is_installed: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-3  # of a score: sums in another order

    def start(self, port: int, say: Say) -> tuple[list[str], dict[str, str]]:
        """Return what starts it. Raises NotAvailable."""
        python = python_of(ENVIRONMENT, say) if self.is_installed else Path(sys.executable)
        words = {"python": python, "bin": python.parent, "port": port, "hub": HUB.absolute(), "peers": PEERS}
        command = [word.format(**words) for word in self.command.split()]
        return command, {**COMMON, "BENCH_MODEL": str(HUB.absolute()), "BENCH_PORT": str(port), **self.environment}

    def body(self, text: str) -> bytes:
        return json.dumps(BODIES[self.dialect](text)).encode()

    def scores(self, body: bytes) -> Scores | None:
        """The scores of an answer; None if it has none."""
        try:
            labels: Any = ANSWERS[self.dialect](json.loads(body))
            return {one["label"]: float(one["score"]) for one in labels}
        except (ValueError, LookupError, TypeError):
            return None


BODIES: Mapping[Dialect, Callable[[str], object]] = {
    "ours": lambda text: {"inputs": [text], "parameters": {"truncate": True}},
    "plain": lambda text: {"inputs": text},
    "infinity": lambda text: {"model": MODEL, "input": [text]},
}
ANSWERS: Mapping[Dialect, Callable[[Any], Any]] = {
    "ours": lambda answer: answer["outputs"][0],
    "plain": lambda answer: answer,
    "infinity": lambda answer: answer["data"][0],
}

# Nothing is fetched, and nothing is told to anybody.
COMMON = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TESSERA_MODELS_DIR": str(MODELS.absolute()),
    "TESSERA_LOG_REQUESTS": "0",
}
PIPELINE = (
    "{python} -m uvicorn --app-dir {peers} pipeline_server:app --host 127.0.0.1 --port {port} --log-level warning"
)
OURS = Server(
    "ours",
    "nothing is set; `python -m app tune` once, as `make serve` does",
    "{python} -m app serve --host 127.0.0.1 --port {port}",
    f"/v1/models/{MODEL}/predict",
    "ours",
)
OURS_IN_8_BITS = replace(
    OURS,
    name="ours-int8",
    settings="imported with --int8; else the same. Right is what differs by .05 at most",
    path=f"/v1/models/{IN_8_BITS}/predict",
    tolerance=0.05,
)
SERVERS = (
    Server("pipeline", "a function of FastAPI that calls it, in the thread pool", PIPELINE, "/classify"),
    Server("pipeline-lock", "the same, one call at a time", PIPELINE, "/classify", environment={"BENCH_LOCK": "1"}),
    Server(
        "litserve",
        f"max_batch_size={BATCH}, batch_timeout=2 ms; it calls the pipeline with the batch",
        "{python} {peers}/litserve_classifying_server.py",
        "/predict",
        is_installed=True,
        environment={"BENCH_BATCH_SIZE": str(BATCH)},
    ),
    Server(
        "infinity",
        f"engine torch, float32, batches of up to {BATCH} by length (its default)",
        "{bin}/infinity_emb v2 --model-id {hub} --served-model-name " + MODEL + " --engine torch --device cpu "
        f"--dtype float32 --no-bettertransformer --batch-size {BATCH} --host 127.0.0.1 --port {{port}}",
        "/classify",
        "infinity",
        is_installed=True,
    ),
    OURS_IN_8_BITS,
    OURS,
)
BY_NAME = {server.name: server for server in SERVERS}
