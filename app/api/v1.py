"""The native dialect: what is served, and predictions by typed items."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from app.api.bodies import read_items
from app.api.cards import Card, ModelList, card, summary
from app.api.contracts import contract_of
from app.api.deadline import deadline_of
from app.api.disconnect import ClientGone, while_connected
from app.api.limits import Limits
from app.errors import DeadlineExceeded, InvalidArtifact
from app.serving.engine import Engine, ModelStatus, Prediction, no_such_model

router = APIRouter(prefix="/v1/models", tags=["models"])


def get_engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def get_limits(request: Request) -> Limits:
    limits: Limits = request.app.state.limits
    return limits


EngineDep = Annotated[Engine, Depends(get_engine)]
LimitsDep = Annotated[Limits, Depends(get_limits)]


@router.get("", summary="What is served, and its state")
async def list_models(engine: EngineDep) -> ModelList:
    return ModelList(models=[summary(status) for status in engine.status().models])


@router.get("/{model}", summary="The card of one model: quality, data, licence, limits, state of its versions")
async def describe_model(model: str, engine: EngineDep) -> Card:
    return card(_status_of(engine, model))


@router.post("/{model}/load", summary="Bring a model to the newest version in the repository")
async def load_model(model: str, engine: EngineDep) -> Card:
    """Loads the new version beside the old one and switches when it has passed its checks.

    If it does not pass, the answer is 409 with the reason, and the old version goes on.
    """
    await engine.load(model)
    status = _status_of(engine, model)
    newest = status.versions[0] if status.versions else None
    if newest and newest.state == "failed":
        stays = f"version {status.manifest.version} stays live" if status.manifest else "no version is live"
        raise InvalidArtifact(f"{model} version {newest.version} is not served: {newest.reason}; {stays}")
    return card(status)


# Described in openapi.py, once for each loaded model.
@router.post("/{model}/predict", include_in_schema=False)
@router.post("/{model}/versions/{version}/predict", include_in_schema=False)
async def predict(
    request: Request, model: str, engine: EngineDep, limits: LimitsDep, version: int | None = None
) -> Response:
    deadline = asyncio.get_running_loop().time() + deadline_of(request, limits.request_timeout_s)
    manifest = engine.find(model, version)
    try:
        async with asyncio.timeout_at(deadline):
            items, parameters = await read_items(request, manifest.task, limits.max_items)
        prediction = await while_connected(request, engine.predict(model, version, items, parameters, deadline))
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the whole body had arrived") from None
    except (ClientGone, ClientDisconnect):
        return Response(status_code=499)  # for the metrics; nobody reads it
    return respond(prediction, limits.max_items)


def respond(prediction: Prediction, max_items: int) -> Response:
    manifest = prediction.manifest
    body: BaseModel = contract_of(manifest.task, max_items).Response.model_construct(
        model=manifest.name, version=manifest.version, outputs=prediction.outputs
    )
    headers = {"X-Model-Version": str(manifest.version), "Server-Timing": server_timing(prediction)}
    return Response(body.__pydantic_serializer__.to_json(body), media_type="application/json", headers=headers)


def server_timing(prediction: Prediction) -> str:
    """Where the time went, in milliseconds; browsers show it (W3C Server Timing)."""
    timing = prediction.timing
    return (
        f"preprocess;dur={1000 * timing.preprocess_s:.2f}, queue;dur={1000 * timing.queue_s:.2f}, "
        f'batch;desc="{timing.batch}", inference;dur={1000 * timing.inference_s:.2f}, '
        f"postprocess;dur={1000 * timing.postprocess_s:.2f}"
    )


def _status_of(engine: Engine, name: str) -> ModelStatus:
    models = {status.name: status for status in engine.status().models}
    if name not in models:
        raise no_such_model(name, models)
    return models[name]
