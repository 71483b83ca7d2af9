"""The form that an answer must have, as clients write it, to a grammar."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import from_json

from app.api.openai.schemas import StructuredOutputs
from app.errors import InvalidInput
from app.generation.grammar import MOST_CHARACTERS
from app.tasks.generation_schema import Grammar


def grammar_of(response_format: Mapping[str, Any] | None, outputs: StructuredOutputs | None) -> Grammar | None:
    """Raises InvalidInput under the name of the argument."""
    grammar = _by_format(response_format) if response_format else None
    if outputs is None:
        return grammar
    if grammar is not None:
        raise InvalidInput("response_format says already what the answer must be").under("structured_outputs")
    return _by_outputs(outputs)


MEMBERS = {"text": ("type",), "json_object": ("type", "value"), "json": ("type", "value")}
MEMBERS_OF_SCHEMA: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "description": (str, type(None)),
    "schema": (Mapping, bool),
    "strict": (bool, type(None)),
}


def _by_format(form: Mapping[str, Any]) -> Grammar | None:
    kind = form.get("type")
    if kind == "json_schema":
        _require_known(form, ("type", "json_schema"))
        return Grammar(type="json_schema", value=_schema_in(form.get("json_schema")))
    if kind not in MEMBERS:
        raise InvalidInput(f"{kind!r:.40} is none of: text, json_object, json_schema").under("response_format", "type")
    _require_known(form, MEMBERS[kind])
    if kind == "text":
        return None
    if form.get("value") is not None:  # as huggingface_hub writes it
        return Grammar(type="json_schema", value=form["value"])
    if kind == "json":
        raise InvalidInput("must have a schema").under("response_format", "value")
    return Grammar(type="json_object")


def _schema_in(inside: Any) -> Any:
    if not isinstance(inside, Mapping) or "schema" not in inside:
        raise InvalidInput("must have a schema").under("response_format", "json_schema", "schema")
    _require_known(inside, MEMBERS_OF_SCHEMA, "json_schema")
    for name, value in inside.items():
        if not isinstance(value, MEMBERS_OF_SCHEMA[name]):
            raise InvalidInput("is not of the right type").under("response_format", "json_schema", name)
    return inside["schema"]


def _require_known(members: Mapping[str, Any], known: Collection[str], *place: str) -> None:
    if unknown := next((name for name in members if name not in known), None):
        raise InvalidInput("would have no effect").under("response_format", *place, unknown)


def _by_outputs(outputs: StructuredOutputs) -> Grammar:
    given = {"json_schema": outputs.json_, "regex": outputs.regex, "choice": outputs.choice}
    kinds = [kind for kind, value in given.items() if value is not None]
    if len(kinds) != 1:
        raise InvalidInput("must have one of json, regex and choice").under("structured_outputs")
    value = given[kinds[0]]
    if kinds[0] == "json_schema" and isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise InvalidInput(f"has {len(value)} characters; a grammar may have {MOST_CHARACTERS}").under(
                "structured_outputs", "json"
            )
        try:
            value = from_json(value)
        except ValueError as error:
            raise InvalidInput(f"is no JSON: {error}").under("structured_outputs", "json") from None
    return Grammar.model_validate({"type": kinds[0], "value": value})
