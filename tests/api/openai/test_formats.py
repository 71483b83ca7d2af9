"""The forms of answers, as clients write them."""

import pytest

from app.api.openai.formats import grammar_of
from app.api.openai.schemas import StructuredOutputs
from app.errors import InvalidInput
from app.tasks.generation_schema import Grammar

SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ({"type": "json_object"}, "json_object", None),
        ({"type": "json_schema", "json_schema": {"name": "any", "schema": SCHEMA}}, "json_schema", SCHEMA),
        ({"type": "json_object", "value": SCHEMA}, "json_schema", SCHEMA),
    ],
)
def test_a_response_format_is_a_grammar(form, kind, value):
    expected = Grammar.model_validate({"type": kind} if value is None else {"type": kind, "value": value})
    assert grammar_of(form, None) == expected


@pytest.mark.parametrize("form", [None, {"type": "text"}])
def test_any_text_has_no_grammar(form):
    assert grammar_of(form, None) is None


@pytest.mark.parametrize(
    ("outputs", "kind", "value"),
    [
        ({"json": '{"type": "object"}'}, "json_schema", SCHEMA),
        ({"json": SCHEMA}, "json_schema", SCHEMA),
        ({"regex": "a+"}, "regex", "a+"),
        ({"choice": ["yes", "no"]}, "choice", ["yes", "no"]),
    ],
)
def test_structured_outputs_are_a_grammar(outputs, kind, value):
    assert grammar_of(None, StructuredOutputs.model_validate(outputs)) == Grammar(type=kind, value=value)


@pytest.mark.parametrize(
    ("form", "outputs", "loc", "words"),
    [
        ({"type": "xml"}, None, ["response_format", "type"], "'xml' is none of"),
        ({"type": "json_schema"}, None, ["response_format", "json_schema", "schema"], "must have a schema"),
        ({"type": "text", "a": 1}, None, ["response_format", "a"], "would have no effect"),
        ({"type": "json_object", "schema": {}}, None, ["response_format", "schema"], "would have no effect"),
        ({"type": "json"}, None, ["response_format", "value"], "must have a schema"),
        (
            {"type": "json_schema", "json_schema": {"schema": {}, "a": 1}},
            None,
            ["response_format", "json_schema", "a"],
            "would have no effect",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": {}, "name": 1e400}},
            None,
            ["response_format", "json_schema", "name"],
            "not of the right type",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": []}},
            None,
            ["response_format", "json_schema", "schema"],
            "not of the right type",
        ),
        (None, {"json": "{"}, ["structured_outputs", "json"], "is no JSON"),
        (None, {"regex": "a", "choice": ["b"]}, ["structured_outputs"], "one of json, regex and choice"),
        ({"type": "json_object"}, {"regex": "a"}, ["structured_outputs"], "response_format says already"),
    ],
)
def test_what_is_no_form_is_told_under_its_name(form, outputs, loc, words):
    given = None if outputs is None else StructuredOutputs.model_validate(outputs)
    with pytest.raises(InvalidInput, match=words) as refused:
        grammar_of(form, given)
    assert refused.value.details[0]["loc"] == loc
