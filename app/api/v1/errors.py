"""Errors as the native dialect tells them: beside the nearest names stands where all models are listed."""

from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import STATUS, told
from app.api.v1 import paths
from app.errors import ModelNotFound, ServiceError


async def tell(request: Request, error: ServiceError) -> Response:
    has_more = isinstance(error, ModelNotFound) and error.has_more
    return told(request, error, STATUS, f"{error}; GET {paths.MODELS} lists all" if has_more else str(error))
