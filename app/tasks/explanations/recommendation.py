"""Why items are recommended: what each entry of the history adds to the probability of each of them."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed
from app.tasks.contract import Contract
from app.tasks.explanations.base import MOST_ITEMS, NAME, Explanation, rounded
from app.tasks.explanations.coalitions import left_out, losses
from app.tasks.recommendation import HistoryInput, Recommendation, RecommendationKernel, RecommendationParameters
from app.tasks.view import Prepared
from app.tensors import Tensors


class RecommendationExplanationParameters(RecommendationParameters):
    max_reasons: Annotated[
        int, Field(ge=1, le=100, description="how many items of the history to name for each recommended one")
    ] = 5


class Reason(BaseModel):
    item: Annotated[int | str, Field(description="id of an item of the history", examples=[50])]
    title: Annotated[str, Field(examples=["Star Wars (1977)"])]
    weight: Annotated[
        float, Field(description="how much likelier the recommended item is with it; negative if it is less likely")
    ]


class ReasonedItem(BaseModel):
    item: Annotated[int | str, Field(description="id of the recommended item", examples=[172])]
    title: Annotated[str, Field(examples=["Empire Strikes Back, The (1980)"])]
    score: Annotated[float, Field(ge=0, le=1, description="as in the prediction")]
    because: Annotated[list[Reason], Field(description="what spoke most for it, first")]


class RecommendationReasons(BaseModel):
    items: Annotated[list[ReasonedItem], Field(description="what is recommended, in the order of the prediction")]


class RecommendationExplanation(Explanation[RecommendationKernel]):
    """Name, for each recommended item, the items of the history that mattered.

    The weight of one is what the recommended item loses in probability when it is left out of the history. Only the
    newest entries are read, and only they can matter.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=HistoryInput,
        Parameters=RecommendationExplanationParameters,
        Output=RecommendationReasons,
        example=Recommendation.contract.example,
        max_items=MOST_ITEMS,
    )

    def __init__(self, kernel: RecommendationKernel) -> None:
        super().__init__(kernel)
        self._own = Recommendation(kernel)

    def preprocess(self, item: HistoryInput, parameters: RecommendationExplanationParameters) -> Prepared:
        seen, parts = self.divided(item, parameters)
        rows = [self.row(seen, [parts[i] for i in np.flatnonzero(kept)]) for kept in left_out(len(parts))]
        return Prepared([row for row in rows if row], context=(seen, parts, [bool(row) for row in rows]))

    def divided(self, item: HistoryInput, parameters: RecommendationParameters) -> tuple[list[int], list[int]]:
        """The history, and the different items among its newest entries, by index; raises InvalidInput."""
        seen: list[int] = self._own.preprocess(item, parameters).context
        return seen, list(dict.fromkeys(seen[-self.kernel.max_history :]))

    def row(self, seen: Sequence[int], kept: Sequence[int]) -> Tensors:
        """The newest entries of a history with only those items that are `kept`; empty if none is."""
        newest = [index for index in seen[-self.kernel.max_history :] if index in kept]
        return self.kernel.row(newest) if newest else {}

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: RecommendationExplanationParameters
    ) -> RecommendationReasons:
        seen, parts, has_row = prepared.context
        kernel, items, remaining = self.kernel, self.kernel.items, iter(answers)
        # Whoever has no history gets what is popular, as in a prediction.
        scores = [next(remaining)["scores"] if has else kernel.popularity for has in has_row]
        if not all(np.isfinite(each).all() for each in scores):
            raise InferenceFailed("the model gave scores that are not numbers")
        chances = np.stack([kernel.probabilities(each, seen) for each in scores]).astype(np.float64)
        best = kernel.best(chances[0], seen, parameters.top_k)
        weights = losses(chances[:, best])
        return RecommendationReasons(
            items=[
                ReasonedItem(
                    item=items[index].id,
                    title=items[index].title,
                    score=float(chances[0, index]),
                    because=[
                        Reason(item=items[parts[i]].id, title=items[parts[i]].title, weight=rounded(of[i]))
                        for i in np.argsort(-of, kind="stable")[: parameters.max_reasons]
                    ],
                )
                for index, of in zip(best, weights.T, strict=True)
            ]
        )
