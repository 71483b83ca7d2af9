"""Texts as vectors: `POST /v1/embeddings`."""

from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Addressed, Question, ask_addressed, headers_of
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.askers import asker_of
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.api.openai.errors import Words, reworded
from app.api.openai.models import find
from app.api.openai.reading import read
from app.api.openai.schemas import EmbeddingRequest
from app.errors import InvalidInput
from app.serving.engine import Prediction
from app.tasks.embeddings import CountedEmbedding, FeatureExtractionParameters, PassageInput, TextEmbedding
from app.tasks.json_pieces import array_of

VIEW = TextEmbedding.contract.name
EMBEDS = "embed texts"
WORDS: Words = {"inputs": "input"}


def embed(given: Given) -> Handler:
    async def read_texts(request: Request, body: bytes, aside: Aside) -> Addressed:
        sent, items, parameters = await aside.read(lambda: _asked(body, given), is_quick=len(body) <= QUICK_BYTES)
        asker = asker_of(request, sent.user)
        served = request.scope["served"] = find(given.engine, sent.model, VIEW, EMBEDS, asker)
        return Addressed(served, Question(VIEW, items, parameters, partial(_respond, aside, sent)))

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask_addressed(given, read_texts, request)

    return answer


def _asked(body: bytes, given: Given) -> tuple[EmbeddingRequest, list[PassageInput], Any]:
    sent = read(EmbeddingRequest, body, given.limits.json)
    if len(sent.input) > given.limits.max_items:
        raise InvalidInput(f"{len(sent.input)} texts; a request may have {given.limits.max_items}").under("input")
    try:
        parameters = validated(FeatureExtractionParameters, {"dimensions": sent.dimensions})
    except InvalidInput as error:
        raise reworded(error.under("parameters"), WORDS) from None
    return sent, [PassageInput(text=text) for text in sent.input], parameters


async def _respond(aside: Aside, sent: EmbeddingRequest, prediction: Prediction) -> Response:
    tokens = sum(one.tokens for one in prediction.outputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    pieces: Iterator[bytes] = chain(
        [b'{"object":"list","data":'],
        array_of([_written(index, one, sent.encoding_format)] for index, one in enumerate(prediction.outputs)),
        [b',"model":%b,"usage":%b}' % (to_json(prediction.model), to_json(usage))],
    )
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))


def _written(index: int, one: CountedEmbedding, form: str) -> bytes:
    vector = b64encode(np.array(one.vector, "<f4").tobytes()).decode() if form == "base64" else one.vector
    return to_json({"object": "embedding", "index": index, "embedding": vector})
