"""Objects of a schema that say nothing of other fields have none; a schema that speaks of them is left as it is."""

import pytest

from app.generation.closing import closed

TEXT = {"type": "string"}
POINT = {"type": "object", "properties": {"x": TEXT}, "required": ["x"]}


def shut(schema):
    return {**schema, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "becomes"),
    [
        (POINT, shut(POINT)),
        ({"properties": {"p": POINT}}, shut({"properties": {"p": shut(POINT)}})),
        ({"type": "array", "items": POINT}, {"type": "array", "items": shut(POINT)}),
        ({"anyOf": [POINT, TEXT]}, {"anyOf": [shut(POINT), TEXT]}),
        ({"$ref": "#/$defs/p", "$defs": {"p": POINT}}, {"$ref": "#/$defs/p", "$defs": {"p": shut(POINT)}}),
        ({"properties": {"properties": TEXT}}, shut({"properties": {"properties": TEXT}})),
        ({"const": POINT}, {"const": POINT}),
    ],
)
def test_an_object_has_no_fields_but_its_own(schema, becomes):
    assert closed(schema) == becomes


@pytest.mark.parametrize(
    "schema",
    [
        True,
        TEXT,
        {"type": "object"},
        {**POINT, "additionalProperties": True},
        {**POINT, "additionalProperties": TEXT},
        {**POINT, "required": ["y"]},
        {**POINT, "minProperties": 2},
        {**POINT, "patternProperties": {"y": TEXT}},
        {**POINT, "anyOf": [{"properties": {"y": TEXT}}]},
        {"allOf": [POINT, {"properties": {"y": TEXT}}]},
        {"allOf": [{"$ref": "#/$defs/p"}, {"properties": {"y": TEXT}}], "$defs": {"p": POINT}},
    ],
)
def test_a_schema_that_speaks_of_other_fields_is_left_as_it_is(schema):
    assert closed(schema) == schema
