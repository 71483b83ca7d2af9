"""The form that an answer must have, as clients write it, to a grammar."""

from collections.abc import Mapping
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


def _by_format(form: Mapping[str, Any]) -> Grammar | None:
    kind = form.get("type")
    if kind == "text":
        return None
    if kind in ("json_object", "json") and form.get("value") is not None:  # as huggingface_hub writes it
        return Grammar(type="json_schema", value=form["value"])
    if kind == "json_object":
        return Grammar(type="json_object")
    if kind == "json_schema":
        inside = form.get("json_schema")
        if not isinstance(inside, Mapping) or not isinstance(inside.get("schema"), Mapping | bool):
            raise InvalidInput("must have a schema").under("response_format", "json_schema", "schema")
        return Grammar(type="json_schema", value=inside["schema"])
    raise InvalidInput(f"{kind!r:.40} is none of: text, json_object, json_schema").under("response_format", "type")


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
