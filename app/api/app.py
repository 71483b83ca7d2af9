"""Build the ASGI application around an engine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app.api import errors, health, openapi
from app.api.batches import routes as batches
from app.api.batches.inside import InsideRequests
from app.api.batches.terms import KeyTerms
from app.api.given import Given
from app.api.hf import routes as hf
from app.api.http.access import Access, OpenPaths
from app.api.http.answered import Report, WriteLine
from app.api.http.aside import Aside
from app.api.http.cross_site import OwnPagesOnly
from app.api.http.found import FindRoute
from app.api.http.head import HeadToo
from app.api.http.headers import SecurityHeaders, allow_origins
from app.api.http.hosts import KnownHosts
from app.api.http.limits import Limits
from app.api.http.middleware import RequestContext
from app.api.http.routes import Direct, Section, TypedRoute, body_limit
from app.api.http.transit import Transit
from app.api.kept import KeptAnswers
from app.api.openai import routes as openai
from app.api.pages import routes as pages
from app.api.permitted import PermittedEngine
from app.api.v1 import routes as v1
from app.api.v1.aliases import SlashesInNames
from app.api.v2 import routes as v2
from app.events.store import EventStore
from app.jobs.jobs import Jobs
from app.keys import KeyRing
from app.keys.limits import Meters
from app.serving.being_made import BeingMade
from app.serving.engine import Engine
from app.serving.mirroring import Mirroring
from app.serving.traffic import TrafficEngine
from app.telemetry import Telemetry

log = logging.getLogger(__name__)

LOAD_AGAIN_S = 5.0  # after a repository that could not be read

Beside = Callable[[], Coroutine[Any, Any, None]]

DESCRIPTION = """\
Models behind batched, typed HTTP endpoints. Every model has an operation of its own, with an example that runs as it
stands: open it and press *Execute*.
"""

# Each is given the same, and says which routes it has. In this order they stand in the documents.
SECTIONS: Sequence[Callable[[Given], Section]] = (
    pages.playing,
    v1.predicting,
    v1.explaining,
    v1.learning,
    openai.generating,
    batches.batching,
    hf.predicting,
    v1.telling,
    v2.inferring,
    health.probing,
)


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
    being_made: BeingMade | None = None,
    mirroring: Mirroring | None = None,
    jobs: Jobs | None = None,
    traffic: TrafficEngine | None = None,
    events: EventStore | None = None,
    kept: KeptAnswers | None = None,
    beside: Sequence[Beside] = (),
) -> RequestContext:
    """The service answers at once and says that it is not ready; models appear as they are loaded.

    Without `keys` it asks nobody for one; without `cors_origins` no page from elsewhere can read its answers;
    with `hosts`, even none, it answers to these names, to localhost and to addresses only.
    `write_line` gets a line for each failure, and for this share of the other requests. `being_made` is for the
    catalogue, and so is `mirroring`, which is also asked for what is new when a model is to be loaded. Without
    `traffic` there are no rules on it, without `events` none are kept, and without `kept` no answers. What is `beside`
    runs as long as the service does, and so do `jobs`.
    """
    given = Given(
        PermittedEngine(engine), telemetry, limits, Aside(), being_made, mirroring, jobs, traffic, events, kept
    )
    sections = [section(given) for section in SECTIONS]
    routes = [route for section in sections for route in section.routes]
    app = _typed(given, sections, [*beside, jobs.run] if jobs else beside)
    openapi.install(app, engine, sections, asks_for_keys=keys is not None)
    limit_of, shapes, meters = body_limit(limits.other_body_bytes), _shapes(sections), Meters()
    behind: ASGIApp = Direct(app)
    if jobs is not None:
        asking = SlashesInNames(FindRoute(behind, routes))
        jobs.answer_requests_by(InsideRequests(asking, shapes, limit_of, limits.json, given.aside))
        if keys is not None:
            jobs.permit_by(KeyTerms(keys, meters).require)
    if keys is not None:
        is_open = OpenPaths([*(route.path for route in routes if route.is_open), *pages.OPEN_BESIDE])
        behind = Access(behind, keys, telemetry, is_open, meters)
    behind = HeadToo(SlashesInNames(FindRoute(behind, routes)))
    if keys is None:
        behind = OwnPagesOnly(behind, cors_origins)
    if cors_origins:  # before the keys: a browser asks without one whether it may send one
        behind = allow_origins(behind, cors_origins)
    if hosts is not None and "*" not in hosts:
        behind = KnownHosts(behind, hosts)
    return RequestContext(
        behind,
        report=Report(engine, telemetry, write_line, line_share),
        transit=Transit(limit_of, limits.request_timeout_s, limits.all_bodies_bytes, given.aside),
        headers=SecurityHeaders(app, pages.DOCS, pages.ASSETS),
        is_stopping=lambda: engine.is_stopping,
        shapes=shapes,
    )


def inside(engine: Engine, telemetry: Telemetry, limits: Limits) -> InsideRequests:
    """Return what answers requests that nobody sends over HTTP, with the same routes."""
    given = Given(engine, telemetry, limits, Aside())
    sections = [section(given) for section in SECTIONS]
    asking = SlashesInNames(FindRoute(Direct(FastAPI()), [route for each in sections for route in each.routes]))
    return InsideRequests(asking, _shapes(sections), body_limit(limits.other_body_bytes), limits.json, given.aside)


def _shapes(sections: Sequence[Section]) -> errors.Shapes:
    return errors.Shapes(
        {place: section.shape for section in sections for place in section.places},
        {place: (section.is_client, section.shape) for section in sections for place in section.shared},
    )


def _typed(given: Given, sections: Sequence[Section], beside: Sequence[Beside]) -> FastAPI:
    """Return the application of the routes that FastAPI leads to, and of its own pages."""
    # They come from our own files: they must work without internet.
    app = FastAPIOffline(
        title="Tessera",
        version=version("tessera"),
        description=DESCRIPTION,
        openapi_tags=[{"name": section.name, "description": section.about} for section in sections if section.name],
        openapi_url=pages.DOCUMENT,
        docs_url=pages.DOCS,
        static_url=pages.ASSETS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
        redoc_url=None,  # ours is in pages/routes.py
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
        # Its own traces leave out the routes that matter, and have the words of errors; ours are in http/answered.py.
        telemetry=dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False),
        redirect_slashes=False,  # a redirect has no envelope, and loses the body of a POST in some clients
        lifespan=partial(_lifespan, given, beside),
    )
    app.state.given = given
    errors.install(app, {route.path: route.tell for section in sections for route in section.routes})
    for section in sections:
        tags: list[str | Enum] = [section.name] if section.name else []
        for route in section.routes:
            if isinstance(route, TypedRoute):
                app.add_api_route(route.path, route.handler, methods=[route.method], tags=tags, **route.options)
    return app


@asynccontextmanager
async def _lifespan(given: Given, beside: Sequence[Beside], app: FastAPI) -> AsyncIterator[None]:
    running = [asyncio.create_task(one) for one in (_load(given.engine), *(each() for each in beside))]
    for task in running:
        task.add_done_callback(_told_if_broken)
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        if not given.engine.is_stopping:
            await given.engine.stop()
        given.aside.close()
        given.rounds.close()


def _told_if_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error(
            "%s ended with an error, and is not begun again",
            getattr(task.get_coro(), "__qualname__", task),
            exc_info=error,
        )


async def _load(engine: Engine) -> None:
    while not engine.is_stopping:
        try:
            return await engine.load()
        except Exception as error:  # of a repository that cannot be read; nobody awaits this task
            if not engine.is_stopping:
                log.error("the models could not be loaded; next try in %.0f s: %s", LOAD_AGAIN_S, error)
                await asyncio.sleep(LOAD_AGAIN_S)  # a back-off: the disk may come back
