"""python -m benchmarks.fuzz: spoilt requests on every route of the real service, beside neighbours who want answers.

Starts the service with all models of models/ and one of its own, takes a good request of every route, spoils it in one
to three ways (mutations.py), and judges every answer (judge.py). Meanwhile neighbours ask what they know the answer to.
Each fault is printed once a kind, with the number of the request; `--seed` and `--only NUMBER` send that one again.
Exit status 1 if there was one.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.asked import Answer, Asked, Connection, renewed
from benchmarks.fuzz.judge import fault_of
from benchmarks.fuzz.mutations import MUTATIONS
from benchmarks.fuzz.neighbours import Neighbour, keep_loaded, known_answers, questions
from benchmarks.fuzz.own import save_own
from benchmarks.fuzz.seeds import OWN, seeds_of
from benchmarks.fuzz.writing import may_take_longer
from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready

LONGEST_S = 20.0  # the service is asked to give up after ten
CONNECTIONS = 16


@dataclass
class Found:
    """The outcomes, by route."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: dict[str, tuple[int, Asked, Answer, int]] = field(default_factory=dict)
    slowest: tuple[float, str, int] = (0.0, "", 0)

    def add(self, number: int, asked: Asked, answer: Answer, fault: str | None, seconds: float) -> None:
        self.statuses.setdefault(asked.route, Counter())[answer.status] += 1
        self.slowest = max(self.slowest, (seconds, asked.route, number))
        if fault:
            kind = f"{asked.route}: {fault}"
            first = self.faults.get(kind)
            self.faults[kind] = (number, asked, answer, 1) if first is None else (*first[:3], first[3] + 1)


def spoilt(seeds: Sequence[Asked], seed: int, number: int) -> Asked:
    """The request of this number: the same for the same seed and models."""
    chance = random.Random(f"{seed}/{number}")
    asked = chance.choice(seeds)
    weights = [weight for weight, _ in MUTATIONS]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        ((_, mutation),) = chance.choices(MUTATIONS, weights)
        asked = mutation(chance, asked)
    return asked


async def ask(port: int, connection: Connection | None, asked: Asked) -> tuple[Answer, Connection | None, str | None]:
    try:
        async with asyncio.timeout(LONGEST_S):
            is_new = connection is None or not connection.is_open
            connection = await renewed(port, connection) if is_new or connection is None else connection
            answer = await connection.ask(asked)
            if not answer.status and not is_new:  # closed for what came before, such as bytes behind a request
                connection = await renewed(port, connection)
                answer = await connection.ask(asked)
        if any(name == "Transfer-Encoding" for name, _ in asked.headers):  # its body may go on, into the next request
            connection.close()
    except TimeoutError:
        if connection is not None:
            connection.close()
        return Answer(), None, None if may_take_longer(asked) else f"no answer within {LONGEST_S:.0f} s"
    except OSError as error:
        return Answer(), None, f"{type(error).__name__}"
    return answer, connection, fault_of(asked, answer)


async def fuzz(port: int, seeds: Sequence[Asked], numbers: Sequence[int], seed: int) -> Found:
    found, left = Found(), iter(numbers)

    async def work() -> None:
        connection: Connection | None = None
        for number in left:
            asked = spoilt(seeds, seed, number)
            began = time.perf_counter()
            answer, connection, fault = await ask(port, connection, asked)
            found.add(number, asked, answer, fault, time.perf_counter() - began)
        if connection is not None:
            connection.close()

    neighbours = [Neighbour(port, one) for one in await known_answers(port, questions())]
    watching = [asyncio.create_task(one.watch()) for one in neighbours]
    watching.append(asyncio.create_task(keep_loaded(port, OWN)))
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    for each in watching:
        each.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for one in neighbours:
        for fault, count in one.faults.items():
            found.faults[f"neighbour of {one.asked.path}: {fault}"] = (-1, one.asked, Answer(), count)
    print(f"neighbours: {sum(one.count for one in neighbours)} answers of {len(neighbours)} kinds compared")
    return found


def report(found: Found, seconds: float) -> None:
    total = sum(count for statuses in found.statuses.values() for count in statuses.values())
    for route, statuses in sorted(found.statuses.items()):
        told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"{route:70} {told}")
    every = sum(found.statuses.values(), Counter[int]())
    print(f"{total} requests in {seconds:.0f} s: {', '.join(f'{s}: {n}' for s, n in sorted(every.items()))}")
    print(f"slowest {found.slowest[0]:.2f} s: number {found.slowest[2]}, {found.slowest[1]}")
    for kind, (number, asked, answer, count) in found.faults.items():
        print(f"\nFAULT {kind} ({count} times, first number {number})")
        print(f"  {asked.message()[:600]!r}\n  {answer.body[:400]!r}")
    print(f"\n{len(found.faults)} kinds of faults")


def raised(log: str) -> Counter[str]:
    """Return the last lines of the tracebacks in a log, counted."""
    found = Counter[str]()
    for traceback in log.split("Traceback (most recent call last):")[1:]:
        found[next((line for line in traceback.splitlines()[1:] if line and not line.startswith(" ")), "")] += 1
    return found


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
        return json.load(reply)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="the request of this number alone")
    chosen = parser.parse_args()
    numbers = chosen.only or range(chosen.requests)
    with tempfile.TemporaryDirectory(prefix="tessera-fuzz-") as folder:
        models = Path(folder) / "models"
        shutil.copytree("models", models, ignore=shutil.ignore_patterns(".publishing-*"))
        save_own(models, OWN)
        port, log = free_port(), Path(folder) / "log"
        command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
        settings = {"TESSERA_MODELS_DIR": str(models), "TESSERA_REQUEST_TIMEOUT_S": "10"}
        with log.open("wb") as output, started(command, settings, [0, 1], output) as process:
            until_ready(port, process)
            tasks = {one["name"]: one["task"] for one in get(port, "/v1/models")["models"]}
            names = sorted(tasks)
            writers = [name for name in names if tasks[name] == "text-generation"]
            seeds = seeds_of(get(port, "/openapi.json"), names, writers)
            print(f"{len(seeds)} good requests on {len({one.route for one in seeds})} routes, {len(names)} models")
            began = time.monotonic()
            found = asyncio.run(fuzz(port, seeds, numbers, chosen.seed))
            report(found, time.monotonic() - began)
            if process.poll() is not None:
                print(f"FAULT the service ended with {process.returncode}")
        for said, count in raised(log.read_text(errors="replace")).most_common():
            print(f"{count} times in the log: {said:.200}")
        if chosen.only:
            print(log.read_text(errors="replace")[-5000:])
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
