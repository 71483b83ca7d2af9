"""Predictions and explanations by typed items."""

from functools import partial
from itertools import chain

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask, headers_of
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.api.v1.bodies import is_raw, read_items
from app.api.v1.streaming import PieceEvents, accepted, wants_events
from app.errors import InvalidInput
from app.serving.engine import Prediction, Served
from app.serving.names import MOST_LISTED
from app.tasks.contract import Contract
from app.tasks.explanations.base import NAME as EXPLANATION
from app.tasks.json_pieces import array_of


def predict(given: Given) -> Handler:
    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
        contract = served.contract
        max_items = contract.most_items(given.limits.max_items)
        sent = await aside.read(
            lambda: read_items(request, body, contract, max_items, given.limits.json),
            is_quick=len(body) <= QUICK_BYTES or is_raw(request, body, contract),
        )
        question = Question(contract.name, sent.items, sent.parameters, partial(_respond, aside, contract))
        if sent.wants_stream or wants_events(request, contract):
            return question._replace(written=PieceEvents(request.scope["state"]["request_id"]))
        if _wants_bytes(request, contract, len(sent.items)):
            return question._replace(respond=partial(_respond_bytes, contract))
        return question

    return partial(ask, given, read)


def explain(given: Given) -> Handler:
    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
        contract = served.contracts.get(EXPLANATION)
        if contract is None:
            explaining = [one.name for one in given.engine.status().models if EXPLANATION in one.views]
            raise InvalidInput(
                f"{served.manifest.name} is a model for {served.manifest.task}, and this kind explains nothing; "
                f"models that explain: {', '.join(explaining[:MOST_LISTED]) or 'none'}"
            )
        max_items = contract.most_items(given.limits.max_items)
        sent = await aside.read(
            lambda: read_items(request, body, contract, max_items, given.limits.json),
            is_quick=len(body) <= QUICK_BYTES or is_raw(request, body, contract),
        )
        return Question(EXPLANATION, sent.items, sent.parameters, partial(_respond, aside, contract))

    return partial(ask, given, read)


async def _respond(aside: Aside, contract: Contract, prediction: Prediction) -> Response:
    pieces = chain(
        [b'{"model":%b,"version":%d,"outputs":' % (to_json(prediction.model), prediction.version)],
        array_of(contract.written(output) for output in prediction.outputs),
        [b',"answered_by":%b}' % to_json(prediction.answered_by) if prediction.answered_by else b"}"],
    )
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))


def _wants_bytes(request: Request, contract: Contract, num_items: int) -> bool:
    """Whether the answer is to be the file itself: Accept names its type, and does not name JSON before."""
    if contract.binary_answer is None:
        return False
    media_type = contract.binary_answer[1]
    wanted = (media_type, media_type.partition("/")[0] + "/*")
    if next((each for each in accepted(request) if each in (*wanted, "application/json")), None) not in wanted:
        return False
    if num_items != 1:
        raise InvalidInput(f"an answer that is {media_type} has room for one input; there are {num_items}").under(
            "inputs"
        )
    return True


async def _respond_bytes(contract: Contract, prediction: Prediction) -> Response:
    assert contract.binary_answer
    field, media_type = contract.binary_answer
    return Response(getattr(prediction.outputs[0], field), media_type=media_type, headers=headers_of(prediction))
