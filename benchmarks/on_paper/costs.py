"""The processor time that a request costs, by thread and stage, of the service in this process.

    python -m benchmarks.on_paper.costs [--rounds 3] [--seconds 4] [--out FILE]

Loads the service with wrk: one connection, whose rows go alone, and 64, whose rows share batches. Graphs are measured
by themselves; in the service they answer at once, so that the loop is seen. Then the engine is asked for the same rows
without HTTP and without reading them: what is left is the part of the event loop that no front process could take away.
First comes what a message costs from one process to another (handover.py). All is processor time of single threads.
Other work on the machine makes it larger, by cold caches, so of several rounds the one counts that cost least.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import uvloop

from app.logs.writer import start
from app.main import build
from app.runtimes import RUNTIMES
from app.runtimes.hardware import hardware
from app.runtimes.options import RuntimeOptions
from app.server import Server
from app.serving.engine import Ask, Engine
from app.serving.raw import NAME as RAW
from app.settings import Settings
from app.tensors import Tensors
from benchmarks import graphs
from benchmarks.instructions import instruction_set
from benchmarks.on_paper.handover import handovers
from benchmarks.on_paper.measured import RESULTS
from benchmarks.on_paper.watching import Watched, difference, spent, watch
from benchmarks.peers.graph import TextGraph
from benchmarks.processes import free_port
from benchmarks.requests import Request
from benchmarks.wrk import closed_loop, require_wrk

ALONE, MANY = 1, 64  # connections
SIZES = (1, 2, 4, 8, 16)
WARM_S, GRAPH_S = 2.0, 0.2
FIFTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
ENGINE_ROWS = {ALONE: 1000, MANY: 6400}
TOKENS, SIDE = 24, 224


class Load(NamedTuple):
    """A kind of request: of which model, in which form, and the row that it becomes."""

    name: str
    model: str
    body: str
    row: Tensors


def loads() -> list[Load]:
    text = {"input_ids": np.arange(1000, 1000 + TOKENS)[None], "attention_mask": np.ones((1, TOKENS), np.int64)}
    photo = {"image": np.zeros((1, SIDE, SIDE, 3), np.uint8)}
    return [
        Load("short texts", graphs.TEXT_SERVED.model, "short", text),
        Load("mixed texts", graphs.TEXT_SERVED.model, "mixed", text),
        Load("photos", graphs.IMAGE_SERVED.model, "raw", photo),
    ]


@contextmanager
def serving(models: Path) -> Iterator[tuple[str, Engine, asyncio.AbstractEventLoop]]:
    """The service in a thread of this process, its URL, its engine and its event loop."""
    port = free_port()
    settings = Settings(models_dir=models, port=port, threads=1, jobs_dir="off", database_url="off")
    lines = start(settings.log_format)
    app, engine = build(settings, lines)
    server = Server(app, engine, settings)
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=uvloop.run, args=(serve(),), name="loop", daemon=True)
    thread.start()
    until = time.monotonic() + 120
    while not (server.started and engine.status().is_ready):
        if time.monotonic() > until or not thread.is_alive():
            raise SystemExit("error: the service does not become ready; its log says why")
        time.sleep(0.2)
    try:
        yield f"http://127.0.0.1:{port}", engine, loops[0]
    finally:
        server.should_exit = True
        thread.join(30)


def request_of(load: Load) -> Request:
    graph = next(one for one in graphs.GRAPHS if one.model == load.model)
    found = graphs.bodies(load.body, "ours", f"/v1/models/{graph.model}/predict")
    return found


def over_http(url: str, load: Load, connections: int, seconds: float) -> dict[str, float]:
    before = spent()
    told = closed_loop(url, request_of(load), connections, seconds)
    found = difference(before, spent(), told["answers"])
    if told["errors"]:
        raise SystemExit(f"error: {told['errors']} requests of {load.name} failed")
    return found


def least(rounds: int, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Of several rounds the one in which the threads took least for an answer."""
    return min((measure() for _ in range(rounds)), key=lambda one: one["loop_ms"] + one["lane_ms"] + one["before_ms"])


