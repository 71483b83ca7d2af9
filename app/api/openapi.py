"""The OpenAPI document: what the routes say of themselves, and of each model that is loaded."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.api.documented import BodySchema
from app.api.http.access import SCHEMES
from app.api.http.routes import DirectRoute, Operation, Route, Section
from app.serving.engine import Engine, Served

FAILURES = {
    401: "no key, or not one that is known and holds",
    403: "the key lacks the scope; or a page of another origin asked, or for a name that this service does not have",
    400: "the request is not usable, or what it asks about is not ready",
    404: "no such model or version",
    409: "the newest version failed its checks; the one before stays live",
    413: "the body or the number of inputs is too large",
    415: "the body is compressed otherwise than by gzip or deflate",
    422: "an input is not usable; `details` says which and why",
    424: "the model failed on this input, as text-generation-inference calls it",
    429: "there is too much to do, or the key has had its rate or quota; `Retry-After` says when to try again",
    500: "the model failed on this input",
    501: "this service was told to keep no events",
    503: "the model is not ready, the database does not answer, or the service is stopping",
    504: "the deadline passed",
}
CONVERTER = re.compile(r":\w+}")  # of a name in a path, which only our routing knows
UNUSED = ("HTTPValidationError", "ValidationError")  # a body that FastAPI lists, and we never send


def install(app: FastAPI, engine: Engine, sections: Sequence[Section], *, asks_for_keys: bool) -> None:
    """Make `app.openapi()` describe what is loaded at the moment."""
    cached: tuple[list[Served], dict[str, Any]] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal cached
        served = [engine.find(status.name) for status in engine.status().models if status.manifest]
        # With their manifests: a version may be loaded again with another content.
        if cached is None or cached[0] != served:
            cached = served, document(app, sections, served, asks_for_keys)
        return cached[1]

    app.openapi = openapi  # type: ignore[method-assign]


def document(
    app: FastAPI, sections: Sequence[Section], models: Sequence[Served], asks_for_keys: bool
) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
        license_info=app.license_info,
    )
    routes = {(route.path, route.method): (section, route) for section in sections for route in section.routes}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            _add_failures(operation, *routes[path, method.upper()], asks_for_keys)
    direct = [(each, route) for each in sections for route in each.routes if isinstance(route, DirectRoute)]
    for section, route in direct:
        if route.operation is not None:
            operation = {"tags": [section.name], **deepcopy(route.operation)}
            _add_failures(operation, section, route, asks_for_keys)
            path = CONVERTER.sub("}", route.path)
            found["paths"].setdefault(path, {})[route.method.lower()] = operation
    for served in models:
        for section, route in direct:
            for path, described in route.describe(served).items():
                operation = {"tags": [section.name], **described}
                _add_failures(operation, section, route, asks_for_keys)
                found["paths"].setdefault(path, {})[route.method.lower()] = operation
    _refer(found)
    found["security"] = [{name: []} for name in SCHEMES] if asks_for_keys else []
    if asks_for_keys:
        found["components"]["securitySchemes"] = SCHEMES
    return found


def _add_failures(operation: Operation, section: Section, route: Route, asks_for_keys: bool) -> None:
    """Every operation of a section fails in one form."""
    statuses = (403, *route.statuses)
    if asks_for_keys and route.is_open:
        operation["security"] = []
    elif asks_for_keys:
        statuses += (401, 429)
        operation["security"] = [{name: [route.needs]} for name in SCHEMES]
    for status in statuses:
        content = {"application/json": {"schema": BodySchema(section.Failure, "serialization")}}
        operation["responses"][str(status)] = {"description": FAILURES[status], "content": content}


def _refer(found: dict[str, Any]) -> None:
    """Put references in place of each BodySchema in a document, and what they lead to among its components."""
    places = list(_places_of_schemas(found["paths"]))
    schemas = list(dict.fromkeys(place[name] for place, name in places))
    references, definitions = models_json_schema(schemas, ref_template="#/components/schemas/{model}")
    for place, name in places:
        place[name] = references[place[name]]
    components = found.setdefault("components", {}).setdefault("schemas", {})
    components.update(definitions["$defs"])
    for name in UNUSED:
        components.pop(name, None)


def _places_of_schemas(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object inside a document that has a BodySchema, and the name of the field."""
    if isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, BodySchema):
                yield value, name
            else:
                yield from _places_of_schemas(one)
    elif isinstance(value, list):
        for one in value:
            yield from _places_of_schemas(one)
