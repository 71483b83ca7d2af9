"""Why a sentence was chosen for a summary: the very figures by which it was."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.explanations.base import MOST_ITEMS, NAME, Explanation, rounded
from app.tasks.lexrank import prior_weight
from app.tasks.summarization import Selection, Summarization, SummarizationKernel
from app.tasks.summary_schema import ArticleInput, SummarizationParameters, SummarySentence
from app.tasks.view import Prepared
from app.tensors import Tensors

MOST_ALIKE = 3  # sentences that are named for each


class AlikeSentence(BaseModel):
    text: str
    start: Annotated[int, Field(ge=0, description="where it starts in the input, in characters (Unicode code points)")]
    end: Annotated[int, Field(ge=0, description="where it ends in the input")]
    cosine: Annotated[float, Field(ge=0, le=1, description="how alike the two are")]


class ReasonedSentence(SummarySentence):
    rank: Annotated[int, Field(ge=1, description="1 for the sentence that was chosen first")]
    from_centrality: Annotated[
        float, Field(ge=0, description="part of the score: how much of the text is like it (LexRank)")
    ]
    from_position: Annotated[float, Field(ge=0, description="part of the score: how early it stands")]
    redundancy: Annotated[
        float, Field(ge=0, le=1, description="its largest cosine to a sentence that had been chosen before it")
    ]
    worth: Annotated[
        float,
        Field(description="what was largest when it was chosen: the score, less a share of the redundancy (MMR)"),
    ]
    stands_for: Annotated[list[AlikeSentence], Field(description="sentences of the text that are most like it")]


class SummaryReasons(BaseModel):
    sentences: Annotated[list[ReasonedSentence], Field(description="what was chosen, in the order of the input")]


class SummarizationExplanation(Explanation[SummarizationKernel]):
    """Say why each sentence was chosen: how central it is, how early it stands, how much of it had been said.

    Nothing is estimated: a sentence's score is the sum of two parts, `from_centrality` and `from_position`, and it is
    chosen for its `worth`.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=ArticleInput,
        Parameters=SummarizationParameters,
        Output=SummaryReasons,
        example=Summarization.contract.example,
        max_items=MOST_ITEMS,
    )
    priority = 0  # it makes the rows that a prediction makes

    def __init__(self, kernel: SummarizationKernel) -> None:
        super().__init__(kernel)
        self._own = Summarization(kernel)

    def check(self, parameters: SummarizationParameters) -> None:
        if parameters.mode == "abstractive":
            raise InvalidInput("only why sentences were chosen can be said, not why any were written").under("mode")

    def preprocess(self, item: ArticleInput, parameters: SummarizationParameters) -> Prepared:
        return self._own.preprocess(item, parameters)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters
    ) -> SummaryReasons:
        selection, config = self._own.select(prepared, answers, parameters), self.kernel.config
        size = len(selection.sentences)
        # The only sentence of a text has no place among others.
        weight = prior_weight(size, config.position_weight, config.position_reach) if size > 1 else 0.0
        reasons = {}
        for rank, (index, redundancy) in enumerate(selection.choices, 1):
            sentence, score = selection.sentences[index], min(float(selection.scores[index]), 1.0)
            central = float(selection.centrality[index]) / (1 + weight)
            reasons[index] = ReasonedSentence(
                text=sentence.text,
                start=sentence.start,
                end=sentence.end,
                score=score,
                rank=rank,
                from_centrality=rounded(central),
                from_position=rounded(max(0.0, score - central)),
                redundancy=rounded(redundancy),
                worth=rounded(config.mmr_lambda * score - (1 - config.mmr_lambda) * redundancy),
                stands_for=alike(selection, index),
            )
        return SummaryReasons(sentences=[reasons[index] for index in sorted(reasons)])


def alike(selection: Selection, index: int) -> list[AlikeSentence]:
    """The sentences that are most like this one; none to which it is not alike at all."""
    cosines = selection.cosines[index]
    nearest = [i for i in np.argsort(-cosines, kind="stable")[:MOST_ALIKE] if cosines[i] > 0]
    return [
        AlikeSentence(text=one.text, start=one.start, end=one.end, cosine=rounded(float(cosines[i])))
        for i, one in ((i, selection.sentences[i]) for i in nearest)
    ]
