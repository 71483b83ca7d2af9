"""Build the ASGI application around an engine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app.api import errors, health, openapi
from app.api.hf import routes as hf
from app.api.hf.routes import hf_handlers
from app.api.http.access import Access
from app.api.http.answered import Report, WriteLine
from app.api.http.aside import Aside
from app.api.http.cross_site import OwnPagesOnly
from app.api.http.head import HeadToo
from app.api.http.headers import SecurityHeaders, allow_origins
from app.api.http.hosts import KnownHosts
from app.api.http.limits import Limits, body_limit
from app.api.http.middleware import RequestContext
from app.api.http.routes import Direct, Handler
from app.api.http.transit import Transit
from app.api.pages import routes as pages
from app.api.v1 import models as v1
from app.api.v1.explain import explain_handlers
from app.api.v1.predict import predict_handlers
from app.api.v2 import models as v2
from app.api.v2.infer import infer_handlers
from app.keys import KeyRing
from app.serving.engine import Engine
from app.telemetry import Telemetry

log = logging.getLogger(__name__)

LOAD_AGAIN_S = 5.0

DESCRIPTION = """\
Models behind batched, typed HTTP endpoints. Every model has an operation of its own, with an example that runs as it
stands: open it and press *Execute*.
"""

TAGS = [
    {"name": "predict", "description": "Ask a model"},
    {"name": "explain", "description": "Ask why a model answers as it does"},
    {"name": "hugging face", "description": "The same models, as huggingface_hub's InferenceClient asks them"},
    {"name": "models", "description": "What is served, how good it is, and newer versions"},
    {"name": "open inference protocol", "description": "Version 2, as Triton's and KServe's clients speak it: tensors"},
    {"name": "health", "description": "For probes and for Prometheus"},
]


def create_app(
    engine: Engine,
    telemetry: Telemetry,
    limits: Limits,
    *,
    keys: KeyRing | None = None,
    cors_origins: Sequence[str] = (),
    hosts: Sequence[str] | None = None,
    write_line: WriteLine | None = None,
    line_share: float = 1.0,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
) -> RequestContext:
    """The service answers at once and says that it is not ready; models appear as they are loaded.

    Without `keys` it asks nobody for one; without `cors_origins` no page from elsewhere can read its answers;
    with `hosts`, even none, it answers to these names, to localhost and to addresses only.
    `write_line` gets a line for each failure, and for this share of the other requests. What is `beside` runs
    as long as the service does.
    """

    aside = Aside()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(one) for one in (_load(engine), *(each() for each in beside))]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            if not engine.is_stopping:
                await engine.stop()
            aside.close()

    # Its pages come from our own files: they must work without internet.
    app = FastAPIOffline(
        title="Tessera",
        version=version("tessera"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
        redoc_url=None,  # ours is in pages/routes.py
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
        redirect_slashes=False,  # a redirect has no envelope, and loses the body of a POST in some clients
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.telemetry = telemetry
    app.state.aside = aside
    app.state.limits = limits
    app.state.asks_for_keys = keys is not None
    errors.install(app)
    for module in (pages, v1, v2, hf, health):
        app.include_router(module.router)
    openapi.install(app, engine)
    busiest: dict[str, Handler] = {}
    for handlers in (predict_handlers, explain_handlers, infer_handlers, hf_handlers):
        busiest |= handlers(engine, limits, aside)
    inside: ASGIApp = HeadToo(Direct(app, busiest))
    inside = Access(inside, keys, telemetry) if keys is not None else OwnPagesOnly(inside, cors_origins)
    if cors_origins:  # before the keys: a browser asks without one whether it may send one
        inside = allow_origins(inside, cors_origins)
    if hosts is not None and "*" not in hosts:
        inside = KnownHosts(inside, hosts)
    return RequestContext(
        inside,
        report=Report(engine, telemetry, write_line, line_share),
        transit=Transit(body_limit(engine, limits), limits.request_timeout_s, limits.all_bodies_bytes, aside),
        headers=SecurityHeaders(app),
        is_stopping=lambda: engine.is_stopping,
    )


async def _load(engine: Engine) -> None:
    while not engine.is_stopping:
        try:
            return await engine.load()
        except Exception as error:  # of a repository that cannot be read; nobody awaits this task
            if not engine.is_stopping:
                log.error("the models could not be loaded; next try in %.0f s: %s", LOAD_AGAIN_S, error)
                await asyncio.sleep(LOAD_AGAIN_S)  # a back-off: the disk may come back
