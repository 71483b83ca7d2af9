"""Messages as templates read them."""

from typing import Any

import pytest

from app.errors import InvalidInput
from app.generation.messages import plain


def test_parts_of_text_are_one_text_and_developers_are_the_system():
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert plain([{"role": "developer", "content": parts, "name": None}]) == [{"role": "system", "content": "one\ntwo"}]


def test_arguments_of_calls_are_read():
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"a": [1]}'}}
    (message,) = plain([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert "content" not in message
    assert message["tool_calls"][0] == {**call, "function": {"name": "find", "arguments": {"a": [1]}}}
    assert plain([message]) == [message]


def call(**function: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": function}]}


@pytest.mark.parametrize(
    ("message", "loc", "said"),
    [
        ({"role": "boss", "content": "a"}, ["role"], "none of: system"),
        ({"content": "a"}, ["role"], "none of"),
        ({"role": ["user"], "content": "a"}, ["role"], "none of"),
        ({"role": "user"}, ["content"], "missing"),
        ({"role": "user", "content": None}, ["content"], "missing"),
        ({"role": "user", "content": 7}, ["content"], "text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, ["content", 0, "type"], "no 'image_url'"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, ["content", 0, "text"], "must be a text"),
        ({"role": "user", "content": ["a"]}, ["content", 0, "type"], "reads text"),
        ({"role": "assistant", "tool_calls": 1}, ["tool_calls"], "list"),
        ({"role": "assistant", "tool_calls": [1]}, ["tool_calls", 0, "function", "name"], "name a function"),
        (call(name="a", arguments="{"), ["tool_calls", 0, "function", "arguments"], "no JSON"),
        (call(name="a", arguments="[" * 100_000), ["tool_calls", 0, "function", "arguments"], "no JSON"),
        (call(name="a", arguments="[1]"), ["tool_calls", 0, "function", "arguments"], "must be an object"),
    ],
)
def test_a_fault_is_told_where_it_is(message: dict[str, Any], loc: list[str | int], said: str):
    with pytest.raises(InvalidInput, match=said) as refused:
        plain([{"role": "user", "content": "a"}, message])
    assert refused.value.details[0]["loc"] == [1, *loc]


def test_a_chat_has_messages():
    with pytest.raises(InvalidInput, match="empty"):
        plain([])
