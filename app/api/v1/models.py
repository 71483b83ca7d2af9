"""What is told of the models that are served, and how a newer version comes in."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel

from app.api.given import EngineDep
from app.api.loaded import load_newest, status_of
from app.api.v1.cards import Card, ModelList, card, summary
from app.serving.engine import Engine
from app.tasks.recommendation import FoundItem


async def list_models(engine: EngineDep) -> ModelList:
    return ModelList(models=[summary(status) for status in engine.status().models])


async def describe_model(model: str, engine: EngineDep) -> Card:
    return card(status_of(engine, model))


async def read_card(model: str, engine: EngineDep) -> Response:
    """Markdown. Its pictures have addresses relative to it. 404 if the version has no card."""
    return await _card_file(engine, model, None, "text/markdown; charset=utf-8")


async def read_card_picture(model: str, picture: str, engine: EngineDep) -> Response:
    return await _card_file(engine, model, picture, "image/png")


class ItemList(BaseModel):
    items: list[FoundItem]


# Not async: a search through a large catalogue belongs into a thread.
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


async def load_model(model: str, engine: EngineDep) -> Card:
    """Loads the new version beside the old one and switches when it has passed its checks.

    If it does not pass, the answer is 409 with the reason, and the old version goes on.
    """
    return card(await load_newest(engine, model))


async def _card_file(engine: Engine, model: str, picture: str | None, media_type: str) -> Response:
    manifest, content = await engine.read_card(model, picture)
    return Response(content, media_type=media_type, headers={"X-Model-Version": str(manifest.version)})
