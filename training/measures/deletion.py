"""The deletion curve of explanations, in their order beside random ones (Petsiuk et al. 2018, "RISE")."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Metric
from app.tasks import TASKS
from app.tasks.explanations.base import NAME as EXPLANATION
from app.tasks.explanations.coalitions import Floats, Kept
from app.tasks.explanations.image import ImageExplanation, filling
from app.tasks.explanations.recommendation import RecommendationExplanation
from app.tasks.explanations.text import TextExplanation
from app.tasks.kernel import Kernel
from app.tasks.occlusion import without
from app.tasks.view import View, predict_alone
from app.tensors import Session, Tensors
from training.recipe import HeldOut

NAME = "deletion_area"
STEPS = 10  # in which an item loses its parts, a tenth at a time
CUT = {"truncate": True}  # of a text that is too long its beginning is explained
RANDOM_ORDERS = 5  # of one item, to which its explanation is compared


class Explained(NamedTuple):
    """The weight of each part of an item, [parts], and the score of what is explained when parts are `kept`."""

    weights: Floats
    score: Callable[[Kept], float]


Run = Callable[[Tensors], Tensors]


def of_text(explanation: TextExplanation, run: Run, item: Any, reasons: Any) -> Explained:
    labels, words = explanation.labels, explanation.divided(item, explanation.contract.Parameters.model_validate(CUT))
    label = labels.index(reasons.label)

    def score(kept: Kept) -> float:
        return float(explanation.kernel.scores(run(explanation.row(words, kept)))[label])

    return Explained(np.array([word.weight for word in reasons.words]), score)


def of_picture(explanation: ImageExplanation, run: Run, item: Any, reasons: Any) -> Explained:
    seen, heat = explanation.seen(item), np.array(reasons.heatmap.values)
    fill = filling(seen)
    scores = run({"image": seen})["probabilities"]
    label = int(np.argmax(scores))

    def score(kept: Kept) -> float:
        row = without(seen, fill, ~kept.reshape(heat.shape))
        return float(run(row)["probabilities"][label])

    return Explained(heat.ravel(), score)


def of_history(explanation: RecommendationExplanation, run: Run, item: Any, reasons: Any) -> Explained:
    """Of the item that is recommended first."""
    seen, parts = explanation.divided(item, explanation.contract.Parameters())
    weights = {reason.item: reason.weight for reason in reasons.items[0].because}
    kernel = explanation.kernel
    best = next(
        i for i, one in enumerate(kernel.items) if i and one.id == reasons.items[0].item
    )  # the first is padding

    def score(kept: Kept) -> float:
        row = explanation.row(seen, [parts[i] for i in np.flatnonzero(kept)])
        scores = run(row)["scores"] if row else kernel.popularity
        return float(kernel.probabilities(scores, seen)[best])

    return Explained(np.array([weights[kernel.items[part].id] for part in parts]), score)


KINDS: Mapping[type[View[Any]], tuple[Callable[[Any, Run, Any, Any], Explained], Mapping[str, Any]]] = {
    TextExplanation: (of_text, CUT),
    ImageExplanation: (of_picture, {}),
    RecommendationExplanation: (of_history, {"top_k": 1, "max_reasons": 100}),
}
"""The way the parts of an item are left out, and the parameters of its explanation. A summary leaves out none."""


def faithfulness(view: View[Any], sessions: Mapping[str, Session], held_out: HeldOut) -> list[Metric]:
    """Return the mean area under the deletion curves of the explanations beside `view`, and that of random orders.

    A curve is the score of the best label, or of the first recommended item, while an item loses a tenth of its parts
    at a time, the most telling first; the area is the mean of its eleven points, and the less the better.
    """

    kernel: Kernel = view.kernel

    def run(row: Tensors) -> Tensors:
        (answer,) = kernel.run(sessions, [row])
        return answer

    (explanation,) = [one for one in TASKS[view.contract.name].views(kernel) if one.contract.name == EXPLANATION]
    explained_by, given = KINDS[type(explanation)]
    random, areas, chance = np.random.default_rng(0), [], []
    for each in held_out.items:
        item, parameters = (
            explanation.contract.Input.model_validate(each),
            explanation.contract.Parameters.model_validate(given),
        )
        explained = explained_by(explanation, run, item, predict_alone(explanation, sessions, item, parameters))
        areas.append(area(explained.score, np.argsort(-explained.weights, kind="stable")))
        orders = [random.permutation(len(explained.weights)) for _ in range(RANDOM_ORDERS)]
        chance.append(np.mean([area(explained.score, order) for order in orders]))
    return [
        Metric(
            name=NAME,
            value=round(float(np.mean(areas)), 4),
            dataset=held_out.dataset,
            split=f"{held_out.split}; the score while its reasons are left out, the most telling first: less is better",
            baselines={"random order": round(float(np.mean(chance)), 4)},
        )
    ]


def area(score: Callable[[Kept], float], order: npt.NDArray[np.integer]) -> float:
    """The mean of `score` when the first of `order`, in tenths of all, are left out, from none to all."""
    found = []
    for count in np.linspace(0, len(order), STEPS + 1).round().astype(int):
        kept = np.ones(len(order), np.bool_)
        kept[np.asarray(order[:count], np.int64)] = False
        found.append(score(kept))
    return float(np.mean(found))
