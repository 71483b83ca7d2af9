"""The bodies of the native dialect, one pair of schemas for each task, derived from what the task declares."""

from dataclasses import dataclass
from functools import cache, partial, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, FailFast, Field, RootModel, create_model
from pydantic.fields import FieldInfo

from app.tasks.contract import Contract, named_first
from app.tasks.schema import Schema


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of `POST …/predict` for a model of one task, or of `…/explain` for its explanation.

    `Event` is the data of one event of an answer that comes piece by piece, if there are pieces. `CascadeResponse` is
    the answer of a cascade.
    """

    Request: type[BaseModel]
    Response: type[BaseModel]
    Event: type[BaseModel] | None = None
    CascadeResponse: type[BaseModel] | None = None


ANSWERED: Any = {
    "model": (str, Field(description="name of the model that answered")),
    "version": (int, Field(description="its version")),
}
ANSWERED_BY: Any = (list[str], Field(description="names of the steps that gave the outputs, one for each"))
UNIONS = (UnionType, Union)
STREAM: Any = (bool, Field(default=False, description="send outputs piece by piece, as server-sent events"))


@cache
def bodies_of(contract: Contract, max_items: int) -> Bodies:
    """The length of a request is part of its schema: a longer one is refused before its items are looked at."""
    prefix, Piece = contract.title, contract.Piece
    Item = contract.Input
    Output: Any = contract.Output
    item = Annotated[
        Item,  # type: ignore[valid-type]
        BeforeValidator(partial(named_first, Item), json_schema_input_type=_written(Item)),
    ]
    Event = None if Piece is None else create_model(f"{prefix}Event", __base__=Piece, **ANSWERED)
    Response = create_model(
        f"{prefix}Response",
        **ANSWERED,
        outputs=(list[Output], Field(description="one entry for each input")),
    )
    return Bodies(
        Request=create_model(
            f"{prefix}Request",
            __base__=Schema,
            inputs=(list[item], Field(min_length=1, max_length=max_items, description="items, answered in order")),
            parameters=(
                contract.Parameters,
                Field(default_factory=contract.Parameters, description="hold for every item"),
            ),
            **({"stream": STREAM} if Piece else {}),
        ),
        Response=Response,
        CascadeResponse=create_model(f"{prefix}CascadeResponse", __base__=Response, answered_by=ANSWERED_BY),
        Event=Event,
    )


def bare(field: FieldInfo) -> Any:
    """Return the type of a field, documented for where it stands for its whole item."""
    about = Field(description=field.description, examples=field.examples)
    constraints = [one for one in field.metadata if not isinstance(one, FailFast)]  # it is nothing to document
    return Annotated[_given(field.annotation), *constraints, about]


def _given(annotation: Any) -> Any:
    """Return a type without null, which an object may have for a field that it has not; here the field is all."""
    kinds = [one for one in get_args(annotation) if one is not type(None)] if get_origin(annotation) in UNIONS else []
    return reduce(or_, kinds) if kinds else annotation


def _written(schema: type[BaseModel]) -> Any:
    """An item as callers may write it: with names, or its first field alone."""
    if issubclass(schema, RootModel):
        return schema
    return schema | bare(next(iter(schema.model_fields.values())))
