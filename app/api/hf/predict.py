"""Predictions, as `huggingface_hub.InferenceClient` parses them."""

from functools import partial
from itertools import chain

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask, headers_of
from app.api.given import Given
from app.api.hf import reading
from app.api.hf.wires import WIRES, Wire
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.api.v1 import errors as native
from app.errors import ServiceError
from app.serving.engine import Prediction, Served
from app.tasks.json_pieces import array_of

LONGEST_IN_HEADER = 500  # characters: clients and proxies refuse long headers, and then nothing arrives


def predict(given: Given) -> Handler:
    """Without a task in its path a question is of the model's own, or of the one whose form its body has."""

    async def answer(request: Request, names: dict[str, str]) -> Response:
        async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
            task, items, parameters, is_single = await aside.read(
                lambda: reading.read(request, body, served, names.get("task"), given.limits),
                is_quick=len(body) <= QUICK_BYTES or reading.is_raw(request, body, served),
            )
            return Question(task, items, parameters, partial(_respond, aside, WIRES[task], is_single))

        return await ask(given, read, request, names)

    return answer


async def tell(request: Request, error: ServiceError) -> Response:
    """Answer an error so that the client shows what it says."""
    reply = await native.tell(request, error)
    if str(error).isascii() and str(error).isprintable():  # the body has it in any case
        reply.headers["X-Error-Message"] = str(error)[:LONGEST_IN_HEADER]
    return reply


async def _respond(aside: Aside, wire: Wire, is_single: bool, prediction: Prediction) -> Response:
    written = ([to_json(output)] for output in prediction.outputs)
    pieces = array_of(written) if wire.is_nested or not is_single else chain.from_iterable(written)
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))
