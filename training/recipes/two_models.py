"""Two published classifiers, asked the same questions: what each says, and how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.repository.manifest import Source
from app.tensors import Array
from training.card.cascades import Seconds
from training.graphs.published import OpenedVersion, Scored
from training.measures.cascade import AskedBoth, seconds_a_row

BATCHES = (1, 8)
TIMED, ROUNDS = 64, 7  # samples, and how often each model computes them


@dataclass(frozen=True, slots=True)
class Questions:
    """Items as JSON, and the label of each; where nobody knows them, what the large model says counts as right.

    `strata`: the name of the kind of each item, of which accuracy is the mean.
    """

    items: Sequence[Any]
    truth: Sequence[str] | None
    strata: Sequence[str]


@dataclass(frozen=True, slots=True)
class TwoModels:
    """Both models of a cascade, and the questions it is judged with."""

    small: OpenedVersion
    large: OpenedVersion
    validation: Questions
    test: Questions
    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class JudgedSplit:
    """The answers of both models to one split; `truth` int [items], `kinds` the names of its strata."""

    small: Scored
    large: Scored
    asked: AskedBoth
    truth: Array
    kinds: list[str]

    def scores(self, enough: float) -> Array:
        """Those of the cascade, [items, labels]."""
        return np.where(self.asked.answered(enough)[:, None], self.small.scores, self.large.scores)


def judged(known: TwoModels, questions: Questions) -> JudgedSplit:
    small, large = known.small.answers(questions.items), known.large.answers(questions.items)
    best = large.scores.argmax(1)
    place = {label: number for number, label in enumerate(known.large.labels)}
    truth = best if questions.truth is None else np.array([place[label] for label in questions.truth])
    kinds, strata = np.unique(np.array(questions.strata), return_inverse=True)
    rights = [np.asarray(one.scores.argmax(1) == truth, np.float64) for one in (small, large)]
    return JudgedSplit(small, large, AskedBoth(small.confidence, rights[0], rights[1], strata), truth, kinds.tolist())


def timed(known: TwoModels, rounds: int = ROUNDS) -> Seconds:
    """Both networks in turns over the same validation questions."""
    items = known.validation.items
    spread = [items[i * len(items) // TIMED] for i in range(TIMED)] if len(items) > TIMED else list(items)
    rows = {"small": known.small.rows(spread), "large": known.large.rows(spread)}
    found = {
        size: seconds_a_row({name: one.run for name, one in rows.items()}, rows["large"].chunks(size), rounds)
        for size in BATCHES
    }
    return {size: (one["small"], one["large"]) for size, one in found.items()}
