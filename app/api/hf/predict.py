"""Predictions, as `huggingface_hub.InferenceClient` parses them."""

from functools import partial
from itertools import chain

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask, headers_of
from app.api.given import Given
from app.api.hf import reading
from app.api.hf.generation import Lines, answer_of
from app.api.hf.generation_schema import TgiParameters
from app.api.hf.wires import WIRES
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.errors import InvalidInput
from app.serving.engine import Prediction, Served
from app.tasks.json_pieces import array_of


def predict(
    given: Given,
    task: str | None = None,
    *,
    is_bare: bool = False,
    is_nested: bool = False,
    streams: bool = False,
) -> Handler:
    """Without a task in its path a question is of the model's own, or of the one whose form its body has.

    The answer to one input is never in a list with `is_bare`, and always with `is_nested`; or it is what the client
    of that task parses. With `streams` it comes token by token.
    """

    async def answer(request: Request, names: dict[str, str]) -> Response:
        async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
            asked = await aside.read(
                lambda: reading.read(request, body, served, task or names.get("task"), given.limits),
                is_quick=len(body) <= QUICK_BYTES or reading.is_raw(request, body, served),
            )
            if (is_bare or streams) and not asked.is_single:
                raise InvalidInput("must be one text").under("inputs")
            is_list = not is_bare and (is_nested or WIRES[asked.task].is_nested or not asked.is_single)
            question = Question(asked.task, asked.items, asked.parameters, partial(_respond, aside, asked, is_list))
            if not (streams or asked.wants_stream):
                return question
            if len(asked.items) > 1:
                raise InvalidInput("is not streamed: which is the best is known when all are whole").under(
                    "parameters", "best_of"
                )
            return question._replace(written=Lines(request.scope["state"]["request_id"], asked.items[0], asked.sent))

        return await ask(given, read, request, names)

    return answer


async def _respond(aside: Aside, asked: reading.Asked, is_list: bool, prediction: Prediction) -> Response:
    if isinstance(sent := asked.sent, TgiParameters):
        outputs, num = prediction.outputs, sent.num_drafts
        written = (
            answer_of(outputs[at : at + num], asked.items[at : at + num], sent) for at in range(0, len(outputs), num)
        )
    else:
        form = WIRES[asked.task].written or (lambda output, sent: output)
        written = (iter([to_json(form(output, sent))]) for output in prediction.outputs)
    pieces = array_of(written) if is_list else chain.from_iterable(written)
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))
