"""This working tree beside another revision of the service, in turn on one core: what did a change cost?

    python -m benchmarks.revisions REVISION [--only short,photo] [--rounds 6] [--seconds 3] [--swap]

Checks REVISION out into build/bench/revisions, and starts it and this tree on the same models and the same core; wrk
has another one. In each round both are asked the same, the one after the other, in changing order, so that what else
the machine does is alike for both. Prints for each case, as medians over the rounds, answers a second, p50, the
processor time of the server for each answer, and the ratios of this tree to REVISION with their range.

With `--swap` both are this tree's revision: what then differs from 1 is what the machine does by itself.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.repository.publish import version_numbers
from benchmarks.own_service import linked
from benchmarks.processes import cpu_of, free_port, started
from benchmarks.ready import until_ready
from benchmarks.requests import Request
from benchmarks.wrk import closed_loop, require_wrk

TREE = Path(__file__).resolve().parents[1]
MODELS = TREE / "models"
FOLDER = TREE / "build" / "bench" / "revisions"
CORE = 0
WARM_S = 2.0
REVIEW = "the film was a slow and quiet story of two people who meet by chance on a train"
MIXED_WORDS = (3, 5, 8, 12, 20, 40, 80, 150)


class Case(NamedTuple):
    model: str
    request: Request
    connections: int


class Figures(NamedTuple):
    answers_per_s: float
    p50_ms: float
    cpu_ms: float


def cases() -> Mapping[str, Case]:
    """Return the requests by case, written into FOLDER."""
    review = {"inputs": ["A great film with a fine cast."]}
    short = _written("short.json", json.dumps(review))
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(REVIEW.split(), rng.choice(MIXED_WORDS))) for _ in range(64)]
    mixed = _written("mixed.jsonl", "\n".join(json.dumps({"inputs": [text]}) for text in texts))
    forecast = _written("forecast.json", json.dumps({"inputs": [_golden("time-series-forecaster")]}))
    pixels = rng.integers(0, 256, 8 * 28 * 28 * 3).tolist()
    batch = {"name": "image", "datatype": "UINT8", "shape": [8, 28, 28, 3], "data": pixels}
    tensors = _written("tensors.json", json.dumps({"inputs": [batch]}))
    text_path, json_type = "/v1/models/reviews-sentiment/predict", "application/json"
    photo = Request("/v1/models/imagenet-efficientnet/predict", "image/jpeg", TREE / "app" / "tasks" / "cat.jpg")
    v2 = Request("/v2/models/fashion-mnist/infer", json_type, tensors)
    return {
        "short": Case("reviews-sentiment", Request(text_path, json_type, short), 64),
        "short, alone": Case("reviews-sentiment", Request(text_path, json_type, short), 1),
        "mixed": Case("reviews-sentiment", Request(text_path, json_type, mixed, is_lines=True), 16),
        "mixed, alone": Case("reviews-sentiment", Request(text_path, json_type, mixed, is_lines=True), 1),
        "photo": Case("imagenet-efficientnet", photo, 16),
        "photo, alone": Case("imagenet-efficientnet", photo, 1),
        "V2 batch of 8": Case("fashion-mnist", v2, 16),
        "V2 batch of 8, alone": Case("fashion-mnist", v2, 1),
        "forecast, alone": Case(
            "time-series-forecaster", Request("/v1/models/time-series-forecaster/predict", json_type, forecast), 1
        ),
    }


def _written(name: str, text: str) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_text(text)
    return FOLDER / name


def _golden(model: str) -> object:
    version = MODELS / model / str(version_numbers(MODELS / model)[-1])
    return json.loads((version / "manifest.json").read_text())["golden"][0]["input"]


def checked_out(revision: str) -> Path:
    """A folder with the code of a revision."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", f"{revision}^{{commit}}"], cwd=TREE, check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = FOLDER / commit
    if not folder.exists():
        folder.mkdir(parents=True)
        archive = subprocess.Popen(
            ["git", "archive", commit, "app", "pyproject.toml"], cwd=TREE, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
        archive.wait()
    return folder


def measure(pid: int, port: int, case: Case, seconds: float) -> Figures:
    before = cpu_of([pid])
    found = closed_loop(f"http://127.0.0.1:{port}", case.request, case.connections, seconds)
    used = cpu_of([pid]) - before
    if found["errors"] or not found["answers"]:
        raise SystemExit(f"error: {found['errors']} of the answers of {case.request.path} were errors")
    return Figures(found["throughput"], found["p50_ms"], 1000 * used / found["answers"])


def compare(folders: Sequence[Path], asked: Mapping[str, Case], rounds: int, seconds: float) -> None:
    """Print a line for each case, of two services: the first is compared with."""
    with ExitStack() as stack:
        services = []
        models = linked(MODELS, {case.model for case in asked.values()}, FOLDER / "models")
        for i, folder in enumerate(folders):
            port = free_port()
            environment = {"PYTHONPATH": str(folder), "TESSERA_THREADS": "1", "TESSERA_MODELS_DIR": str(models)}
            log = stack.enter_context((FOLDER / f"{i}.log").open("wb"))
            command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
            process = stack.enter_context(started(command, environment, [CORE], log, folder))
            until_ready(port, process)
            services.append((process.pid, port))
        print(f"{'':22}{'answers/s':>20}{'p50 ms':>18}{'cpu ms':>18}   ratios of answers/s, p50, cpu", flush=True)
        for name, case in asked.items():
            found: list[list[Figures]] = [[], []]
            for pid, port in services:
                measure(pid, port, case, WARM_S)
            for number in range(rounds):
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    found[which].append(measure(*services[which], case, seconds))
            print(_line(name, *found), flush=True)


def _line(name: str, before: Sequence[Figures], now: Sequence[Figures]) -> str:
    medians = [[statistics.median(column) for column in zip(*figures, strict=True)] for figures in (before, now)]
    ratios = [[b / a for a, b in zip(*pair, strict=True)] for pair in zip(before, now, strict=True)]
    columns = [sorted(column) for column in zip(*ratios, strict=True)]
    shown = ", ".join(f"{statistics.median(one):.3f} ({one[0]:.2f}-{one[-1]:.2f})" for one in columns)
    (a, b, c), (x, y, z) = medians
    return f"{name:22}{a:>9.1f} -> {x:>7.1f}{b:>8.2f} -> {y:>6.2f}{c:>8.3f} -> {z:>6.3f}   {shown}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revisions", description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--only", default="", help="cases whose names begin so, separated by commas")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--swap", action="store_true", help="compare this tree with itself")
    chosen = parser.parse_args()
    require_wrk()
    wanted = tuple(chosen.only.split(","))
    asked = {name: case for name, case in cases().items() if name.startswith(wanted)}
    compare([TREE if chosen.swap else checked_out(chosen.revision), TREE], asked, chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
