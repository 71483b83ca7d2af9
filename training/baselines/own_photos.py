"""Simpler models on photos of one's own: what needs no training of the network."""

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from app.tensors import Array
from training.measures.verdict import MAJORITY

NEIGHBOURS = 5
NEAREST = f"the {NEIGHBOURS} nearest by the network's features"
LINEAR = "linear model of the network's features"

Features = npt.NDArray[np.float32]


def baseline_scores(
    learned: Features, classes: npt.NDArray[np.int64], asked: Features, linear: LogisticRegression, count: int
) -> dict[str, Array]:
    """Probabilities [photos, classes] of `asked` features: of always the same, of neighbours, and of `linear`.

    `learned` and `asked` are what the network as it was published sees, fp32 [photos, features].
    """
    shares = np.bincount(classes, minlength=count) / len(classes)
    neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(learned))).fit(normalize(learned), classes)
    found = {MAJORITY: np.tile(shares, (len(asked), 1))}
    for name, model, given in ((NEAREST, neighbours, normalize(asked)), (LINEAR, linear, asked)):
        scores = np.zeros((len(asked), count))
        scores[:, model.classes_] = model.predict_proba(given)
        found[name] = scores
    return found
