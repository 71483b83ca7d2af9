"""What every classifier answers: labels with scores, best first."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed
from app.tensors import Array


class Label(BaseModel):
    label: Annotated[str, Field(description="name of the class", examples=["positive"])]
    score: Annotated[float, Field(ge=0, le=1, description="probability of the class")]


def softmax(logits: Array) -> Array:
    """Probabilities of float logits of shape [classes]."""
    exponents = np.exp(logits - logits.max())
    return np.asarray(exponents / exponents.sum())


def best_labels(scores: Array, labels: Sequence[str], top_k: int | None) -> list[Label]:
    """The `top_k` classes of the highest scores; all of them if `top_k` is None. Raises InferenceFailed on NaN."""
    if not np.isfinite(scores).all():
        raise InferenceFailed("the model gave scores that are not numbers")
    best = np.argsort(-scores, kind="stable")[:top_k]
    return [Label(label=labels[i], score=float(scores[i])) for i in best]
