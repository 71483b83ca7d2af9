"""Inference: tensors in, tensors out."""

from dataclasses import replace
from functools import partial
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response

from app.api import ask as asking
from app.api.given import Given
from app.api.http.aside import Aside
from app.api.http.compression import WORTH_BYTES, accepted, deflated
from app.api.http.deadline import LONGEST_MS
from app.api.http.pieces import WHOLE_BYTES, Sized, respond_with
from app.api.http.routes import Handler
from app.api.media.json_text import JsonLimits
from app.api.v1 import paths as v1
from app.api.v2 import paths, reading, writing
from app.api.v2.ends import VIEW
from app.api.v2.reading import HEADER_LENGTH
from app.errors import InvalidInput
from app.serving.engine import Prediction, Served
from app.serving.raw import NAME as RAW

QUICK_ELEMENTS = 20_000  # are put in order in less than a millisecond


def infer(given: Given) -> Handler:
    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> asking.Question:
        """The body may be of any Content-Type, and with or without tensors after its JSON."""
        if RAW not in served.forms:
            name = served.manifest.name
            if VIEW in served.contracts:
                raise InvalidInput(f"{name} takes a text, and no tensors; POST {paths.GENERATE.format(model=name)}")
            raise InvalidInput(
                f"{name} is a model for {served.manifest.task} and has no tensors; ask it at {v1.of(v1.PREDICT, name)}"
            )
        header_length = request.headers.get(HEADER_LENGTH)
        asked = await aside.read(
            lambda: reading.read(body, header_length, served.manifest.inputs, given.limits.json),
            is_quick=reading.is_quick(body, header_length),
        )
        reading.require_outputs(asked, served.manifest.outputs)
        return asking.Question(
            RAW,
            [asked.inputs],
            None,
            partial(_respond, request, replace(asked, inputs={}), given.limits.json, aside),
            priority=asked.priority,
            within_s=min(asked.timeout_us / 1e6, LONGEST_MS / 1e3) if asked.timeout_us else None,
        )

    return partial(asking.ask, given, read)


async def _respond(
    request: Request, asked: reading.Asked, limits: JsonLimits, aside: Aside, prediction: Prediction
) -> Response:
    (answer,) = prediction.outputs
    outputs = await aside.make(
        lambda: writing.outputs_of(asked, answer, limits),
        is_quick=sum(array.size for array in answer.tensors.values()) <= QUICK_ELEMENTS,
    )
    headers = asking.headers_of(prediction)
    headers["Vary"] = "Accept-Encoding"
    pieces = writing.written(prediction.model, prediction.version, asked.id, outputs, prediction.answered_by)
    media_type = "application/json"
    binary = [output.binary for output in outputs if output.binary is not None]
    if binary:
        head = b"".join(await aside.write(pieces))
        pieces, media_type = chain([head], *map(writing.sliced, binary)), "application/octet-stream"
        headers[HEADER_LENGTH] = str(len(head))
    encoding = accepted(request.headers.get("accept-encoding", ""))
    if encoding:
        start = await aside.write(pieces, WORTH_BYTES)
        pieces = chain(start, pieces)
        if sum(map(len, start)) >= WORTH_BYTES:
            headers["Content-Encoding"], pieces = encoding, deflated(pieces, encoding)
    elif binary and (size := len(head) + sum(map(len, binary))) >= WHOLE_BYTES:
        return Sized(pieces, size, media_type, headers)
    return await respond_with(aside, pieces, media_type, headers)
