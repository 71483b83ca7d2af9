"""The route of text-embeddings-inference (TEI) on which texts are ranked by a query."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field, RootModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask, headers_of
from app.api.errors import validated
from app.api.given import Given
from app.api.hf.known import KnownOnly
from app.api.hf.reading import json_object
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.routes import Handler
from app.errors import InvalidInput
from app.serving.engine import Prediction, Served
from app.tasks.embeddings import SentenceSimilarity
from app.tasks.text_ranking import MOST_TEXTS, RankingInput, TextRanking, TextRankingParameters

RANKS = TextRanking.contract.name


class TeiRanking(KnownOnly):
    """A query and the texts that may answer it, as TEI has them."""

    query: str
    texts: Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool = False


class TeiRank(BaseModel):
    """A text by its place in the request; `text` is there if it was asked for."""

    index: int
    score: float
    text: str | None = None


class TeiRanks(RootModel[list[TeiRank]]):
    """Each text, the best first."""


def rerank(given: Given) -> Handler:
    """Rank texts by a model that reads a query and a text together; another is refused with the reason."""

    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
        _require_ranking(served)
        sent = await aside.read(lambda: _read(body, served, given), is_quick=len(body) <= QUICK_BYTES)
        item = RankingInput(query=sent.query, texts=sent.texts)
        parameters = TextRankingParameters(raw_scores=sent.raw_scores, truncate=sent.truncate)
        return Question(RANKS, [item], parameters, partial(_respond, sent))

    async def answer(request: Request, names: dict[str, str]) -> Response:
        _require_ranking(given.engine.find(names["model"]))
        return await ask(given, read, request, names)

    return answer


def _require_ranking(served: Served) -> None:
    if RANKS in served.contracts:
        return
    name, has_similarity = served.manifest.name, SentenceSimilarity.contract.name in served.contracts
    nearest = f"; POST /hf/models/{name}/pipeline/{SentenceSimilarity.contract.name} compares vectors"
    raise InvalidInput(
        f"{name} does not rank texts: that takes a cross-encoder, which reads a query and a text "
        f"together{nearest if has_similarity else ''}"
    )


def _read(body: bytes, served: Served, given: Given) -> TeiRanking:
    return validated(TeiRanking, json_object(body, served, given.limits))


async def _respond(sent: TeiRanking, prediction: Prediction) -> Response:
    (scores,) = prediction.outputs
    ranks = [
        {"index": at, "score": score, **({"text": text} if sent.return_text else {})}
        for at, (score, text) in enumerate(zip(scores, sent.texts, strict=True))
    ]
    ranks.sort(key=lambda one: one["score"], reverse=True)
    return Response(to_json(ranks), media_type="application/json", headers=headers_of(prediction))
