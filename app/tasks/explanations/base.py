"""The parts that the explanations of all kinds of models share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.errors import InferenceFailed, InvalidInput
from app.tasks.characters import find_alike
from app.tasks.explanations.coalitions import Floats
from app.tasks.view import AnyKernel, View

NAME = "explanation"
MOST_ITEMS = 16  # of one request: an item makes as many rows as a hundred predictions
SURE_DIGITS = 6  # after the point: the rest of an fp32 changes with the batch
_SUREST = 1e-6  # or the log-odds of a certain answer would be infinite


class Explanation(View[AnyKernel]):
    """Say why a model answers an item as it does.

    Of an item it makes rows in which parts are left out, which the model's own batcher answers, and of the answers
    what each part weighs.
    """

    priority = 10  # whoever only wants an answer goes before


def one_label(scores: Floats, labels: Sequence[str], label: str | None) -> int:
    """Index of the label to explain: the one that is asked for or, by the `scores` of the whole item, the best.

    Of several labels with that name the best is meant. Raises InferenceFailed on NaN.
    """
    if not np.isfinite(scores).all():
        raise InferenceFailed("the model gave scores that are not numbers")
    known = label if label is None else find_alike(label, labels)
    meant = [i for i, name in enumerate(labels) if known in (None, name)]
    return max(meant, key=lambda i: float(scores[0, i]))


def require_label(label: str | None, class_names: Mapping[str, Sequence[str]]) -> None:
    """Raises InvalidInput for a label that the model does not know."""
    (labels,) = class_names.values()
    if label is not None and find_alike(label, labels) is None:
        there = ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
        raise InvalidInput(f"no label {label!r:.60}; there are: {there}").under("label")


def log_odds(probabilities: Floats) -> Floats:
    """Return log-odds: effects add up in them, while probabilities change little near 0 and 1."""
    sure = np.clip(probabilities, _SUREST, 1 - _SUREST)
    return np.asarray(np.log(sure) - np.log1p(-sure))


def rounded(values: Any) -> Any:
    """Return weights as numbers. They are estimates: what comes behind the sixth digit is noise."""
    return np.round(values, SURE_DIGITS).tolist()
