# ruff: noqa: E501  (a table reads better in one line a case)
"""Requests that are refused: each says what is wrong, and where in what was sent."""

import pytest
from tiny_writer import WRITER, writer

__all__ = ["writer"]

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
USER = {"role": "user", "content": "hi"}
IMAGE = {
    "role": "user",
    "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:x"}}],
}
TOOL = {"type": "function", "function": {"name": "weather"}}

REFUSALS = [
    pytest.param(CHAT, {"x": 1}, "x", "Unrecognized request argument supplied: x", id="unknown"),
    pytest.param(CHAT, {"x": 1, "y": 2}, "x", "Unrecognized request arguments supplied: x, y", id="several unknown"),
    pytest.param(CHAT, {"model": None}, "model", "Field required", id="no model"),
    pytest.param(CHAT, {"model": 7}, "model", "valid string", id="model is a number"),
    pytest.param(CHAT, {"messages": None}, "messages", "Field required", id="no messages"),
    pytest.param(CHAT, {"messages": []}, "messages", "at least 1", id="empty messages"),
    pytest.param(CHAT, {"messages": "hi"}, "messages", "valid array", id="messages are a text"),
    pytest.param(CHAT, {"messages": ["hi"]}, "messages.0", "must be an object", id="message is a text"),
    pytest.param(CHAT, {"messages": [{"role": "king", "content": "hi"}]}, "messages.0.role", "'system'", id="role"),
    pytest.param(CHAT, {"messages": [{"role": "user"}]}, "messages.0.content", "is missing", id="no content"),
    pytest.param(CHAT, {"messages": [{"role": "user", "content": 7}]}, "messages.0.content", "a text, or a list of parts", id="content is a number"),
    pytest.param(CHAT, {"messages": [IMAGE]}, "messages.0.content.1.type", "the model reads text, and no 'image_url'", id="image"),
    pytest.param(CHAT, {"messages": [{**USER, "content": "hi" * 200}]}, "messages", "This model's maximum context length is 256 tokens", id="too long"),
    pytest.param(CHAT, {"temperature": 2.5}, "temperature", "less than or equal to 2", id="temperature"),
    pytest.param(CHAT, {"top_p": 0}, "top_p", "greater than 0", id="top_p"),
    pytest.param(CHAT, {"max_tokens": 0}, "max_tokens", "greater than or equal to 1", id="max_tokens"),
    pytest.param(CHAT, {"max_completion_tokens": 0}, "max_completion_tokens", "greater than or equal to 1", id="max_completion_tokens"),
    pytest.param(CHAT, {"max_tokens": 2, "max_completion_tokens": 3}, "max_completion_tokens", "means the same", id="two numbers of tokens"),
    pytest.param(CHAT, {"min_tokens": 3, "max_tokens": 2}, "min_tokens", "more than the most", id="min_tokens"),
    pytest.param(CHAT, {"n": 9}, "n", "less than or equal to 8", id="n"),
    pytest.param(CHAT, {"stop": ["a"] * 17}, "stop", "at most 16", id="stops"),
    pytest.param(CHAT, {"stop": [""]}, "stop.0", "at least 1", id="empty stop"),
    pytest.param(CHAT, {"logit_bias": {"a": 1}}, "logit_bias.a", "valid integer", id="bias of a word"),
    pytest.param(CHAT, {"logit_bias": {"5000": 1}}, "logit_bias", "there is no token 5000", id="bias of an unknown token"),
    pytest.param(CHAT, {"logit_bias": {"5": 101}}, "logit_bias.5", "less than or equal to 100", id="large bias"),
    pytest.param(CHAT, {"top_logprobs": 2}, "top_logprobs", "no effect without logprobs", id="top_logprobs alone"),
    pytest.param(CHAT, {"logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than or equal to 20", id="top_logprobs"),
    pytest.param(CHAT, {"stream_options": {"include_usage": True}}, "stream_options", "no effect without stream", id="options without stream"),
    pytest.param(CHAT, {"stream": True, "stream_options": {"usage": True}}, "stream_options.usage", "Extra inputs", id="unknown option"),
    pytest.param(CHAT, {"response_format": {"type": "xml"}}, "response_format.type", "none of: text, json_object, json_schema", id="format"),
    pytest.param(CHAT, {"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema", "must have a schema", id="no schema"),
    pytest.param(CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "thing"}}}}, "response_format", "thing", id="impossible schema"),
    pytest.param(CHAT, {"structured_outputs": {"regex": "("}}, "response_format", "", id="pattern that is none"),
    pytest.param(CHAT, {"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs", "one of json, regex and choice", id="two structures"),
    pytest.param(CHAT, {"tools": [TOOL]}, "tool_choice", "say which with tool_choice", id="choice of tools left to the model"),
    pytest.param(CHAT, {"tools": [TOOL], "tool_choice": "auto"}, "tool_choice", "say which with tool_choice", id="auto"),
    pytest.param(CHAT, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice.function.name", "no tool 'x'", id="unknown tool"),
    pytest.param(CHAT, {"tools": [TOOL], "tool_choice": "required", "response_format": {"type": "json_object"}}, "response_format", "must be a call", id="tool and format"),
    pytest.param(CHAT, {"tools": [TOOL], "tool_choice": 7}, "tool_choice", "must be", id="choice is a number"),
    pytest.param(CHAT, {"audio": {"voice": "x"}}, "audio", "is not supported: the model writes text", id="audio"),
    pytest.param(CHAT, {"modalities": ["text", "audio"]}, "modalities", "is not supported", id="modalities"),
    pytest.param(CHAT, {"functions": [{"name": "x"}]}, "functions", "send them as tools", id="functions"),
    pytest.param(CHAT, {"store": True}, "store", "no answer is kept", id="store"),
    pytest.param(CHAT, {"reasoning_effort": "low"}, "reasoning_effort", "does not reason", id="reasoning_effort"),
    pytest.param(CHAT, {"service_tier": "flex"}, "service_tier", "'auto' or 'default'", id="service_tier"),
    pytest.param(CHAT, {"best_of": 2}, "best_of", "send n", id="best_of"),
    pytest.param(COMPLETIONS, {"prompt": None}, "prompt", "Field required", id="no prompt"),
    pytest.param(COMPLETIONS, {"prompt": ""}, "prompt", "is empty", id="empty prompt"),
    pytest.param(COMPLETIONS, {"prompt": []}, "prompt", "is empty", id="no prompts"),
    pytest.param(COMPLETIONS, {"prompt": 7}, "prompt", "must be a text, a list of texts", id="prompt is a number"),
    pytest.param(COMPLETIONS, {"prompt": ["a", 7]}, "prompt", "must be a text, a list of texts", id="mixed prompts"),
    pytest.param(COMPLETIONS, {"prompt": [["a"]]}, "prompt", "", id="lists of texts"),
    pytest.param(COMPLETIONS, {"prompt": [5000]}, "prompt", "there is no token 5000", id="unknown token"),
    pytest.param(COMPLETIONS, {"prompt": ["a"] * 9, "n": 2}, "prompt", "a request may have 16", id="too many answers"),
    pytest.param(COMPLETIONS, {"echo": True}, "echo", "does not repeat its prompt", id="echo"),
    pytest.param(COMPLETIONS, {"suffix": "end"}, "suffix", "does not fill gaps", id="suffix"),
    pytest.param(COMPLETIONS, {"logprobs": 21}, "logprobs", "less than or equal to 20", id="logprobs"),
    pytest.param(COMPLETIONS, {"messages": [USER]}, "messages", "Unrecognized", id="messages for a completion"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "fields", "param", "says"), REFUSALS)
def test_a_refusal_has_its_status_and_says_what_and_where(writer, path, fields, param, says, stream):
    prompt = {"messages": [USER]} if path == CHAT else {"prompt": "hi"}
    body = {
        "model": WRITER,
        **prompt,
        **({"stream": True} if stream and "stream_options" not in fields else {}),
        **fields,
    }
    reply = writer.post(path, json=body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] == param
    assert says in error["message"]
    assert error["type"] == "invalid_request_error"
    assert error["request_id"] == reply.headers["x-request-id"]
    assert (error["code"] == "context_length_exceeded") == ("maximum context length is" in error["message"])


@pytest.mark.parametrize("path", ["chat/completions", "completions", "embeddings", "responses"])
@pytest.mark.parametrize("name", ["inputs", "parameters"])
def test_an_argument_called_as_our_own_parts_are_is_unknown_by_its_name(writer, path, name):
    reply = writer.post(f"/v1/{path}", json={"model": "tiny-writer", name: "x"})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == name
