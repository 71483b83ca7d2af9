"""An imported model in 8 bits beside itself in fp32: published if it answers real requests alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.repository.golden import difference
from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.embeddings import FeatureExtraction
from app.tasks.view import View, predict_json
from app.tensors import Session
from training.errors import progress
from training.graphs.row_int8 import write_row_int8
from training.recipe import Example

INT8 = "int8"
GRAPH = "model.int8.onnx"
SCORES = 0.05  # by which a score may differ, and of the largest number where numbers are larger
COSINE = 0.99  # of two vectors of a text, at least
LEAST_AGREEMENT = 0.9  # of the answers

Request = tuple[Mapping[str, Any], Mapping[str, Any]]
"""An item and parameters, as JSON."""


class Beside(NamedTuple):
    """`graph` is None if answers differ too often; `examples` have an answer that both give."""

    graph: Path | None
    metric: Metric
    examples: Sequence[Example]
    limits: Sequence[str]


def beside_fp32_answers(
    view: View[Any], sessions: Mapping[str, Session], graph: Path, requests: Sequence[Request], workdir: Path
) -> Beside:
    """Write `graph`, which `sessions` run, in 8 bits, and let both answer `requests`. Raises TrainingError."""
    progress("writing the graph in 8 bits")
    path = write_row_int8(graph, workdir / GRAPH)
    other = {name: load_onnx(path, RuntimeOptions(device="cpu")) for name in sessions}
    pairs = [[predict_json(view, one, *request) for one in (sessions, other)] for request in requests]
    alike = [_are_alike(view, *pair) for pair in pairs]
    agreement = float(np.mean(alike))
    examples = [
        Example(dict(item), dict(parameters), tolerance=tolerance)
        for (item, parameters), (known, found) in zip(requests, pairs, strict=True)
        for tolerance in [_of_golden(view, known, found)]
        if difference(known, found, tolerance / 2) is None  # or another processor might find it beyond
    ]
    told = f"in 8 bits {sum(alike)} of {len(alike)} answers are those of fp32"
    is_enough = agreement >= LEAST_AGREEMENT and bool(examples)
    progress(told if is_enough else f"WARNING: not published in 8 bits: {told}")
    rule = f"cosines of {COSINE}" if isinstance(view, FeatureExtraction) else f"scores within {SCORES}, places the same"
    metric = Metric(
        name="int8_agreement",
        value=agreement,
        dataset="requests of the importer",
        split=f"{len(alike)} requests, in 8 bits beside fp32: {rule}",
    )
    limits = [] if is_enough else [f"It was asked for in 8 bits, too, and is not published so: {told}."]
    return Beside(path if is_enough else None, metric, examples, limits)


def _are_alike(view: View[Any], known: Any, found: Any) -> bool:
    if isinstance(view, FeatureExtraction):
        one, other = np.array(known), np.array(found)
        return bool(one @ other >= COSINE * np.linalg.norm(one) * np.linalg.norm(other))
    return _say_the_same(known, found, _tolerance(known))


def _of_golden(view: View[Any], known: Any, found: Any) -> float:
    """The tolerance of an answer that is known of both; of vectors, whose numbers are small, by how far they differ."""
    if isinstance(view, FeatureExtraction):
        return 2 * float(np.abs(np.subtract(known, found)).max()) + 1e-4
    return _tolerance(known)


def _say_the_same(known: Any, found: Any, tolerance: float) -> bool:
    """Whether labels have nearly the same scores, in whatever order, and all else is equal."""
    if _are_labels(known) and _are_labels(found):
        one, other = (
            {label.get("label", label.get("token")): label["score"] for label in some} for some in (known, found)
        )
        return all(abs(one.get(name, 0) - other.get(name, 0)) <= tolerance for name in one.keys() | other.keys())
    if isinstance(known, list) and isinstance(found, list) and len(known) == len(found):
        return all(_say_the_same(one, other, tolerance) for one, other in zip(known, found, strict=True))
    return difference(known, found, tolerance) is None


def _are_labels(answer: Any) -> bool:
    """Of a whole text, and not of a place in it."""
    return isinstance(answer, list) and all(
        isinstance(one, dict) and one.keys() & {"label", "token"} and "start" not in one for one in answer
    )


def _tolerance(answer: Any) -> float:
    """Of the numbers of an answer; small whole numbers, such as places, must be the same."""
    return SCORES * max(1.0, *map(abs, _numbers(answer)))


def _numbers(answer: Any) -> list[float]:
    if isinstance(answer, dict):
        return [number for one in answer.values() for number in _numbers(one)]
    if isinstance(answer, list):
        return [number for one in answer for number in _numbers(one)]
    return [answer] if isinstance(answer, float) else []
