"""A cascade beside its large model and its small one, as they are served: answers a second, and who gave them.

    python -m benchmarks.cascades [reviews-sentiment-cascade] [--models models] [--rounds 5] [--seconds 6]

Serves the three from one process on one core, and asks them in turn, from another core: texts or photos of the test
split, which no step learned from, over and over. Texts come over 64 connections, photos over 16.
"""

import argparse
import base64
import json
import os
import re
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.repository.cascade import CascadeManifest
from app.repository.repository import ModelRepository
from benchmarks.graphs import DIALECTS
from benchmarks.instructions import instruction_set
from benchmarks.own_service import linked, own_service
from benchmarks.requests import Request
from benchmarks.translation.figures import spread
from benchmarks.wrk import closed_loop, require_wrk

CONNECTIONS = {"text-classification": 64, "image-classification": 16}
MOST_TEXTS, WARM_S, SEED = 2_000, 6.0, 0
ANSWERED = re.compile(r'^tessera_cascade_items_total\{.*step="([^"]+)".*\} (\S+)$', re.MULTILINE)


def bodies(task: str) -> list[str]:
    if task == "image-classification":
        from training.data.photos import load_photos

        photos = (base64.b64encode(one).decode() for one in load_photos().test)
        return [json.dumps({"inputs": [{"image": photo}]}) for photo in photos]
    from training.data.sentiment import load_sentiment

    texts = load_sentiment()
    held_out = np.array(texts.text[texts.split == "test"], dtype=object)
    chosen = np.random.default_rng(SEED).permutation(held_out)[:MOST_TEXTS]
    return [json.dumps(DIALECTS["ours"](str(text))) for text in chosen]


def answered_by(port: int) -> dict[str, float]:
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return {step: float(count) for step, count in ANSWERED.findall(metrics)}


def compare(
    port: int, names: Sequence[str], task: str, file: Path, rounds: int, seconds: float
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in names}

    def ask(name: str, for_s: float) -> float:
        request = Request(f"/v1/models/{name}/predict", "application/json", file, is_lines=True)
        found = closed_loop(f"http://127.0.0.1:{port}", request, CONNECTIONS[task], for_s)
        if found["errors"]:
            raise SystemExit(f"error: {found['errors']} requests failed")
        return float(found["throughput"])

    for name in names:
        ask(name, WARM_S)
    for number in range(rounds):
        for name in names[:: 1 if number % 2 else -1]:
            rates[name].append(ask(name, seconds))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cascade", nargs="?", default="reviews-sentiment-cascade")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    chosen = parser.parse_args()
    require_wrk()
    repository = ModelRepository(chosen.models)
    manifest = repository.read(chosen.cascade, repository.versions(chosen.cascade)[0])
    if not isinstance(manifest, CascadeManifest):
        raise SystemExit(f"error: {chosen.cascade} is no cascade")
    steps = [step.model for step in manifest.steps]
    cores = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory() as name, ExitStack() as stack:
        models = linked(chosen.models, [manifest.name, *steps], Path(name) / "models")
        (file := Path(name) / "bodies.jsonl").write_text("\n".join(bodies(manifest.task)), encoding="utf-8")
        os.sched_setaffinity(0, cores[1:] or cores)
        port = stack.enter_context(own_service(models, cores[:1], Path(name) / "log"))
        names = [steps[-1], steps[0], manifest.name]
        rates = compare(port, names, manifest.task, file, chosen.rounds, chosen.seconds)
        counts = answered_by(port)
    print(f"{instruction_set()}, {CONNECTIONS[manifest.task]} connections, {chosen.rounds} rounds\n")
    print("| | answers/s | of the large one |\n|---|---|---|")
    for model, found in rates.items():
        ratios = [one / other for one, other in zip(found, rates[steps[-1]], strict=True)]
        print(f"| {model} | {spread(found)} | {spread(ratios, 2)} |")
    print("\nanswered by " + ", ".join(f"{step}: {n / sum(counts.values()):.3f}" for step, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
