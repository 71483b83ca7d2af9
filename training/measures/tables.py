"""The quality of what is told of rows: the loss of each row, and figures that people know."""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import roc_auc_score

from app.repository.manifest import Metric
from app.tensors import Array
from training.measures.intervals import Figure, Values, as_values

LEAST_PROBABILITY = 1e-15  # or one that is certain and wrong would lose without end
COVERED = 0.9  # of the rows, by the interval of a number


def losses(told: Array, truth: Array) -> Values:
    """The loss of each row, [rows]: of `told` [rows, labels] the logarithm of what it gave the truth, with its sign
    turned; of `told` [rows] the squared error.
    """
    if told.ndim == 1:
        return np.asarray((told - truth) ** 2, np.float64)
    return np.asarray(-np.log(np.clip(told[np.arange(len(truth)), truth], LEAST_PROBABILITY, 1)), np.float64)


def figures(told: Array, others: Mapping[str, Array], truth: Array) -> list[Figure]:
    """Means over rows: of `told` and of what `others` tell of the same rows."""
    if told.ndim == 1:
        measures = {"squared_error": losses, "absolute_error": _distances}
    else:
        measures = {"log_loss": losses, "accuracy": _right}
    return [
        Figure(
            name,
            measure(told, truth),
            {other: measure(found, truth) for other, found in others.items()},
            better="more" if name == "accuracy" else "less",
        )
        for name, measure in measures.items()
    ]


def _distances(told: Array, truth: Array) -> Values:
    return np.asarray(np.abs(told - truth), np.float64)


def _right(told: Array, truth: Array) -> Values:
    return as_values(told.argmax(1) == truth)


def quality(told: Array, others: Mapping[str, Array], truth: Array, dataset: str, split: str) -> list[Metric]:
    """Metrics of `told` beside those of `others`, on the same rows; the one that must lead comes first."""
    named = {"log_loss": _log_loss, "accuracy": _accuracy, "roc_auc": _roc_auc} if told.ndim > 1 else OF_NUMBERS
    return [
        Metric(
            name=name,
            value=measure(told, truth),
            dataset=dataset,
            split=split,
            baselines={other: measure(found, truth) for other, found in others.items()},
        )
        for name, measure in named.items()
    ]


def _log_loss(told: Array, truth: Array) -> float:
    return float(losses(told, truth).mean())


def _accuracy(told: Array, truth: Array) -> float:
    return float(_right(told, truth).mean())


def _roc_auc(told: Array, truth: Array) -> float:
    """Of more than two classes the mean over each against the others, of those that are there and not everywhere."""
    classes = [1] if told.shape[1] == 2 else range(told.shape[1])
    of_each = [(truth == each, told[:, each]) for each in classes]
    areas = [roc_auc_score(is_it, scores) for is_it, scores in of_each if 0 < is_it.mean() < 1]
    return float(np.mean(areas)) if areas else 0.5


def _rmse(told: Array, truth: Array) -> float:
    return float(np.sqrt(losses(told, truth).mean()))


def _mae(told: Array, truth: Array) -> float:
    return float(_distances(told, truth).mean())


OF_NUMBERS = {"rmse": _rmse, "mae": _mae}


def reach_of(told: Array, truth: Array, share: float = COVERED) -> float:
    """Return how far the truth lies from what is told at most, in this share of rows like these.

    Split conformal prediction: Papadopoulos et al. 2002, "Inductive confidence machines for regression". `truth` [rows]
    must not have been learned from.
    """
    distances = np.sort(_distances(told, truth))
    rank = int(np.ceil(share * (len(distances) + 1)))
    return float(distances[min(rank, len(distances)) - 1])
