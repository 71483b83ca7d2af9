"""Score texts by how well they answer a query: a network reads the query and each text together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.tasks.contract import Contract
from app.tasks.labels import SCORES, FunctionToApply
from app.tasks.schema import OneFault, Schema
from app.tasks.text_pairs import PairConfig, PairKernel
from app.tasks.vectors import finite
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MOST_TEXTS = 256  # of an item, which is a row for each
MOST_ITEMS = 16  # of a request


class TextRankingConfig(PairConfig):
    """Its `logits` are [batch, 1]: the larger, the better a text answers."""

    function_to_apply: Annotated[FunctionToApply, Field(description="from logits to scores, of each text")] = "sigmoid"


class RankingInput(Schema):
    query: Annotated[str, Field(examples=["When does the ferry leave?"])]
    texts: Annotated[
        list[str],
        OneFault(),
        Field(
            min_length=1,
            max_length=MOST_TEXTS,
            description="what may answer it",
            examples=[["The boat departs at seven.", "She plays the violin."]],
        ),
    ]


class TextRankingParameters(Schema):
    raw_scores: Annotated[bool, Field(description="the network's numbers as they are, instead of 0 to 1")] = False
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False


class TextRankingKernel(PairKernel):
    Config = TextRankingConfig

    def __init__(self, config: TextRankingConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.function_to_apply = config.function_to_apply


class TextRanking(View[TextRankingKernel]):
    """Score how well each text answers a query, in the order of the texts: the larger, the better."""

    contract = Contract(
        "text-ranking",
        __qualname__,
        __doc__,
        Input=RankingInput,
        Parameters=TextRankingParameters,
        Output=list[float],
        example={
            "query": "When does the ferry leave?",
            "texts": ["The boat departs at seven.", "She plays the violin."],
        },
        max_items=MOST_ITEMS,
    )

    def preprocess(self, item: RankingInput, parameters: TextRankingParameters) -> Prepared:
        encoder, cut, rows = self.kernel.encoder, 1 if parameters.truncate else None, []
        for at, text in enumerate(item.texts):
            texts = (item.query, ("query",)), (text, ("texts", at))
            rows.append(encoder.pair_row(encoder.pair(texts, cut)))
        return Prepared(rows)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TextRankingParameters
    ) -> list[float]:
        score = SCORES["none" if parameters.raw_scores else self.kernel.function_to_apply]
        return [float(score(finite(answer["logits"]))[0]) for answer in answers]
