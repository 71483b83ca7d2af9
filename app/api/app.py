"""Build the ASGI application around an engine."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app.api import errors, health, openapi, pages, v1
from app.api.direct import Direct
from app.api.limits import Limits
from app.api.middleware import RequestContext
from app.api.predict import predict_handlers
from app.serving.engine import Engine
from app.telemetry import Telemetry

log = logging.getLogger(__name__)

DESCRIPTION = """\
Models behind batched, typed HTTP endpoints. Every model has an operation of its own, with an example that runs as it
stands: open it and press *Execute*.
"""

TAGS = [
    {"name": "predict", "description": "Ask a model"},
    {"name": "models", "description": "What is served, how good it is, and newer versions"},
    {"name": "health", "description": "For probes and for Prometheus"},
]


def create_app(engine: Engine, telemetry: Telemetry, limits: Limits) -> ASGIApp:
    """The service answers at once and says that it is not ready; models appear as they are loaded."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(engine))
        try:
            yield
        finally:
            loading.cancel()
            await engine.stop()

    # Its pages come from our own files: they must work without internet.
    app = FastAPIOffline(
        title="Tessera",
        version=version("tessera"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        redoc_url=None,  # ours is in pages.py
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
        redirect_slashes=False,  # a redirect has no envelope, and loses the body of a POST in some clients
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.telemetry = telemetry
    app.state.limits = limits
    errors.install(app)
    for module in (pages, v1, health):
        app.include_router(module.router)
    openapi.install(app, engine)
    return RequestContext(
        Direct(app, predict_handlers(engine, limits)),
        telemetry=telemetry,
        max_body_bytes=limits.max_body_bytes,
        is_stopping=lambda: engine.is_stopping,
    )


async def _load(engine: Engine) -> None:
    try:
        await engine.load()
    except Exception:  # of a repository that cannot be read; nobody awaits this task
        log.exception("the models could not be loaded")