def asked_directly(engine: Engine, loop: asyncio.AbstractEventLoop, load: Load, together: int) -> dict[str, float]:
    """The engine alone, asked for rows that are read already, so many at a time."""

    async def ask(times: int) -> None:
        for _ in range(times):
            await engine.predict(Ask(load.model, None, RAW, [load.row], None, 60.0))

    async def all_of(rows: int) -> None:
        await asyncio.gather(*(ask(rows // together) for _ in range(together)))

    def run(rows: int) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(all_of(rows), loop)
        done.result()

    rows = ENGINE_ROWS[together]
    run(together)
    before = spent()
    run(rows)
    return difference(before, spent(), rows)


def rows_alone(load: Load) -> list[Tensors]:
    """The row of a load; of mixed texts rows of five lengths, each as frequent as the others."""
    if load.body != "mixed":
        return [load.row]
    graph = graphs.TEXT_SERVED
    reader = TextGraph(str(graph.file), str(graph.tokenizer), graph.max_tokens)
    lengths = sorted(len(reader.prepare(text)) for text in graphs.texts())
    chosen = [lengths[int(share * len(lengths))] for share in FIFTHS]
    return [{name: array[:, :1].repeat(length, axis=1) for name, array in load.row.items()} for length in chosen]


def graph_alone(load: Load) -> dict[int, float]:
    """Milliseconds of a row, by rows of its length in a batch: the least that one thread used."""
    graph = next(one for one in graphs.GRAPHS if one.model == load.model)
    session = RUNTIMES["onnx"](graph.file, RuntimeOptions(device="cpu", threads=1))
    rows = rows_alone(load)
    return {size: round(1000 * fmean(_least_s(session, row, size) for row in rows) / size, 4) for size in SIZES}


def _least_s(session: Any, row: Tensors, size: int) -> float:
    batch = {name: array.repeat(size, axis=0) for name, array in row.items()}
    took: list[float] = []
    until = time.thread_time() + GRAPH_S
    while time.thread_time() < until or len(took) < 3:
        began = time.thread_time()
        session.run(batch)
        took.append(time.thread_time() - began)
    return min(took)


def front_mb() -> float:
    """MB of a process that has all code of the service and no model."""
    code = "import resource, app.main, app.tasks; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout)


def measured(rounds: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Any] = {
        "instructions": instruction_set(),
        "hardware": hardware("cpu", cores),
        "python": sys.version.split()[0],
    }
    found["handover"] = handovers()  # first, since it forks, and there are no threads yet
    say(f"handover: {json.dumps(found['handover'])}")
    found["front_mb"] = front_mb()
    graphs.prepare_served(say)
    watch()
    with TemporaryDirectory() as folder:
        models = Path(folder)
        for graph in (graphs.TEXT_SERVED, graphs.IMAGE_SERVED):
            (models / graph.model).symlink_to((graph.repository / graph.model).absolute())
        with serving(models) as (url, engine, loop):
            for load in loads():
                Watched.is_quick = True
                closed_loop(url, request_of(load), MANY, WARM_S)
                found[load.name] = {
                    "alone": least(rounds, partial(over_http, url, load, ALONE, seconds)),
                    "many": least(rounds, partial(over_http, url, load, MANY, seconds)),
                    "engine alone": least(rounds, partial(asked_directly, engine, loop, load, ALONE)),
                    "engine many": least(rounds, partial(asked_directly, engine, loop, load, MANY)),
                }
                Watched.is_quick = False
                found[load.name]["graph"] = graph_alone(load)
                say(f"{load.name}: {json.dumps(found[load.name])}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--out", type=Path, default=RESULTS / instruction_set() / "many_cores.json")
    chosen = parser.parse_args()
    require_wrk()
    result = measured(chosen.rounds, chosen.seconds, lambda text: print(text, flush=True))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
