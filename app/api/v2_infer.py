"""Open Inference Protocol V2: inference, the busiest route of the dialect."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api import v2_codec as codec
from app.api.compression import WORTH_BYTES, accepted, deflate, inflate
from app.api.deadline import LONGEST_MS, deadline_of
from app.api.direct import Handler
from app.api.disconnect import ClientGone, while_connected
from app.api.limits import Limits
from app.api.predict import server_timing, version_of
from app.errors import DeadlineExceeded
from app.repository.manifest import Manifest
from app.serving.engine import Engine, Inference

QUICK_ELEMENTS = 20_000  # are written in about a millisecond, even as JSON


def infer_handlers(engine: Engine, limits: Limits) -> dict[str, Handler]:
    async def infer(request: Request, names: dict[str, str]) -> Response:
        arrived = asyncio.get_running_loop().time()
        deadline = arrived + deadline_of(request, limits.request_timeout_s)
        model, version = names["model"], version_of(names)
        manifest = engine.find(model, version)
        try:
            async with asyncio.timeout_at(deadline):
                question = await read(request, manifest, limits.max_body_bytes)
            if question.timeout_us:
                deadline = arrived + min(question.timeout_us / 1e6, LONGEST_MS / 1e3)
            async with while_connected(request):
                inference = await engine.infer(model, version, question.inputs, deadline, question.priority)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before the whole body had arrived") from None
        except (ClientGone, ClientDisconnect):
            return Response(status_code=499)  # for the metrics; nobody reads it
        codec.require_outputs(question, inference.manifest.outputs)  # perhaps of a newer version than was read for
        return await respond(request, question, inference)

    return {"/v2/models/{model}/infer": infer, "/v2/models/{model}/versions/{version}/infer": infer}


async def read(request: Request, manifest: Manifest, max_bytes: int) -> codec.Question:
    """The body may be compressed, of any Content-Type, and with or without tensors after its JSON."""
    body, encoding = await request.body(), request.headers.get("content-encoding", "")
    header_length = request.headers.get(codec.HEADER_LENGTH)
    if encoding:
        body = await asyncio.to_thread(inflate, body, encoding, max_bytes)
    if codec.is_quick(body, header_length):
        question = codec.read(body, header_length, manifest.inputs)
    else:
        question = await asyncio.to_thread(codec.read, body, header_length, manifest.inputs)
    codec.require_outputs(question, manifest.outputs)
    return question


async def respond(request: Request, question: codec.Question, inference: Inference) -> Response:
    if sum(array.size for array in inference.outputs.values()) <= QUICK_ELEMENTS:
        body, json_length = codec.write(question, inference)
    else:
        body, json_length = await asyncio.to_thread(codec.write, question, inference)
    headers = {"X-Model-Version": str(inference.manifest.version), "Server-Timing": server_timing(inference)}
    if json_length is not None:
        headers[codec.HEADER_LENGTH] = str(json_length)
    encoding = accepted(request.headers.get("accept-encoding", ""))
    if encoding and len(body) >= WORTH_BYTES:
        smaller = await asyncio.to_thread(deflate, body, encoding)
        if len(smaller) < len(body):
            body, headers["Content-Encoding"] = smaller, encoding
    headers["Vary"] = "Accept-Encoding"
    media_type = "application/json" if json_length is None else "application/octet-stream"
    return Response(body, media_type=media_type, headers=headers)
