"""The Open Inference Protocol, version 2: its routes."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from app.api.given import Given
from app.api.http.routes import DirectRoute, Section, TypedRoute, get, post
from app.api.v2 import described, models, paths, statistics
from app.api.v2.errors import tell
from app.api.v2.generate import generate
from app.api.v2.infer import infer
from app.api.v2.schemas import IndexRequest, LoadRequest, ModelReady, ServerReady
from app.keys import Scope


def inferring(given: Given) -> Section:
    route = partial(
        DirectRoute,
        "POST",
        handler=infer(given),
        statuses=(400, 404, 413, 415, 429, 500, 503, 504),
        tell=tell,
        body_bytes=lambda scope: given.limits.max_body_bytes,  # tensors may have all of it, whatever the task
        scope="predict",
    )
    generating = partial(route, body_bytes=given.body_bytes)
    whole, streamed = generate(given, streams=False), generate(given, streams=True)
    routes = (
        route(paths.INFER, describe=described.infer),
        route(paths.VERSION_INFER),
        generating(paths.GENERATE, handler=whole, describe=described.generate),
        generating(paths.VERSION_GENERATE, handler=whole),
        generating(paths.STREAM, handler=streamed, describe=described.generate_stream),
        generating(paths.VERSION_STREAM, handler=streamed),
        *OTHERS,
    )
    return Section("open inference protocol", "Version 2, as Triton's and KServe's clients speak it: tensors", routes)


def _get(
    path: str, handler: Callable[..., Any], summary: str = "", scope: Scope | None = "read", **options: Any
) -> TypedRoute:
    return get(path, handler, 400, 404, tell=tell, scope=scope, summary=summary, **options)


def _post(
    path: str, handler: Callable[..., Any], body: type[BaseModel], scope: Scope, summary: str, **options: Any
) -> TypedRoute:
    # Read by hand: clients send it without a Content-Type, or not at all.
    asked = {"requestBody": {"content": {"application/json": {"schema": body.model_json_schema()}}}}
    return post(path, handler, 400, 404, tell=tell, scope=scope, summary=summary, openapi_extra=asked, **options)


OTHERS = (
    _get(paths.SERVER, models.server_metadata, "The server's name and what it can do"),
    _get(paths.SERVER + "/", models.server_metadata, include_in_schema=False),
    _get(paths.LIVE, models.server_live, "The process answers", None, is_open=True),
    _get(
        paths.READY,
        models.server_ready,
        "What has been live can predict; 400 if not",
        None,
        is_open=True,
        response_model=ServerReady,
    ),
    _get(paths.ALL_STATISTICS, statistics.all_statistics, "What every model has done"),
    _get(paths.MODEL, models.model_metadata, "The tensors of a model"),
    _get(paths.VERSION, models.version_metadata, "The tensors of one version"),
    _get(
        paths.CONFIG, models.model_config, "The tensors of a model in Triton's words", response_model_exclude_none=True
    ),
    _get(
        paths.VERSION_CONFIG,
        models.version_config,
        "The tensors of one version in Triton's words",
        response_model_exclude_none=True,
    ),
    _get(paths.MODEL_READY, models.model_ready, "The model can predict; 400 if not", response_model=ModelReady),
    _get(paths.VERSION_READY, models.version_ready, "The version can predict; 400 if not", response_model=ModelReady),
    _get(paths.STATISTICS, statistics.model_statistics, "What a model has done"),
    _get(paths.VERSION_STATISTICS, statistics.version_statistics, "What one version has done"),
    _post(paths.INDEX, models.index, IndexRequest, "read", "Every version and its state"),
    _post(paths.LOAD, models.load, LoadRequest, "admin", "Load the newest version", response_class=Response),
    _post(paths.UNLOAD, models.unload, LoadRequest, "admin", "Unload a model", response_class=Response),
)
