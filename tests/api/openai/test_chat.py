"""Chats as the clients of OpenAI ask and read them, over a decoder that writes noise."""

import json

import pytest
from tiny_writer import ALIAS, WRITER, writer

__all__ = ["writer"]

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Good morning"}]


def ask(client, **fields):
    reply = client.post(CHAT, json={"model": WRITER, "messages": MESSAGES, "max_tokens": 8, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def chunks(client, path=CHAT, **fields):
    """The data of each event; the last one is the end."""
    body = {"model": WRITER, "messages": MESSAGES, "max_tokens": 8, "stream": True, **fields}
    reply = client.post(path, json={name: value for name, value in body.items() if value is not None})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    *told, end, rest = reply.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    return [json.loads(one.removeprefix("data: ")) for one in told]


def text_of(told, index=0):
    choices = [choice for chunk in told for choice in chunk["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def test_an_answer_has_the_shape_that_clients_parse(writer):
    reply = writer.post(CHAT, json={"model": WRITER, "messages": MESSAGES, "max_tokens": 8})
    answer = reply.json()
    (choice,) = answer.pop("choices")
    assert choice.pop("message").keys() == {"role", "content", "refusal"}
    assert choice == {"index": 0, "logprobs": None, "finish_reason": "length", "stop_reason": None}
    usage = answer.pop("usage")
    assert usage["completion_tokens"] == 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + 8
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert answer.pop("id") == f"chatcmpl-{reply.headers['x-request-id']}"
    assert answer.pop("created") > 1_700_000_000
    assert answer.pop("system_fingerprint").startswith("fp_")
    assert answer == {"object": "chat.completion", "model": WRITER, "generated": True}
    assert reply.headers["x-generated"] == f"{WRITER}@1"
    assert reply.headers["x-model-version"] == "1"


def test_a_stream_begins_with_a_role_ends_with_a_reason_and_has_no_null_in_a_delta(writer):
    first, *between, last = chunks(writer)
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    for chunk in between:
        assert chunk["choices"][0]["delta"].keys() == {"content"}
        assert chunk["choices"][0]["finish_reason"] is None
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "length")
    assert len({(chunk["id"], chunk["created"], chunk["system_fingerprint"]) for chunk in (first, *between, last)}) == 1
    assert not any("usage" in chunk for chunk in (first, *between, last))


def test_a_stream_says_what_the_whole_answer_does(writer):
    whole = ask(writer)["choices"][0]["message"]["content"]
    assert text_of(chunks(writer)) == whole


def test_a_stream_may_not_be_kept_or_held_back_by_what_stands_between(writer):
    reply = writer.post(CHAT, json={"model": WRITER, "messages": MESSAGES, "max_tokens": 2, "stream": True},
                        headers={"Accept-Encoding": "gzip, deflate"})  # fmt: skip
    assert "content-encoding" not in reply.headers
    assert "content-length" not in reply.headers
    assert (reply.headers["cache-control"], reply.headers["x-accel-buffering"]) == ("no-cache", "no")
    assert reply.headers["x-generated"] == f"{WRITER}@1"


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": None}])
def test_usage_is_told_only_to_who_asks_for_it(writer, options):
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks(writer, stream_options=options))


def test_the_chunk_with_the_usage_has_choices_and_they_are_none(writer):
    *before, last = chunks(writer, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 8
    assert all("usage" not in chunk for chunk in before)


def test_usage_may_go_on_with_every_chunk(writer):
    told = chunks(writer, stream_options={"include_usage": True, "continuous_usage_stats": True})
    counts = [chunk["usage"]["completion_tokens"] for chunk in told]
    assert counts == sorted(counts)
    assert counts[-1] == 8


def test_each_of_several_answers_has_its_own_role_and_its_own_end(writer):
    told = chunks(writer, n=3, temperature=1.5, seed=7, stream_options={"include_usage": True})
    whole = ask(writer, n=3, temperature=1.5, seed=7)
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert whole["usage"]["completion_tokens"] == told[-1]["usage"]["completion_tokens"]
    assert whole["usage"]["prompt_tokens"] == ask(writer)["usage"]["prompt_tokens"]
    for index in range(3):
        choices = [choice for chunk in told for choice in chunk["choices"] if choice["index"] == index]
        assert choices[0]["delta"] == {"role": "assistant", "content": ""}
        assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
        assert choices[-1]["finish_reason"]
        assert text_of(told, index) == whole["choices"][index]["message"]["content"]
    assert len({choice["message"]["content"] for choice in whole["choices"]}) == 3
    # The next answer has the next seed.
    (alone,) = ask(writer, temperature=1.5, seed=8)["choices"]
    assert alone["message"]["content"] == whole["choices"][1]["message"]["content"]


def test_tokens_are_told_with_the_likeliest_and_with_their_bytes(writer):
    (choice,) = ask(writer, logprobs=True, top_logprobs=2)["choices"]
    content = choice["logprobs"]["content"]
    assert len(content) == 8
    for token in content:
        assert token.keys() == {"token", "logprob", "bytes", "top_logprobs"}
        assert token["logprob"] == token["top_logprobs"][0]["logprob"] > token["top_logprobs"][1]["logprob"]
    assert (
        bytes(byte for token in content for byte in token["bytes"]).decode(errors="replace")
        == (choice["message"]["content"])
    )
    told = [choice["logprobs"] for chunk in chunks(writer, logprobs=True) for choice in chunk["choices"]]
    tokens = [token for one in told if one for token in one["content"]]
    assert [token["bytes"] for token in tokens] == [token["bytes"] for token in content]
    assert all(token["top_logprobs"] == [] for token in tokens)


def test_an_answer_ends_before_a_stop_and_says_which(writer):
    whole = ask(writer, max_tokens=24)["choices"][0]["message"]["content"]
    stop = next(one for one in whole[4:] if one.isascii() and one.isprintable())
    for wanted in (stop, ["never there", stop]):
        (choice,) = ask(writer, max_tokens=24, stop=wanted)["choices"]
        assert choice["message"]["content"] == whole[: whole.index(stop)]
        assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop)
    told = chunks(writer, max_tokens=24, stop=stop)
    assert text_of(told) == whole[: whole.index(stop)]
    assert told[-1]["choices"][0]["stop_reason"] == stop


def test_more_tokens_than_there_is_room_for_are_as_many_as_there_is_room_for(writer):
    answer = ask(writer, max_tokens=5000, ignore_eos=True)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["total_tokens"] == 256


def test_without_a_number_of_tokens_the_manifest_says_it(writer):
    answer = ask(writer, max_tokens=None, max_completion_tokens=None, ignore_eos=True)
    assert answer["usage"]["completion_tokens"] == 24
    assert ask(writer, max_tokens=None, max_completion_tokens=3)["usage"]["completion_tokens"] == 3
    assert ask(writer, max_tokens=3, max_completion_tokens=3)["usage"]["completion_tokens"] == 3


def test_null_is_as_good_as_absent_everywhere(writer):
    nulls = ["temperature", "top_p", "n", "stop", "seed", "logprobs", "top_logprobs", "response_format", "tools"]
    nulls += ["tool_choice", "user", "stream", "functions", "stream_options", "logit_bias", "audio"]
    message = {**MESSAGES[0], "name": None, "tool_calls": None, "audio": None, "annotations": None}
    assert ask(writer, **dict.fromkeys(nulls), messages=[message])["choices"] == ask(writer)["choices"]


def test_what_has_no_effect_and_need_have_none_is_let_through(writer):
    fields = {"user": "u", "metadata": {"a": "b"}, "store": False, "service_tier": "auto", "parallel_tool_calls": False,
              "safety_identifier": "s", "prompt_cache_key": "k", "modalities": ["text"], "top_k": -1}  # fmt: skip
    assert ask(writer, **fields)["choices"] == ask(writer)["choices"]


def test_parts_of_text_are_one_text_and_a_developer_is_the_system(writer):
    parts = [{"type": "text", "text": "Good"}, {"type": "text", "text": "morning"}]
    joined = [{"role": "user", "content": "Good\nmorning"}]
    assert (
        ask(writer, messages=[{"role": "user", "content": parts}])["choices"]
        == (ask(writer, messages=joined)["choices"])
    )
    developer, system = ([{"role": role, "content": "Be brief."}, *MESSAGES] for role in ("developer", "system"))
    assert ask(writer, messages=developer)["choices"] == ask(writer, messages=system)["choices"]


def test_an_alias_is_a_name_too(writer):
    assert ask(writer, model=ALIAS)["choices"] == ask(writer)["choices"]
    assert ask(writer, model=ALIAS)["model"] == WRITER


@pytest.mark.parametrize(
    "fields",
    [
        {"repetition_penalty": 9.0},
        {"frequency_penalty": 2.0},
        {"presence_penalty": 2.0},
        {"temperature": 2.0, "seed": 5},
        {"logit_bias": {"67": 50}},
        {"continue_final_message": True},
        {"add_generation_prompt": False},
        {"stop_token_ids": [68]},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_parameter_has_an_effect(writer, fields):
    letters = {"structured_outputs": {"regex": "[a-d]{24}"}, "max_tokens": 24}  # of few, so that they come again
    answers = [ask(writer, **letters, **more)["choices"] for more in ({}, fields)]
    assert answers[0] != answers[1]


def test_an_answer_goes_on_as_long_as_it_has_to(writer):
    letters = {"structured_outputs": {"regex": "[a-d]{2,24}"}, "max_tokens": 24}
    (short,) = ask(writer, **letters)["choices"]
    (long,) = ask(writer, **letters, min_tokens=20)["choices"]
    assert len(short["message"]["content"]) < 20 <= len(long["message"]["content"])


@pytest.mark.parametrize("fields", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}, {"seed": 1, "temperature": 0}])
def test_who_leaves_one_token_to_choose_from_gets_the_likeliest(writer, fields):
    assert ask(writer, **{"temperature": 2.0, **fields})["choices"] == ask(writer)["choices"]


def test_a_schema_holds_and_so_do_a_pattern_and_a_choice(writer):
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    forms = (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}},
        {"response_format": {"type": "json_object", "value": schema}},
        {"structured_outputs": {"json": schema}},
        {"structured_outputs": {"json": json.dumps(schema)}},
    )
    for form in forms:
        (choice,) = ask(writer, max_tokens=100, **form)["choices"]
        assert json.loads(choice["message"]["content"])["a"] in (1, 2)
        assert choice["finish_reason"] == "stop"
    assert ask(writer, structured_outputs={"choice": ["yes", "no"]})["choices"][0]["message"]["content"] in (
        "yes",
        "no",
    )
    (choice,) = ask(writer, structured_outputs={"regex": "[ab]{3}"})["choices"]
    assert set(choice["message"]["content"]) <= {"a", "b"}
    assert len(choice["message"]["content"]) == 3


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"where": {"enum": ["here", "there"]}}, "required": ["where"],
    "additionalProperties": False,
}}}  # fmt: skip


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_call_of_a_tool_is_an_answer_whole_and_in_a_stream(writer, choice):
    (answer,) = ask(writer, tools=[TOOL], tool_choice=choice, max_tokens=100)["choices"]
    (call,) = answer["message"]["tool_calls"]
    assert answer["message"]["content"] is None
    assert answer["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"])["where"] in ("here", "there")
    told = chunks(writer, tools=[TOOL], tool_choice=choice, max_tokens=100)
    (delta,) = [chunk["choices"][0]["delta"] for chunk in told if "tool_calls" in chunk["choices"][0]["delta"]]
    assert delta["tool_calls"][0]["index"] == 0
    assert delta["tool_calls"][0]["function"] == call["function"]
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"
