"""Pages on the models that are served, and the way a newer version comes in."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel

from app.api.given import EngineDep, GivenDep
from app.api.http.askers import asker_of
from app.api.http.callers import ASKING
from app.api.loaded import by_alias, load_newest, status_of
from app.api.v1.aliases import decoded
from app.api.v1.cards import Card, ListedModel, ModelList, card, mirror_state, summary
from app.errors import InvalidInput, ModelNotFound
from app.serving.engine import Ask, Engine
from app.tasks.recommendation import (
    FOUND,
    LONGEST_QUERY,
    MOST_FOUND,
    CatalogueSearch,
    FoundItem,
    ItemQuery,
    ItemQueryParameters,
)
from app.tasks.text_generation import TextGeneration


async def list_models(given: GivenDep) -> ModelList:
    """`data` is the same list as OpenAI's clients read it: first the models that write text."""
    models = [summary(status) for status in given.engine.status().models]
    writing = sorted(models, key=lambda one: one.task != TextGeneration.contract.name)
    may_use = ASKING.get().may_use
    making = [one for one in given.being_made.now if may_use(one.model)] if given.being_made else []
    data = [ListedModel.model_validate(one.model_dump()) for one in writing]
    mirrored = mirror_state(given.mirroring.now, may_use) if given.mirroring else None
    return ModelList(models=models, being_made=making, mirror=mirrored, data=data)


async def describe_model(model: str, engine: EngineDep) -> Card:
    """By its name, or an alias that its manifest has."""
    name = decoded(model)
    try:
        return card(status_of(engine, name))
    except ModelNotFound:
        if (known := by_alias(engine, name)) is None:
            raise
        return card(status_of(engine, known))


async def read_card(model: str, engine: EngineDep) -> Response:
    """Markdown. Its pictures have addresses relative to it. 404 if the version has no card."""
    return await _card_file(engine, model, None, "text/markdown; charset=utf-8")


async def read_card_picture(model: str, picture: str, engine: EngineDep) -> Response:
    return await _card_file(engine, model, picture, "image/png")


class ItemList(BaseModel):
    items: list[FoundItem]


async def find_items(
    model: str,
    request: Request,
    given: GivenDep,
    query: Annotated[
        str,
        Query(
            max_length=LONGEST_QUERY, description="words that begin words of the title; without any, the most popular"
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND, description="how many to return at most")] = FOUND,
) -> ItemList:
    """Titles that begin with the words come first, and then the popular ones."""
    asker, view = asker_of(request), CatalogueSearch.contract.name
    served = given.engine.find(model, None, asker)
    if view not in served.contracts:
        raise InvalidInput(f"a model for {served.manifest.task} has no items to list; only one that recommends has")
    asked, parameters = [ItemQuery(query=query)], ItemQueryParameters(limit=limit)
    ask = Ask(
        model,
        None,
        view,
        asked,
        parameters,
        given.limits.request_timeout_s,
        caller=asker.caller,
        request_id=asker.request_id,
        chosen=served.manifest.version,
    )
    prediction = await given.engine.predict(ask)
    return ItemList.model_construct(items=prediction.outputs[0])


async def load_model(model: str, given: GivenDep) -> Card:
    """Loads the new version beside the old one and switches when it has passed its checks.

    If it does not pass, the answer is 409 with the reason, and the old version goes on.
    """
    return card(await load_newest(given.engine, model, given.mirroring))


async def _card_file(engine: Engine, model: str, picture: str | None, media_type: str) -> Response:
    served = engine.find(model)
    card, version = served.manifest.card, served.manifest.version
    if not card:
        raise ModelNotFound(f"model {model} version {version} has no card")
    file = card.markdown if picture is None else f"card/{picture}"
    if picture is not None and file not in card.pictures:
        raise ModelNotFound(f"the card of model {model} version {version} has no picture {picture!r}")
    return Response(served.card[file], media_type=media_type, headers={"X-Model-Version": str(version)})
