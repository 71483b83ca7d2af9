"""Text in, text out: the generate extension of Triton's form of the protocol."""

from functools import partial

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask, headers_of
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.events import event
from app.api.http.routes import Handler
from app.api.media.json_text import JsonLimits, read_json
from app.api.v1 import paths as v1
from app.api.v2 import paths
from app.api.v2.ends import VIEW
from app.api.v2.schemas import MOST_PROPERTIES, GenerateRequest, GenerateResponse
from app.errors import InvalidInput, ServiceError
from app.serving.engine import Prediction, Served
from app.serving.raw import NAME as RAW
from app.tasks.generation_schema import GenerationInput, GenerationParameters


def generate(given: Given, *, streams: bool) -> Handler:
    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
        if VIEW not in served.contracts:
            name = served.manifest.name
            there = paths.INFER.format(model=name) if RAW in served.forms else v1.of(v1.PREDICT, name)
            raise InvalidInput(f"{name} is a model for {served.manifest.task} and writes no text; POST {there}")
        text, parameters = await aside.read(
            lambda: _read(body, streams, given.limits.json), is_quick=len(body) <= QUICK_BYTES
        )
        written = Deltas() if streams else None
        return Question(VIEW, [GenerationInput.model_validate({"text": text})], parameters, _respond, written=written)

    return partial(ask, given, read)


def _read(body: bytes, streams: bool, limits: JsonLimits) -> tuple[str, GenerationParameters]:
    """The text and the parameters: what stands in `parameters`, and every other property of the body."""
    read = read_json(body, limits)
    if isinstance(read, dict) and len(read) > MOST_PROPERTIES:
        raise InvalidInput(f"has {len(read)} properties, and may have {MOST_PROPERTIES}")
    sent = validated(GenerateRequest, read)
    beside = {name: value for name, value in (sent.model_extra or {}).items() if value is not None}
    if twice := sent.parameters.keys() & beside.keys():
        raise InvalidInput(f"{', '.join(sorted(twice))}: given in parameters and beside them")
    parameters = {**sent.parameters, **beside}
    if parameters.pop("stream", streams) != streams:  # clients of one form for both routes send it
        raise InvalidInput(
            "says otherwise than the path: generate answers as a whole, generate_stream in pieces"
        ).under("stream")
    if "max_tokens" in parameters:  # as Triton's backends of vLLM and TensorRT-LLM call it
        parameters["max_new_tokens"] = parameters.pop("max_tokens")
    if isinstance(stop := parameters.get("stop"), str):
        parameters["stop"] = [stop]
    return sent.text_input, validated(GenerationParameters, parameters, "parameters")


class Deltas:
    """Each event is an answer whose text is what is new."""

    def piece(self, piece: Prediction) -> bytes:
        return b"".join(
            event(_written(piece, one.text)) for one in piece.outputs if one.text or one.finish_reason is not None
        )

    def failed(self, error: ServiceError) -> bytes:
        return event(to_json({"error": str(error)}))

    def end(self) -> bytes:
        return b""


async def _respond(prediction: Prediction) -> Response:
    (answer,) = prediction.outputs
    content = _written(prediction, answer.generated_text)
    return Response(content, media_type="application/json", headers=headers_of(prediction))


def _written(prediction: Prediction, text: str) -> bytes:
    return to_json(
        GenerateResponse(model_name=prediction.model, model_version=str(prediction.version), text_output=text)
    )
