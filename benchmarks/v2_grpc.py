"""gRPC beside the binary path of HTTP: the same model, the same client library, one after the other.

    python -m benchmarks.v2_grpc [--rounds 7] [--seconds 1.5]

Two services have core 0, one of them without a port of gRPC; the client has core 1. A round asks each in turn, batches
of 8 images (1.2 MB) and single rows of five tokens, over one connection and over four. Prints requests a second,
milliseconds of a request, and milliseconds of processor time that the service spends on one, as JSON: medians, and the
lowest and highest of the rounds. `idle` is HTTP to the service that also listens to gRPC, and `http` is HTTP to the one
that does not.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http

from benchmarks.processes import cpu_of, free_port
from benchmarks.v2 import CLIENT_CORE, CONNECTIONS, images, service

TOKENS = np.array([[101, 2054, 1037, 2143, 102]], np.int64)

Arrays = dict[str, npt.NDArray[Any]]
CASES: dict[str, tuple[str, Arrays]] = {
    "8 images": ("imagenet-efficientnet", {"image": images(8)}),
    "1 row": ("reviews-sentiment", {"input_ids": TOKENS, "attention_mask": np.ones_like(TOKENS)}),
}
TYPES = {"uint8": "UINT8", "int64": "INT64"}


def asking(library: Any, client: Any, case: str) -> Callable[[], None]:
    """Return a function that asks once, as a user of the library does."""
    model, arrays = CASES[case]

    def once() -> None:
        inputs = [
            library.InferInput(name, list(array.shape), TYPES[array.dtype.name]).set_data_from_numpy(array)
            for name, array in arrays.items()
        ]
        client.infer(model, inputs)

    return once


class Way(NamedTuple):
    """A library, and the service that it asks."""

    library: Any
    port: int
    pid: int


class Found(NamedTuple):
    """Of one way in one round."""

    requests_per_s: float
    ms: float
    service_cpu_ms: float


def ask(way: Way, case: str, connections: int, seconds: float) -> Found:
    library, port, _ = way

    def keep_asking(_: int) -> list[float]:
        # Without options of its own, each channel to one place would be the same connection.
        more = {"channel_args": [("grpc.use_local_subchannel_pool", 1)]} if library is over_grpc else {}
        with library.InferenceServerClient(f"127.0.0.1:{port}", **more) as client:
            once, took = asking(library, client, case), []
            once()
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                once()
                took.append(time.perf_counter() - began)
            return took

    spent_s = -cpu_of([way.pid])
    with ThreadPoolExecutor(connections) as threads:
        found = list(threads.map(keep_asking, range(connections)))
    spent_s += cpu_of([way.pid])
    all_s = [each for one in found for each in one]
    return Found(
        sum(len(one) / sum(one) for one in found),
        1000 * statistics.median(all_s),
        1000 * spent_s / (len(all_s) + connections),  # with those that were not timed
    )


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    os.sched_setaffinity(0, [CLIENT_CORE])
    found: dict[str, dict[str, list[Found]]] = {}
    models = [model for model, _ in CASES.values()]
    with ExitStack() as services:
        grpc_port = free_port()
        port, pid = services.enter_context(service("with-grpc", models, TESSERA_GRPC_PORT=str(grpc_port)))
        ways = {
            "http": Way(over_http, *services.enter_context(service("without-grpc", models))),
            "idle": Way(over_http, port, pid),
            "grpc": Way(over_grpc, grpc_port, pid),
        }
        order = list(ways)
        for _ in range(rounds):
            order = [*order[1:], order[0]]
            for case in CASES:
                for connections in CONNECTIONS:
                    key = f"{case}, c={connections}"
                    for way in order:
                        one = ask(ways[way], case, connections, seconds)
                        found.setdefault(key, {}).setdefault(way, []).append(one)
    return {
        key: {
            field: {way: _spread([getattr(one, field) for one in rounds]) for way, rounds in of_key.items()}
            for field in Found._fields
        }
        for key, of_key in found.items()
    }


def _spread(values: list[float]) -> list[float]:
    return [round(of(values), 2) for of in (statistics.median, min, max)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.v2_grpc", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5)
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.rounds, chosen.seconds), indent=1))


if __name__ == "__main__":
    main()
