"""The answer of every classifier: labels with scores, best first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from app.errors import InferenceFailed, InvalidArtifact
from app.tensors import Array

NAMES = TypeAdapter(Annotated[list[str], Field(min_length=2)])


# No BaseModel, which is four objects: a request may ask for a quarter of a million labels, and of a million objects the
# garbage collector keeps everyone waiting for half a second.
@dataclass(frozen=True, slots=True)
class Label:
    label: Annotated[str, Field(description="name of the class", examples=["positive"])]
    score: Annotated[float, Field(description="probability of the class, or what a caller asked for instead of it")]


def read_labels(path: Path) -> list[str]:
    """The names of the classes in a JSON file. Raises InvalidArtifact."""
    try:
        return NAMES.validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidArtifact(f"{path.name} is not a JSON list of at least two names") from error


def softmax(logits: Array) -> Array:
    """Probabilities of float logits of shape [classes]."""
    exponents = np.exp(logits - logits.max())
    return np.asarray(exponents / exponents.sum())


def sigmoid(logits: Array) -> Array:
    """Return the score of each logit by itself, whatever the others are."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))  # exp() would overflow


FunctionToApply = Literal["softmax", "sigmoid", "none"]
SCORES: Mapping[FunctionToApply, Callable[[Array], Array]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": lambda logits: logits,
}
"""From logits to scores; named as in Hugging Face's pipelines."""

LEAST, MOST = np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg
LOGITS: Mapping[FunctionToApply, Callable[[Array], Array]] = {
    "softmax": lambda scores: np.log(np.maximum(scores, LEAST)),
    "sigmoid": lambda scores: np.log(np.maximum(scores, LEAST)) - np.log1p(-np.minimum(scores, MOST)),
    "none": lambda scores: scores,
}
"""From scores to finite logits of which the function makes the same scores again."""


def confidence(output: Sequence[Label], parameters: Any) -> float | None:
    """Return the probability of the best label; None if the caller asks for scores that are no probabilities."""
    function = getattr(parameters, "function_to_apply", None)  # of a text classifier; others have but one
    return output[0].score if function in (None, "softmax") else None


def has_probabilities(config: Mapping[str, Any]) -> bool:
    """Whether the scores of a classifier of this config are those of all classes together, unless others are asked."""
    said = config, config.get("graph") or {}
    return all(one.get("function_to_apply", "softmax") == "softmax" for one in said)


def largest(scores: Array, count: int) -> Array:
    """Indices of the `count` largest of `scores` [classes], largest first; the first of equal ones comes first."""
    if count == len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    candidates = np.flatnonzero(scores >= least)
    return np.asarray(candidates[np.argsort(-scores[candidates], kind="stable")[:count]])


def best_labels(scores: Array, labels: Sequence[str], top_k: int | None) -> list[Label]:
    """The `top_k` classes of the highest scores; all of them if `top_k` is None. Raises InferenceFailed on NaN."""
    if not np.isfinite(scores).all():
        raise InferenceFailed("the model gave scores that are not numbers")
    best = largest(scores, min(top_k or len(scores), len(scores)))
    return [Label(label=labels[i], score=score) for i, score in zip(best.tolist(), scores[best].tolist(), strict=True)]
