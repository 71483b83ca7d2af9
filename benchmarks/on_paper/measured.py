"""The measured costs that the paper fleet is made of, read from the results of `make bench`."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.on_paper.fleet import Work

RESULTS = Path(__file__).parent.parent / "results"
OF = "avx512-vnni"  # the instruction set of which all scenarios were measured
WRITTEN_TOKENS, WRITING_CORES = 128, 2


class Kind(NamedTuple):
    """A kind of request: its work, and the bytes of a request and of an answer with their heads."""

    name: str
    work: Work
    request_bytes: int
    answer_bytes: int


class Service(NamedTuple):
    """One process: seconds until all models are ready, and MB of memory after 100,000 requests."""

    start_s: float
    memory_mb: float


def kinds() -> list[Kind]:
    """Texts (mixed lengths, int8) and photos (46 kB, int8), as one core answers them with a full line; written answers.

    The spread of texts is that of single ones: of a lognormal distribution mean and median tell the sigma.
    """
    results = _read(f"{OF}/results")

    def mid(scenario: str, load: str, read: Callable[[Any], float]) -> float:
        return median(read(one["ours"][load]) for one in results[scenario]["rounds"])

    def mean_s(scenario: str, load: str) -> float:
        return 1 / mid(scenario, load, lambda one: one["throughput"])

    def sigma(scenario: str, load: str) -> float:
        mid_s = mid(scenario, load, lambda one: one["p50_ms"]) / 1000
        return math.sqrt(2 * max(0.0, math.log(mean_s(scenario, load) / mid_s)))

    return [
        Kind("texts", Work(mean_s("mixed-served", "c=64"), sigma("mixed", "c=1")), 500, 700),
        Kind("photos", Work(mean_s("photo-served", "raw c=16"), sigma("photo-served", "raw c=1")), 46_500, 900),
        Kind(f"answers of {WRITTEN_TOKENS} tokens", Work(_written_s()), 1_500, 1_500),
    ]


def _written_s() -> float:
    """The seconds of a core for one answer of smollm2-instruct to 256 tokens, of the latest run for eight clients."""
    runs = [run for run in _read("generation") if "ours" in run["rounds"].get("even", [{}])[0]]
    tokens_s: float = median(one["ours"]["tokens_s"] for one in runs[-1]["rounds"]["even"])
    return WRITING_CORES * WRITTEN_TOKENS / tokens_s


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def service() -> Service:
    results = _read(f"{OF}/results")
    starts = [one["ours"]["start"]["ready_s"] for one in results["startup"]["rounds"]]
    samples = results["soak"]["rounds"][0]["ours"]["soak"]["samples"]
    return Service(median(starts), samples[-1][1])
