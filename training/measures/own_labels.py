"""The quality of answers by labels that a user chose: one of them for a text, or any number."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, precision_recall_fscore_support

from app.repository.manifest import Metric
from app.tensors import Array

SURE = 0.5  # from this probability on a text has a label, where it may have several
Answers = npt.NDArray[np.bool_]
"""[texts, labels]: which labels each text is said to have."""


def answers_of(probabilities: Array, *, are_several: bool) -> Answers:
    found: Answers = probabilities >= SURE
    if not are_several:
        found = np.arange(probabilities.shape[1]) == probabilities.argmax(1)[:, None]
    return found


def right(answers: Answers, targets: Array) -> npt.NDArray[np.bool_]:
    """[texts]: all labels as they are."""
    found: npt.NDArray[np.bool_] = (answers == (targets > 0)).all(1)
    return found


def macro_f1(answers: Answers, targets: Array) -> float:
    """The mean of the labels' harmonic means of precision and recall; of labels that no text has, none counts."""
    present = targets.any(0)
    return float(f1_score(targets[:, present], answers[:, present], average="macro", zero_division=0.0))


def quality(ours: Answers, beside: Mapping[str, Answers], targets: Array, dataset: str, split: str) -> list[Metric]:
    """`accuracy`, all labels of a text being right, and `macro_f1`, each beside those of others."""
    measures: dict[str, Callable[[Answers], float]] = {
        "accuracy": lambda one: float(right(one, targets).mean()),
        "macro_f1": lambda one: macro_f1(one, targets),
    }
    return [
        Metric(
            name=name,
            value=round(measure(ours), 4),
            dataset=dataset,
            split=split,
            baselines={other: round(measure(answers), 4) for other, answers in beside.items()},
        )
        for name, measure in measures.items()
    ]


def by_label(answers: Answers, targets: Array) -> list[tuple[float, float, float, int]]:
    """Precision, recall, F1 and the number of texts, of each label."""
    found = precision_recall_fscore_support(targets > 0, answers, average=None, zero_division=0.0)
    return [(float(p), float(r), float(f), int(count)) for p, r, f, count in zip(*found, strict=True)]
