"""Explanations of predictions: asked with the same body, answered item by item."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.callers import caller_of
from app.api.http.limits import Limits
from app.api.http.routes import Handler
from app.api.v1.bodies import is_raw, read_items
from app.api.v1.predict import Question, ask, respond, version_of
from app.errors import InvalidInput
from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.tasks.explanations import EXPLANATIONS


def explain_handlers(engine: Engine, limits: Limits, aside: Aside) -> dict[str, Handler]:
    async def read(request: Request, body: bytes, manifest: Manifest) -> Question:
        kind = EXPLANATIONS.get(manifest.task)
        if kind is None:
            raise InvalidInput(
                f"{manifest.name} is a {manifest.task} model, and this kind explains nothing; "
                f"there are explanations for: {', '.join(EXPLANATIONS)}"
            )
        max_items = min(limits.max_items, kind.max_items)
        own = aside.of(caller_of(request))
        items, parameters = await own.read(
            lambda: read_items(request, body, kind, max_items, limits.json),
            is_quick=len(body) <= QUICK_BYTES or is_raw(request, body, kind),
        )
        return Question(items, parameters, partial(respond, own, kind), kind.name)

    async def explain(request: Request, names: dict[str, str]) -> Response:
        return await ask(engine, limits, request, names["model"], version_of(names), read)

    return {"/v1/models/{model}/explain": explain, "/v1/models/{model}/versions/{version}/explain": explain}
