"""Tools as callers offer them, and calls as answers make them."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
import small_tokenizers

from app.errors import InvalidInput
from app.generation.grammar import Grammars
from app.generation.tools import MOST_TOOLS, Tools
from app.generation.vocabulary import Vocabulary


def tool(name: Any, parameters: Any = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
FIND = tool(
    "find",
    {
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/Point"},
            "near": {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]},
        },
        "required": ["at", "near"],
        "additionalProperties": False,
        "$defs": {"Point": POINT},
    },
)
LIST = tool("list_all")
TREE = tool("tree", {"type": "object", "properties": {"left": {"$ref": "#"}}, "additionalProperties": False})


def named(name: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def of(tools: Any, choice: Any = None) -> Tools:
    offered = Tools.of(tools, choice)
    assert offered is not None
    return offered


def test_what_is_chosen():
    tools = [FIND, LIST]
    assert Tools.of(None) is Tools.of([]) is Tools.of(tools, "none") is Tools.of(None, "none") is None
    assert not of(tools).is_required
    assert not of(tools, "auto").is_required
    assert of(tools, "required").is_required
    assert of(tools, "required").functions.keys() == {"find", "list_all"}
    one = of(tools, named("list_all"))
    assert one.is_required
    assert one.functions.keys() == {"list_all"}


@pytest.mark.parametrize(
    ("tools", "choice", "loc", "said"),
    [
        ({}, None, ["tools"], "must be a list"),
        ([LIST] * 2, None, ["tools", 1, "function", "name"], "another tool"),
        ([LIST, 7], None, ["tools", 1, "type"], "function"),
        ([{"type": "web_search"}], None, ["tools", 0, "type"], "function"),
        ([{"type": "function"}], None, ["tools", 0, "function"], "object"),
        ([tool("a b")], None, ["tools", 0, "function", "name"], "'a b' is no name"),
        ([tool("a" * 65)], None, ["tools", 0, "function", "name"], "no name"),
        ([tool(None)], None, ["tools", 0, "function", "name"], "no name"),
        ([tool("a", [])], None, ["tools", 0, "function", "parameters"], "schema of an object"),
        ([tool("a", {"type": "string"})], None, ["tools", 0, "function", "parameters"], "schema of an object"),
        ([tool(f"f{n}") for n in range(MOST_TOOLS + 1)], None, ["tools"], "129 tools"),
        (None, "required", ["tool_choice"], "no tools"),
        ([LIST], "any", ["tool_choice"], "must be"),
        ([LIST], 7, ["tool_choice"], "must be"),
        ([LIST], {"type": "function"}, ["tool_choice"], "must be"),
        ([LIST], named("find"), ["tool_choice", "function", "name"], "no tool 'find'; there are: list_all"),
        ([LIST], named(["find"]), ["tool_choice", "function", "name"], "no tool"),
        (None, named("find"), ["tool_choice", "function", "name"], "there are: none"),
    ],
)
def test_faults_are_told_where_they_are(tools: Any, choice: Any, loc: list[str | int], said: str):
    with pytest.raises(InvalidInput, match=said) as refused:
        Tools.of(tools, choice)
    assert refused.value.details[0]["loc"] == loc


@pytest.mark.parametrize(
    ("answer", "is_valid"),
    [
        ({"name": "find", "arguments": {"at": {"x": 1}, "near": None}}, True),
        ({"name": "find", "arguments": {"at": {"x": 1}, "near": {"x": 2}}}, True),
        ({"name": "find", "arguments": {"at": {"x": "1"}, "near": None}}, False),
        ({"name": "list_all", "arguments": {}}, True),
        ({"name": "list_all", "arguments": {"a": 1}}, False),
        ({"name": "tree", "arguments": {"left": {"left": {}}}}, True),
        ({"name": "tree", "arguments": {"left": {"right": {}}}}, False),
        ({"name": "other", "arguments": {}}, False),
        ({"name": "find"}, False),
    ],
)
def test_the_schema_is_that_of_a_call(answer: dict[str, Any], is_valid: bool):
    schema = of([FIND, LIST, TREE], "required").schema
    assert jsonschema.Draft202012Validator(schema).is_valid(answer) == is_valid


@pytest.mark.parametrize("tools", [[FIND], [FIND, LIST, TREE]], ids=["one", "several"])
def test_what_is_written_by_the_schema_is_a_call(tools: list[Any]):
    tokenizer = small_tokenizers.byte_level()
    vocabulary, offered = Vocabulary(tokenizer), of(tools, "required")
    make = offered.constraint(Grammars(tokenizer.to_str(), [1]))
    draw, ended = np.random.default_rng(0), 0
    for _ in range(20):
        constraint, raw = make(), b""
        for _ in range(400):
            logits = draw.standard_normal(vocabulary.size).astype(np.float32)
            constraint.forbid(logits)
            token = int(logits.argmax())
            constraint.accept(token)
            if token == 1:
                (call,) = offered.calls(raw.decode())
                assert call["function"]["name"] in offered.functions
                jsonschema.validate(json.loads(raw), offered.schema)
                ended += 1
                break
            raw += vocabulary.bytes_of(token)
    assert ended


ONE = '{"name": "list_all", "arguments": {"é": 1}}'


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (ONE, 1),
        (f" {ONE}\n", 1),
        (f"[{ONE}, {ONE}]", 2),
        (f"<tool_call>\n{ONE}\n</tool_call>\n<tool_call>{ONE}</tool_call>", 2),
        (f"<tool_call>[{ONE}]</tool_call>", 1),
        (f"<tool_call>{ONE}", 1),
        (f"I look it up.\n<tool_call>{ONE}</tool_call>", 1),
        ("<tool_call>", 0),
        ("[]", 0),
        ("", 0),
        ("It is 7 degrees.", 0),
        ("7", 0),
        (f"Call {ONE}", 0),
        ('{"name": "other", "arguments": {}}', 0),
        ('{"name": "list_all", "arguments": "{}"}', 0),
        ('{"name": ["list_all"], "arguments": {}}', 0),
        ('{"name": "list_all"}', 0),
        ('{"name": "list_all", "argum', 0),
        ("[" * 100_000, 0),
    ],
)
def test_calls_are_found_in_an_answer(text: str, calls: int):
    found = of([LIST]).calls(text)
    assert len(found) == calls
    assert len({call["id"] for call in found}) == calls
    for call in found:
        assert call["type"] == "function"
        assert call["function"] == {"name": "list_all", "arguments": '{"é": 1}'}


def test_what_is_said_before_calls():
    assert of([LIST]).said(f"I look it up.\n<tool_call>{ONE}</tool_call>") == "I look it up."
    assert of([LIST]).said(ONE) == ""


@pytest.mark.parametrize(
    ("tools", "choice", "loc"),
    [
        ([LIST, tool("bad", {"not": {}}), FIND], "required", ["tools", 1, "function", "parameters"]),
        ([LIST, tool("bad", {"not": {}}), FIND], named("bad"), ["tools", 1, "function", "parameters"]),
        ([tool("a", {"$ref": "#/$defs/none"})], "required", ["tools", 0, "function", "parameters"]),
        ([tool(f"f{n}", {"properties": {"a": {"enum": ["x" * 60_000]}}}) for n in range(2)], "required", ["tools"]),
        ([tool(f"f{n}", {"not": {}}) for n in range(5)], "required", ["tools"]),  # too many to try each
    ],
)
def test_a_schema_that_cannot_be_kept_is_told_where_it_is(tools: list[Any], choice: Any, loc: list[str | int]):
    grammars = Grammars(small_tokenizers.byte_level().to_str(), [1])
    with pytest.raises(InvalidInput) as refused:
        of(tools, choice).constraint(grammars)
    assert refused.value.details[0]["loc"] == loc
