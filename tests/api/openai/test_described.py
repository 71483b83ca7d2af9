"""Each answer has the form that the document describes, and no field besides."""

import json
from typing import Any

import jsonschema
import pytest
from events import data_of
from tiny_writer import WRITER, writer

from app.api.openai.answers_schema import ChatCompletion, ChatCompletionChunk, TextCompletion
from app.api.openai.responses_answers import ResponseAnswer

__all__ = ["writer"]

CHAT = {"model": WRITER, "messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 6}
TEXT = {"model": WRITER, "prompt": ["abc", "xyz"], "max_tokens": 6}
ASKED = {"model": WRITER, "input": "Good morning", "max_output_tokens": 6}
TOOL = {"type": "function", "function": {"name": "greet", "parameters": {"type": "object", "properties": {}}}}
CALLED = {"tools": [TOOL], "tool_choice": "required", "max_tokens": 60}
COUNTED = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}


def schema_of(client, path, kind):
    document = client.get("/openapi.json").json()
    content = document["paths"][path]["post"]["responses"]["200"]["content"][kind]
    schema = data_of(content) if kind == "text/event-stream" else content["schema"]
    return {**schema, "components": document["components"]}


def events_of(text):
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    ("path", "body", "Answer"),
    [
        ("/v1/chat/completions", {**CHAT, "n": 2}, ChatCompletion),
        ("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 2}, ChatCompletion),
        ("/v1/chat/completions", {**CHAT, **CALLED}, ChatCompletion),
        (f"/hf/models/{WRITER}/v1/chat/completions", CHAT, ChatCompletion),
        ("/v1/completions", TEXT, TextCompletion),
        ("/v1/completions", {**TEXT, "logprobs": 2}, TextCompletion),
        ("/v1/responses", ASKED, ResponseAnswer),
        ("/v1/responses", {**ASKED, "text": {"format": {"type": "json_object"}}, "temperature": 1}, ResponseAnswer),
    ],
)
def test_an_answer_has_the_form_that_is_documented(writer, path, body, Answer: Any):
    reply = writer.post(path, json=body)
    assert reply.status_code == 200, reply.text
    jsonschema.validate(reply.json(), schema_of(writer, path, "application/json"))
    assert Answer.model_validate(reply.json()).model_dump(exclude_unset=True) == reply.json()


@pytest.mark.parametrize(
    ("path", "body", "Chunk"),
    [
        ("/v1/chat/completions", {**CHAT, **COUNTED, "n": 2, "logprobs": True}, ChatCompletionChunk),
        ("/v1/chat/completions", {**CHAT, **CALLED}, ChatCompletionChunk),
        (f"/hf/models/{WRITER}/v1/chat/completions", {**CHAT, **COUNTED}, ChatCompletionChunk),
        ("/v1/completions", {**TEXT, **COUNTED, "logprobs": 1}, TextCompletion),
        ("/v1/responses", ASKED, None),
        (f"/hf/models/{WRITER}/generate_stream", {"inputs": "abc", "parameters": {"details": True}}, None),
        (f"/v2/models/{WRITER}/generate_stream", {"text_input": "abc", "max_tokens": 6}, None),
    ],
)
def test_each_event_has_the_form_that_is_documented(writer, path, body, Chunk: Any):
    own = {} if path.endswith("generate_stream") else {"stream": True}
    reply = writer.post(path, json={**body, **own})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    schema = schema_of(writer, path, "text/event-stream")
    events = events_of(reply.text)
    assert len(events) > 2
    for event in events:
        jsonschema.validate(event, schema)
        assert Chunk is None or Chunk.model_validate(event).model_dump(exclude_unset=True) == event


def test_every_example_of_an_answer_has_the_form_that_it_is_an_example_of(writer):
    document = writer.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    names = ("ChatCompletion", "ChatCompletionChunk", "TextCompletion", "ResponseAnswer", "ResponseEvent")
    for name in names:
        jsonschema.validate(schemas[name]["example"], {**schemas[name], "components": document["components"]})


def test_each_route_that_writes_is_listed(writer):
    paths = writer.get("/openapi.json").json()["paths"]
    for place in ("/hf/models", "/v2/models"):
        assert {f"{place}/{WRITER}/generate", f"{place}/{WRITER}/generate_stream"} <= paths.keys()
