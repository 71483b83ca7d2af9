"""A plan that was made while the machine did other things: what is it worth once the machine is quiet?

    python -m benchmarks.busy_plans [--rounds 5] [--seconds 5] [--model reviews-sentiment]

Tunes one model on one core three times: in quiet; beside two loops that never rest; and in quiet, but with all batches
of eight rows and more believed to be four times as slow, as plans of busy days were before trials were repeated. Serves
each by a service of its own on that core, sends each 1,000 requests, and then asks them in turn, from another core.
Exits with 1 unless both answer within 5 % of the one whose plan is right. The machine must be quiet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.own_service import own_service
from benchmarks.processes import started
from benchmarks.requests import Request
from benchmarks.revisions import cases
from benchmarks.translation.figures import spread
from benchmarks.wrk import closed_loop, require_wrk

REQUESTS, CONNECTIONS = 1_000, 64
WITHIN = 0.05
WRONG_ROWS, WRONG_TIMES = 8, 4.0
QUIET, BUSY, WRONG = "made in quiet", "made beside two busy loops", "made wrong"


@contextmanager
def busy_loops(number: int, cores: Sequence[int]) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(started([sys.executable, "-c", "while True: pass"], {}, cores, subprocess.DEVNULL))
        yield


def tuned(models: Path, model: str, cores: Sequence[int]) -> Path:
    """Tune a model, and return the file of its plan."""
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "app", "tune", model]
    environment = {**os.environ, "TESSERA_MODELS_DIR": str(models)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    (plan,) = (models / model / "tuning").glob("*.json")
    return plan


def spoil(plan: Path) -> None:
    told = json.loads(plan.read_text())
    told["points"] = [
        (rows, length, seconds * (WRONG_TIMES if rows >= WRONG_ROWS else 1)) for rows, length, seconds in told["points"]
    ]
    plan.write_text(json.dumps({**told, "others": 1.0}))


def copied(source: Path, folder: Path, model: str) -> Path:
    """A repository with one model, whose versions are those of `source`, without plans."""
    (folder / model).mkdir(parents=True)
    for version in (source / model).iterdir():
        if version.name.isdigit():
            (folder / model / version.name).symlink_to(version.resolve())
    return folder


def shown(plan: Path) -> str:
    told = json.loads(plan.read_text())
    longest = max(length for _, length, _ in told["points"])
    points = ", ".join(f"{rows}: {1000 * s / rows:.2f}" for rows, length, s in told["points"] if length == longest)
    return f"{told['variant'] or 'as it is'}, others {told['others']}, ms a row of {longest}: {points}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--model", default="reviews-sentiment")
    parser.add_argument("--models", type=Path, default=Path("models"))
    chosen = parser.parse_args()
    require_wrk()
    asked = {name: case for name, case in cases().items() if case.model == chosen.model and case.connections > 1}
    cores = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory() as name, ExitStack() as stack:
        ports = {}
        for which in (QUIET, BUSY, WRONG):
            models = copied(chosen.models, Path(name) / which, chosen.model)
            with busy_loops(2 if which == BUSY else 0, cores):
                plan = tuned(models, chosen.model, cores[:1])
            if which == WRONG:
                spoil(plan)
            print(f"{which}: {shown(plan)}", flush=True)
            ports[which] = stack.enter_context(own_service(models, cores[:1], Path(name) / f"{which}.log"))
        os.sched_setaffinity(0, cores[1:] or cores)
        worst = min(compared(ports, name, one.request, chosen.rounds, chosen.seconds) for name, one in asked.items())
    return 0 if worst >= 1 - WITHIN else 1


def compared(ports: dict[str, int], name: str, request: Request, rounds: int, seconds: float) -> float:
    """Print a table of answers a second, and return the least median of what a plan is worth beside the right one."""
    rates: dict[str, list[float]] = {which: [] for which in ports}

    def ask(which: str, for_s: float) -> float:
        found = closed_loop(f"http://127.0.0.1:{ports[which]}", request, CONNECTIONS, for_s)
        if found["errors"]:
            raise SystemExit(f"error: {found['errors']} requests failed")
        return float(found["throughput"])

    first = {which: ask(which, 2) for which in ports}
    for which in ports:
        ask(which, REQUESTS / first[which])
    for number in range(rounds):
        for which in list(ports)[:: 1 if number % 2 else -1]:
            rates[which].append(ask(which, seconds))
    print(
        f"\n| {name}, {CONNECTIONS} connections | first 2 s | after {REQUESTS:,} requests | of the right plan |\n"
        "|---|---|---|---|"
    )
    medians = []
    for which, found in rates.items():
        ratios = [one / right for one, right in zip(found, rates[QUIET], strict=True)]
        medians.append(statistics.median(ratios))
        print(f"| {which} | {first[which]:.0f}/s | {spread(found)} | {spread(ratios, 3)} |", flush=True)
    return min(medians)


if __name__ == "__main__":
    sys.exit(main())
