"""The native dialect's account of what is served. Predictions are in predict.py."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from app.api.v1.cards import Card, ModelList, card, summary
from app.errors import InvalidArtifact
from app.serving.engine import Engine
from app.serving.names import no_such_model
from app.serving.versions import ModelStatus
from app.tasks.recommendation import FoundItem

router = APIRouter(prefix="/v1/models", tags=["models"])


async def get_engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


EngineDep = Annotated[Engine, Depends(get_engine)]


@router.get("", summary="What is served, and its state")
async def list_models(engine: EngineDep) -> ModelList:
    return ModelList(models=[summary(status) for status in engine.status().models])


@router.get("/{model}", summary="The card of one model: quality, data, licence, limits, state of its versions")
async def describe_model(model: str, engine: EngineDep) -> Card:
    return card(_status_of(engine, model))


@router.get(
    "/{model}/card",
    summary="The same as a page with pictures",
    response_class=Response,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}, "description": "Markdown"}},
)
async def read_card(model: str, engine: EngineDep) -> Response:
    """Markdown. Its pictures have addresses relative to it. 404 if the version has no card."""
    return await _card_file(engine, model, None, "text/markdown; charset=utf-8")


@router.get(
    "/{model}/card/{picture}",
    summary="A picture of the card",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "PNG"}},
)
async def read_card_picture(model: str, picture: str, engine: EngineDep) -> Response:
    return await _card_file(engine, model, picture, "image/png")


class ItemList(BaseModel):
    items: list[FoundItem]


# Not async: a search through a large catalogue belongs into a thread.
@router.get("/{model}/items", summary="Search the titles that a recommending model knows")
def find_items(
    model: str,
    engine: EngineDep,
    query: Annotated[
        str, Query(max_length=200, description="words that begin words of the title; without any, the most popular")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="how many to return at most")] = 20,
) -> ItemList:
    """Titles that begin with the words come first, and then the popular ones."""
    return ItemList.model_construct(items=list(engine.find_items(model, query, limit)))


@router.post("/{model}/load", summary="Bring a model to the newest version in the repository")
async def load_model(model: str, engine: EngineDep) -> Card:
    """Loads the new version beside the old one and switches when it has passed its checks.

    If it does not pass, the answer is 409 with the reason, and the old version goes on.
    """
    return card(await load_newest(engine, model))


async def load_newest(engine: Engine, model: str) -> ModelStatus:
    """Raises ModelNotFound, and InvalidArtifact if the newest version did not pass its checks."""
    await engine.load(model)
    status = _status_of(engine, model)
    newest = status.versions[0] if status.versions else None
    if newest and newest.has_failed:
        stays = f"version {status.manifest.version} stays live" if status.manifest else "no version is live"
        raise InvalidArtifact(f"{model} version {newest.version} is not served: {newest.reason}; {stays}")
    return status


async def _card_file(engine: Engine, model: str, picture: str | None, media_type: str) -> Response:
    manifest, content = await engine.read_card(model, picture)
    return Response(content, media_type=media_type, headers={"X-Model-Version": str(manifest.version)})


def _status_of(engine: Engine, name: str) -> ModelStatus:
    models = {status.name: status for status in engine.status().models}
    if name not in models:
        raise no_such_model(name, models)
    return models[name]
