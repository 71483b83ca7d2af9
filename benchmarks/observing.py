"""The price of being seen: a service that tells everything beside one that tells nothing, in turn.

    python -m benchmarks.observing [--rounds 9] [--seconds 4] [--connections 16] [--share 0.1] [--model MODEL]

Starts the same service twice. "off" logs no request, and has no traces; "on" writes a line of JSON for each, sends the
traces of this share to a collector that reads and forgets them, and is asked for its metrics every 15 s, as by
Prometheus. Metrics are counted in both: nothing turns them off. In each round wrk loads each in turn, while the other
rests; who is first changes. Both have the same core and the same plan, by which they make the same batches; wrk and the
collector have another core. Prints a table with medians and ranges, and exits with 1 if the median of the ratios of
throughput is below .97.

The processor time of an answer is that of the whole process, so it says the same on a machine that others use, too.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.processes import cpu_of, free_port, started
from benchmarks.ready import until_ready
from benchmarks.requests import Request
from benchmarks.wrk import closed_loop, require_wrk

LEAST_RATIO = 0.97
WARM_S, SCRAPED_S = 2.0, 15.0
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Measured(NamedTuple):
    """One load of one service."""

    throughput: float
    p99_ms: float
    cpu_ms: float
    """Processor time of the service for each answer."""
    errors: int


class Sink(BaseHTTPRequestHandler):
    """A collector that forgets what it is sent."""

    protocol_version = "HTTP/1.1"
    received = 0

    def do_POST(self) -> None:
        Sink.received += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def collector() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def scraped(url: str, ends: threading.Event) -> None:
    while not ends.wait(SCRAPED_S):
        asked = urllib.request.Request(f"{url}/metrics", headers={"Accept": OPEN_METRICS, "Accept-Encoding": "gzip"})
        urllib.request.urlopen(asked, timeout=30).read()


def measure(url: str, pid: int, request: Request, chosen: argparse.Namespace) -> Measured:
    before = cpu_of([pid])
    told = closed_loop(url, request, chosen.connections, chosen.seconds)
    spent = cpu_of([pid]) - before
    return Measured(told["throughput"], told["p99_ms"], 1000 * spent / max(1, told["answers"]), told["errors"])


def compare(chosen: argparse.Namespace, folder: Path) -> dict[str, list[Measured]]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])  # wrk and the collector, which begin here
    models = folder / "models"
    shutil.copytree(Path("models") / chosen.model, models / chosen.model)
    same = {"TESSERA_DEVICE": "cpu", "TESSERA_MODELS_DIR": str(models)}
    tune = ["taskset", "-c", str(cores[0]), sys.executable, "-m", "app", "tune", "--seconds", "1"]
    subprocess.run(tune, env={**os.environ, **same}, check=True, stdout=subprocess.DEVNULL)
    (folder / "body").write_text(json.dumps({"inputs": [chosen.text]}))
    request = Request(f"/v1/models/{chosen.model}/predict", "application/json", folder / "body")
    found: dict[str, list[Measured]] = {"off": [], "on": []}
    with ExitStack() as stack:
        traced = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.enter_context(collector()),
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(chosen.share),
        }
        settings = {
            "off": {"TESSERA_LOG_REQUESTS": "0", "OTEL_SDK_DISABLED": "true"},
            "on": {"TESSERA_LOG_FORMAT": "json", **traced},
        }
        services: dict[str, tuple[str, int]] = {}
        for name, environment in settings.items():
            port = free_port()
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
            process = stack.enter_context(started(command, {**same, **environment}, cores[:1], log))
            services[name] = f"http://127.0.0.1:{port}", process.pid
            until_ready(port, process)
        ends = threading.Event()
        stack.callback(ends.set)
        threading.Thread(target=scraped, args=(services["on"][0], ends), daemon=True).start()
        for url, _ in services.values():
            closed_loop(url, request, chosen.connections, WARM_S)
        for round_ in range(chosen.rounds):
            for name in sorted(found, reverse=round_ % 2 == 0):
                found[name].append(measure(*services[name], request, chosen))
            print(f"round {round_ + 1}: {ratio(found, lambda one: one.throughput)[-1]:.3f}", file=sys.stderr)
    return found


def ratio(found: dict[str, list[Measured]], of: Callable[[Measured], float]) -> list[float]:
    """Return on / off in each round."""
    return [of(on) / of(off) for on, off in zip(found["on"], found["off"], strict=True)]


def spread(values: Sequence[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(found: dict[str, list[Measured]]) -> str:
    lines = ["| | off | on | on / off, in each round |", "|---|---|---|---|"]
    columns: Sequence[tuple[str, Callable[[Measured], float], int]] = (
        ("answers a second", lambda one: one.throughput, 0),
        ("p99, ms", lambda one: one.p99_ms, 1),
        ("processor time of an answer, ms", lambda one: one.cpu_ms, 3),
    )
    for title, of, digits in columns:
        each = [spread([of(one) for one in found[name]], digits) for name in ("off", "on")]
        lines.append(f"| {title} | {each[0]} | {each[1]} | {spread(ratio(found, of), 3)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.1, help="of the requests have a trace")
    parser.add_argument("--model", default="reviews-sentiment", help="one that takes texts")
    parser.add_argument("--text", default="what a good film")
    chosen = parser.parse_args()
    require_wrk()
    with TemporaryDirectory() as folder:
        found = compare(chosen, Path(folder))
    print(table(found))
    errors = sum(one.errors for each in found.values() for one in each)
    print(f"{errors} errors; the collector was sent {Sink.received / 1e6:.1f} MB")
    return int(errors > 0 or statistics.median(ratio(found, lambda one: one.throughput)) < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
