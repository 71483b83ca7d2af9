"""Errors as clients of Triton and KServe expect them."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import STATUS, told
from app.api.v2 import paths
from app.errors import InvalidInput, ModelNotFound, ServiceError

V2_STATUS = {**STATUS, InvalidInput: 400}  # the protocol has no 422


async def tell(request: Request, error: ServiceError) -> Response:
    return told(request, error, V2_STATUS, _words(error))


def _words(error: ServiceError) -> str:
    if not isinstance(error, ModelNotFound):
        return str(error)
    # The first words are Triton's: there are clients that look for them.
    return f"Request for unknown model: {error}{f'; POST {paths.INDEX} lists all' if error.has_more else ''}"
