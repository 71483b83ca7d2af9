"""Texts of which some are asked for again and again: with the answers kept, and without.

    python -m benchmarks.asked_again [--rounds 5] [--seconds 6] [--connections 64] [--texts 10000] [--skew 1]

Draws requests from so many real texts, the k-th of them in proportion to 1 / k^skew (Zipf's law), and sends them to two
services on one core, in turn: one computes each, the other keeps answers. wrk has another core. Before the load both
are asked each of the first texts that were drawn, and every score must be the same. Exits with 1 if an answer differs,
or the one that keeps is not twice as fast.
"""

import argparse
import json
import os
import statistics
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.graphs import DIALECTS
from benchmarks.own_service import linked, own_service
from benchmarks.requests import Request
from benchmarks.translation.figures import spread
from benchmarks.wrk import closed_loop, require_wrk

MODEL = "reviews-sentiment"
PATH = f"/v1/models/{MODEL}/predict"
DRAWN = 20_000  # requests of a round, which are new ones in each: wrk begins at the first again
COMPARED = 300
LEAST_RATIO, WARM_S, SEED = 2.0, 4.0, 0
DIFFERENCE = 2e-3  # of a score: beside longer texts an int8 graph rounds otherwise, kept or not


def real_texts(count: int) -> list[str]:
    from training.data.sentiment import load_sentiment

    texts = np.array(load_sentiment().text.drop_duplicates(), dtype=object)
    return [str(text) for text in np.random.default_rng(SEED).permutation(texts)[:count]]


def drawn(texts: Sequence[str], skew: float, rng: np.random.Generator, count: int) -> list[str]:
    """Texts as they are asked for, each as often as its rank says."""
    shares = 1.0 / np.arange(1, len(texts) + 1) ** skew
    return [texts[i] for i in rng.choice(len(texts), count, p=shares / shares.sum())]


def written(file: Path, texts: Sequence[str]) -> Request:
    lines = (json.dumps(DIALECTS["ours"](text)) for text in texts)
    file.write_text("\n".join(lines), encoding="utf-8")
    return Request(PATH, "application/json", file, is_lines=True)


def scores(port: int, text: str) -> dict[str, float]:
    body = json.dumps(DIALECTS["ours"](text)).encode()
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as reply:
        (labels,) = json.load(reply)["outputs"]
    return {one["label"]: one["score"] for one in labels}


def largest_difference(ports: Sequence[int], texts: Sequence[str]) -> float:
    """Of any score of these texts: between the two services, and between the first and second answer of each."""
    found = 0.0
    for text in texts:
        first, *others = [scores(port, text) for port in ports for _ in range(2)]
        found = max(found, *(abs(one[label] - first[label]) for one in others for label in first))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--skew", type=float, default=1.0)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--models", type=Path, default=Path("models"))
    chosen = parser.parse_args()
    require_wrk()
    texts, rng = real_texts(chosen.texts), np.random.default_rng(SEED)
    cores = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        models = linked(chosen.models, [MODEL], folder / "models")
        os.sched_setaffinity(0, cores[1:] or cores)
        ports = []
        for kept in (0, chosen.megabytes * 1_000_000):
            settings = {"TESSERA_ANSWER_CACHE_BYTES": str(kept), "TESSERA_LOG_REQUESTS": "0"}
            ports.append(stack.enter_context(own_service(models, cores[:1], folder / f"{kept}.log", **settings)))
        difference = largest_difference(ports, texts[-COMPARED:])  # those that are asked for least
        for port in ports:
            request = written(folder / "warm.jsonl", [f"{text} {port}" for text in texts])
            closed_loop(f"http://127.0.0.1:{port}", request, chosen.connections, WARM_S)
        rates: list[list[float]] = [[], []]
        p99s: list[list[float]] = [[], []]
        for round_ in range(chosen.rounds):
            request = written(folder / "texts.jsonl", drawn(texts, chosen.skew, rng, DRAWN))
            for i in (0, 1) if round_ % 2 else (1, 0):
                found = closed_loop(f"http://127.0.0.1:{ports[i]}", request, chosen.connections, chosen.seconds)
                if found["errors"]:
                    raise SystemExit(f"error: {found['errors']} requests failed")
                rates[i].append(found["throughput"])
                p99s[i].append(found["p99_ms"])
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/metrics").read().decode()
    print("| | answers/s | p99, ms |\n|---|---|---|")
    for title, i in (("each computed", 0), ("answers kept", 1)):
        print(f"| {title} | {spread(rates[i])} | {spread(p99s[i])} |")
    ratios = [kept / computed for computed, kept in zip(*rates, strict=True)]
    print(f"\nratio {spread(ratios, 2)}; largest difference of a score {difference:.1e}")
    print("\n".join(line for line in metrics.splitlines() if line.startswith("tessera_cache_")))
    return 0 if statistics.median(ratios) >= LEAST_RATIO and difference <= DIFFERENCE else 1


if __name__ == "__main__":
    sys.exit(main())
