"""Image batches over tritonclient's binary path, beside the same graph in a loop on the same core.

    python -m benchmarks.v2 [--rounds 5] [--seconds 1.5] [--rows 8]

The service has core 0, on which the loop runs as well while the service rests; the client has core 1. Prints rows a
second, as JSON: of every round, and medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.http as triton

from app.repository.publish import version_numbers
from benchmarks.graphs import FOLDER, MODELS
from benchmarks.peers.graph import SIDE, open_session
from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready

MODEL = "imagenet-efficientnet"
GRAPH = MODELS / MODEL / str(version_numbers(MODELS / MODEL)[-1]) / "model.onnx"
SERVER_CORE, CLIENT_CORE = 0, 1
CONNECTIONS = (1, 4)

Images = npt.NDArray[np.uint8]


def images(rows: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (rows, SIDE, SIDE, 3), np.uint8)


def loop(rows: int, seconds: float) -> float:
    """Rows a second of the graph alone, in this process."""
    session, batch = open_session(str(GRAPH)), {"image": images(rows)}
    session.run(None, batch)
    return _rate(lambda: session.run(None, batch), rows, seconds)


def loop_on_the_core_of_the_server(rows: int, seconds: float) -> float:
    arguments = ["--loop", "--rows", str(rows), "--seconds", str(seconds)]
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "benchmarks.v2", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def ask(port: int, rows: int, connections: int, seconds: float) -> float:
    """Rows a second with so many connections, each of which asks again as soon as it is answered."""

    def keep_asking(_: int) -> float:
        with triton.InferenceServerClient(f"127.0.0.1:{port}", network_timeout=60) as client:
            batch = images(rows)

            def once() -> None:
                tensor = triton.InferInput("image", list(batch.shape), "UINT8").set_data_from_numpy(batch)
                answer = client.infer(MODEL, [tensor]).as_numpy("probabilities")
                assert answer is not None
                assert answer.shape == (rows, 1000)

            once()
            return _rate(once, rows, seconds)

    with ThreadPoolExecutor(connections) as threads:
        return sum(threads.map(keep_asking, range(connections)))


@contextmanager
def service(name: str, models: Sequence[str], **settings: str) -> Iterator[tuple[int, int]]:
    """The port and the process of a service with the newest versions of these models only."""
    repository, port = FOLDER / "repositories" / name, free_port()
    shutil.rmtree(repository, ignore_errors=True)
    for model in models:
        version = str(version_numbers(MODELS / model)[-1])
        shutil.copytree(MODELS / model / version, repository / model / version)
    command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"TESSERA_MODELS_DIR": str(repository), "TESSERA_DEVICE": "cpu", **settings}
    with started(command, environment, [SERVER_CORE], subprocess.DEVNULL) as process:
        until_ready(port, process)
        yield port, process.pid


def measure(rows: int, rounds: int, seconds: float) -> dict[str, Any]:
    os.sched_setaffinity(0, [CLIENT_CORE])
    found: dict[str, list[float]] = {}
    with service("v2", [MODEL]) as (port, _):
        for _ in range(rounds):
            found.setdefault("loop", []).append(loop_on_the_core_of_the_server(rows, seconds))
            for connections in CONNECTIONS:
                found.setdefault(f"c={connections}", []).append(ask(port, rows, connections, seconds))
    shares = {
        case: statistics.median(ours / alone for ours, alone in zip(rates, found["loop"], strict=True))
        for case, rates in found.items()
        if case != "loop"
    }
    medians = {case: statistics.median(rates) for case, rates in found.items()}
    return {"rows": rows, "rows_per_s": found, "medians": medians, "median_share_of_loop": shares}


def _rate(call: Any, rows: int, seconds: float) -> float:
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        call()
        calls += 1
    return rows * calls / taken


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.v2", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--loop", action="store_true", help="only the loop, in this process")
    chosen = parser.parse_args()
    if chosen.loop:
        print(loop(chosen.rows, chosen.seconds))
    else:
        print(json.dumps(measure(chosen.rows, chosen.rounds, chosen.seconds), indent=1))


if __name__ == "__main__":
    main()
