"""python -m benchmarks.fleet.cost: the cost of asking a replica instead of the process itself, side by side.

Two services run on the same cores, over the same models: one computes by itself, the other asks one replica of each
model. They are asked in turn, for some seconds each, again and again. Each figure is a median over the rounds, with
the least and the most. A round takes 8 x (1 + --seconds) s: all of them 400 s, if nothing else is asked for.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready

MODELS = Path("models")
TEXT, PHOTO = "reviews-sentiment", "imagenet-efficientnet"
CAT = Path("app/tasks/cat.jpg")
WARM_S = 1.0
ANSWER_S = 30.0  # for the last answers of a load, on a machine that has other things to do


@dataclass(frozen=True, slots=True)
class Load:
    """So many connections, each of which asks again as soon as it is answered."""

    name: str
    model: str
    content: Callable[[], tuple[str, bytes]]
    connections: int


def _text() -> tuple[str, bytes]:
    return "application/json", json.dumps({"inputs": ["I expected to love it, but it broke after a day."]}).encode()


def _photo() -> tuple[str, bytes]:
    return "image/jpeg", CAT.read_bytes()


LOADS = (
    Load("text, 1", TEXT, _text, 1),
    Load("text, 16", TEXT, _text, 16),
    Load("photo, 1", PHOTO, _photo, 1),
    Load("photo, 16", PHOTO, _photo, 16),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some seconds: answers a second, and the median latency in ms."""

    rate: float
    p50_ms: float


async def measured(port: int, load: Load, seconds: float) -> Figures:
    """Ask for so many seconds, after some that do not count. Raises ValueError for an answer other than 200."""
    kind, body = load.content()
    head = f"POST /v1/models/{load.model}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    begin = monotonic() + WARM_S
    end, took = begin + seconds, list[float]()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (sent := monotonic()) < end:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ValueError(answer)
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            if sent >= begin:
                took.append(monotonic() - sent)
        writer.close()

    async with asyncio.timeout(WARM_S + seconds + ANSWER_S), asyncio.TaskGroup() as callers:
        for _ in range(load.connections):
            callers.create_task(ask())
    return Figures(len(took) / seconds, 1000 * statistics.median(took))


async def measure(ports: Sequence[int], rounds: int, seconds: float) -> dict[str, tuple[list[Figures], list[Figures]]]:
    """Return the figures of each load, of the local service and of the fleet, round by round."""
    found: dict[str, tuple[list[Figures], list[Figures]]] = {load.name: ([], []) for load in LOADS}
    for number in range(rounds):
        for load in LOADS:
            for which in (0, 1) if number % 2 else (1, 0):  # each goes first as often as the other
                found[load.name][which].append(await measured(ports[which], load, seconds))
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def _spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(found: dict[str, tuple[list[Figures], list[Figures]]]) -> str:
    lines = [
        "| load, connections | local, p50 ms | fleet, p50 ms | more, ms | local, 1/s | fleet, 1/s | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (local, fleet) in found.items():
        more = [far.p50_ms - near.p50_ms for near, far in zip(local, fleet, strict=True)]
        share = [far.rate / near.rate for near, far in zip(local, fleet, strict=True)]
        figures = [
            _spread([one.p50_ms for one in local], ".1f"), _spread([one.p50_ms for one in fleet], ".1f"),
            _spread(more, ".1f"), _spread([one.rate for one in local], ".0f"),
            _spread([one.rate for one in fleet], ".0f"), _spread(share, ".2f"),
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load, of each service, in each round")
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    ports, processes = [free_port(), free_port()], list[subprocess.Popen[bytes]]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "models").mkdir()
        for model in (TEXT, PHOTO):
            (folder / "models" / model).symlink_to((MODELS / model).resolve())
        scaling = {"default": {"min_replicas": 1, "max_replicas": 1, "cpus": len(cores)}}
        (folder / "scaling.json").write_text(json.dumps(scaling))
        settings = {
            "TESSERA_MODELS_DIR": str(folder / "models"),
            "TESSERA_DEVICE": "cpu",
            "TESSERA_LOG_REQUESTS": "0",
            "TESSERA_REQUIRED_MODELS": f"{TEXT},{PHOTO}",
        }
        of_fleet = {
            "TESSERA_RAY_FILE": str(folder / "scaling.json"),
            "TESSERA_RAY_FLEET": f"cost-{os.getpid()}",
        }
        for port, module, more in zip(ports, ("app", "deploy.ray_serve"), ({}, of_fleet), strict=True):
            log = stack.enter_context(Path(tempfile.gettempdir(), f"cost-{module}.log").open("wb"))
            command = [sys.executable, "-m", module, "serve", "--port", str(port)]
            processes.append(stack.enter_context(started(command, {**settings, **more}, cores, log)))
        for port, process in zip(ports, processes, strict=True):
            until_ready(port, process)
        takes_s = 2 * chosen.rounds * len(LOADS) * (WARM_S + chosen.seconds)
        print(f"both are ready; it takes {takes_s:.0f} s", file=sys.stderr, flush=True)
        print(table(asyncio.run(measure(ports, chosen.rounds, chosen.seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
