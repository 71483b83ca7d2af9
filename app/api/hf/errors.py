"""Errors, so that the clients of Hugging Face show what they say."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import STATUS, told
from app.api.v1 import errors as native
from app.errors import InferenceFailed, InvalidInput, Overloaded, ServiceError
from app.serving.engine import Served
from app.tasks.text_generation import TextGeneration

LONGEST_IN_HEADER = 500  # characters: clients and proxies refuse long headers, and then nothing arrives
TGI_STATUS = {**STATUS, InferenceFailed: 424}
TGI_TYPES: dict[type[ServiceError], str] = {
    InvalidInput: "validation",
    InferenceFailed: "generation",
    Overloaded: "overloaded",
}
"""For which its clients have exceptions of their own."""


async def tell(request: Request, error: ServiceError) -> Response:
    """Answer an error so that the client shows what it says; of a model that writes text, as TGI does."""
    served: Served | None = request.scope.get("served")
    if served is not None and served.manifest.task == TextGeneration.contract.name:
        reply = told(request, error, TGI_STATUS, str(error), error_type_of(error))
    else:
        reply = await native.tell(request, error)
    if str(error).isascii() and str(error).isprintable():  # the body has it in any case
        reply.headers["X-Error-Message"] = str(error)[:LONGEST_IN_HEADER]
    return reply


def error_type_of(error: ServiceError) -> str:
    return next((name for kind, name in TGI_TYPES.items() if isinstance(error, kind)), type(error).__name__)
