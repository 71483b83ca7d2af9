"""Open Inference Protocol V2: inference, the busiest route of the dialect."""

import asyncio
from itertools import chain

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.http.aside import Aside
from app.api.http.callers import caller_of
from app.api.http.compression import WORTH_BYTES, accepted, deflated
from app.api.http.deadline import LONGEST_MS, deadline_of
from app.api.http.disconnect import ClientGone, while_connected
from app.api.http.limits import Limits
from app.api.http.pieces import WHOLE_BYTES, Sized, respond_with
from app.api.http.routes import Handler
from app.api.v1.predict import body_by, server_timing, version_of
from app.api.v2 import codec
from app.repository.manifest import Manifest
from app.serving.batcher import answer_by
from app.serving.engine import Engine, Inference

QUICK_ELEMENTS = 20_000  # are put in order in less than a millisecond


def infer_handlers(engine: Engine, limits: Limits, aside: Aside) -> dict[str, Handler]:
    async def infer(request: Request, names: dict[str, str]) -> Response:
        arrived = asyncio.get_running_loop().time()
        deadline = arrived + deadline_of(request, limits.request_timeout_s)
        model, version = names["model"], version_of(names)
        manifest, caller = engine.find(model, version), caller_of(request)
        own = aside.of(caller)
        try:
            body = await body_by(deadline, request)
            async with while_connected(request):
                async with answer_by(deadline):
                    question = await read(request, body, manifest, limits, own)
                del body  # tensors that lie in it keep it
                if question.timeout_us:
                    deadline = arrived + min(question.timeout_us / 1e6, LONGEST_MS / 1e3)
                inference = await engine.infer(
                    model, version, question.inputs, deadline, question.priority, manifest, caller
                )
                async with answer_by(deadline):
                    return await respond(request, question, inference, limits, own)
        except (ClientGone, ClientDisconnect):
            return Response(status_code=499)  # for the metrics; nobody reads it

    return {"/v2/models/{model}/infer": infer, "/v2/models/{model}/versions/{version}/infer": infer}


async def read(request: Request, body: bytes, manifest: Manifest, limits: Limits, aside: Aside) -> codec.Question:
    """The body may be of any Content-Type, and with or without tensors after its JSON."""
    header_length = request.headers.get(codec.HEADER_LENGTH)
    question = await aside.read(
        lambda: codec.read(body, header_length, manifest.inputs, limits.json),
        is_quick=codec.is_quick(body, header_length),
    )
    codec.require_outputs(question, manifest.outputs)
    return question


async def respond(
    request: Request, question: codec.Question, inference: Inference, limits: Limits, aside: Aside
) -> Response:
    outputs = await aside.make(
        lambda: codec.outputs_of(question, inference, limits.json),
        is_quick=sum(array.size for array in inference.outputs.values()) <= QUICK_ELEMENTS,
    )
    headers = {
        "X-Model-Version": str(inference.manifest.version),
        "Server-Timing": server_timing(inference),
        "Vary": "Accept-Encoding",
    }
    pieces, media_type = codec.written(inference.manifest, question.id, outputs), "application/json"
    binary = [output.binary for output in outputs if output.binary is not None]
    if binary:
        head = b"".join(await aside.write(pieces))
        pieces, media_type = chain([head], *map(codec.sliced, binary)), "application/octet-stream"
        headers[codec.HEADER_LENGTH] = str(len(head))
    encoding = accepted(request.headers.get("accept-encoding", ""))
    if encoding:
        start = await aside.write(pieces, WORTH_BYTES)
        pieces = chain(start, pieces)
        if sum(map(len, start)) >= WORTH_BYTES:
            headers["Content-Encoding"], pieces = encoding, deflated(pieces, encoding)
    elif binary and (size := len(head) + sum(map(len, binary))) >= WHOLE_BYTES:
        return Sized(pieces, size, media_type, headers)
    return await respond_with(aside, pieces, media_type, headers)
