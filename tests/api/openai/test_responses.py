"""Chats in the newer form of OpenAI: one answer, of which nothing is kept."""

import json

import pytest
from tiny_writer import WRITER, writer

__all__ = ["writer"]

PATH, CHAT = "/v1/responses", "/v1/chat/completions"


def ask(client, **fields):
    reply = client.post(PATH, json={"model": WRITER, "input": "hi", "max_output_tokens": 8, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def text_of(response):
    (message,) = response["output"]
    (part,) = message["content"]
    return part["text"]


def events(client, **fields):
    body = {"model": WRITER, "input": "hi", "max_output_tokens": 8, "stream": True, **fields}
    reply = client.post(PATH, json=body)
    assert reply.status_code == 200, reply.text
    *told, rest = reply.text.split("\n\n")
    assert rest == ""
    named = [one.split("\n", 1) for one in told]
    found = [json.loads(data.removeprefix("data: ")) for _, data in named]
    assert [name for name, _ in named] == [f"event: {one['type']}" for one in found]
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    return found


def test_an_answer_is_one_message_with_one_text(writer):
    answer = ask(writer)
    chat = writer.post(CHAT, json={"model": WRITER, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8})
    assert text_of(answer) == chat.json()["choices"][0]["message"]["content"]
    assert (answer["object"], answer["status"]) == ("response", "incomplete")
    assert answer["incomplete_details"] == {"reason": "max_output_tokens"}
    assert answer["generated"] is True
    usage = chat.json()["usage"]
    assert answer["usage"] == {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }


def test_messages_instructions_and_answers_before_are_a_chat(writer):
    before = ask(writer)["output"][0]
    asked = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        before,
        {"role": "user", "content": "go on"},
    ]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": before["content"][0]["text"]},
        {"role": "user", "content": "go on"},
    ]
    chat = writer.post(CHAT, json={"model": WRITER, "messages": messages, "max_tokens": 8}).json()
    assert text_of(ask(writer, input=asked, instructions="Be brief.")) == chat["choices"][0]["message"]["content"]


def test_a_schema_holds_and_the_answer_is_complete(writer):
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    form = {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": schema}}
    answer = ask(writer, text=form, max_output_tokens=100)
    assert json.loads(text_of(answer))["a"] in (1, 2)
    assert (answer["status"], answer["incomplete_details"]) == ("completed", None)
    assert events(writer, text=form, max_output_tokens=100)[-1]["type"] == "response.completed"


def test_a_stream_tells_each_step_and_ends_with_the_whole_answer(writer):
    told = events(writer)
    names = [one["type"].removeprefix("response.") for one in told]
    assert names[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(names[4:-4]) == {"output_text.delta"}
    assert names[-4:] == ["output_text.done", "content_part.done", "output_item.done", "incomplete"]
    text = "".join(one["delta"] for one in told if "delta" in one)
    whole = ask(writer)
    assert text == text_of(whole) == told[-4]["text"] == told[-3]["part"]["text"] == text_of(told[-1]["response"])
    assert told[-1]["response"]["usage"]["output_tokens"] == 8
    assert told[-1]["response"].keys() == whole.keys()


REFUSALS = [
    ({"previous_response_id": "resp_1"}, "previous_response_id", "no answer is kept"),
    ({"conversation": "c"}, "conversation", "no answer is kept"),
    ({"store": True}, "store", "no answer is kept"),
    ({"background": True}, "background", "whoever waits"),
    ({"tools": [{"type": "web_search"}]}, "tools", "/chat/completions"),
    ({"reasoning": {"effort": "low"}}, "reasoning", "does not reason"),
    ({"truncation": "auto"}, "truncation", "never cut"),
    ({"messages": []}, "messages", "Unrecognized request argument supplied: messages"),
    ({"input": None}, "input", "Field required"),
    ({"input": []}, "input", "a text, or a list of messages"),
    ({"input": 7}, "input", "a text, or a list of messages"),
    ({"input": [{"type": "function_call_output"}]}, "input.0.type", "'function_call_output'"),
    ({"input": [{"role": "user"}]}, "input.0.content", "a text, or a list of parts"),
    ({"input": [{"role": "king", "content": "hi"}]}, "input.0.role", "'system'"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0.type", "'input_image'"),
    ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input.0.content.0.text", "must be a text"),
    ({"input": "hi" * 200}, "input", "maximum context length is 256"),
    ({"max_output_tokens": 0}, "max_output_tokens", "greater than or equal to 1"),
    ({"temperature": 3}, "temperature", "less than or equal to 2"),
    ({"text": {"verbosity": "low"}}, "text.verbosity", "no effect"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type", "none of"),
    ({"text": {"format": {"type": "json_schema", "schema": {"type": "thing"}}}}, "text.format", "thing"),
    ({"text": {"format": {"type": "text", "a": 1}}}, "text.format.a", "no effect"),
    ({"text": {"format": {"type": "json_schema", "schema": {}, "a": 1}}}, "text.format.a", "no effect"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema", "must have a schema"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fields", "param", "says"), REFUSALS)
def test_what_cannot_be_had_is_refused_by_its_name(writer, fields, param, says, stream):
    reply = writer.post(PATH, json={"model": WRITER, "input": "hi", "stream": stream, **fields})
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] == param
    assert says in error["message"]


def test_what_changes_nothing_is_let_through(writer):
    fields = {"store": False, "truncation": "disabled", "tools": [], "tool_choice": "auto", "include": [], "user": "u",
              "metadata": {"a": "b"}, "background": False, "reasoning": None, "previous_response_id": None}  # fmt: skip
    assert text_of(ask(writer, **fields)) == text_of(ask(writer))


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("form", ['"type":"text","a":-1e400', '"type":"json_schema","schema":{"maximum":1e400}'])
def test_a_number_that_no_float_holds_is_not_told_back(writer, form, stream):
    body = f'{{"model":"{WRITER}","input":"hi","stream":{stream},"text":{{"format":{{{form}}}}}}}'
    reply = writer.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"].startswith("text.format")
