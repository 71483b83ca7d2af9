"""Text generation as text-generation-inference has it: whole, token by token, refused."""

import json

import pytest
from tiny_writer import WRITER, writer

__all__ = ["writer"]

MODEL = f"/hf/models/{WRITER}"
TEN = {"max_new_tokens": 10}


def ask(client, path=MODEL, inputs="abc", **parameters):
    reply = client.post(path, json={"inputs": inputs, "parameters": {**TEN, **parameters}})
    assert reply.status_code == 200, reply.text
    return reply.json()


def lines(client, path=f"{MODEL}/generate_stream", stream=None, **parameters):
    body = {"inputs": "abc", "parameters": {**TEN, **parameters}, **({} if stream is None else {"stream": stream})}
    reply = client.post(path, json=body)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return [json.loads(one.removeprefix("data: ")) for one in reply.text.split("\n\n")[:-1]]


def native(client, **parameters):
    reply = client.post(
        f"/v1/models/{WRITER}/predict", json={"inputs": ["abc"], "parameters": {**TEN, "temperature": 0, **parameters}}
    )
    return reply.json()["outputs"][0]


def test_the_root_answers_with_a_list_and_generate_without(writer):
    text = native(writer)["generated_text"]
    assert ask(writer) == [{"generated_text": text, "generated": True}]
    assert ask(writer, f"{MODEL}/generate") == {"generated_text": text, "generated": True}
    assert [one["generated_text"] for one in ask(writer, inputs=["abc", "abc"])] == [text, text]


def test_without_a_word_on_sampling_the_likeliest_tokens_come_and_a_hundred_of_them(writer):
    reply = writer.post(MODEL, json={"inputs": "abc", "parameters": {"details": True}}).json()[0]
    known = native(writer, max_new_tokens=100)
    assert reply["generated_text"] == known["generated_text"]
    assert reply["details"]["generated_tokens"] == known["generated_tokens"]


@pytest.mark.parametrize("parameters", [{"do_sample": True}, {"temperature": 1.0}, {"top_k": 0}, {"top_p": 1.0}])
def test_one_word_on_sampling_and_tokens_are_drawn_at_a_temperature_of_one(writer, parameters):
    drawn = ask(writer, seed=4, max_new_tokens=30, **parameters)[0]["generated_text"]
    assert drawn == native(writer, seed=4, max_new_tokens=30, temperature=1)["generated_text"]
    assert drawn != native(writer, max_new_tokens=30)["generated_text"]


def test_details_tell_each_token_and_the_likeliest_in_its_place(writer):
    details = ask(writer, details=True, top_n_tokens=2, seed=3)[0]["details"]
    assert (details["finish_reason"], details["generated_tokens"], details["seed"]) == ("length", 10, 3)
    assert (details["input_length"], details["prefill"], details["best_of_sequences"]) == (3, [], None)
    assert len(details["tokens"]) == len(details["top_tokens"]) == 10
    for token, top in zip(details["tokens"], details["top_tokens"], strict=True):
        assert token.keys() == {"id", "text", "logprob", "special"}
        assert top[0]["id"] == token["id"]
        assert len(top) == 2
    assert "details" not in ask(writer)[0]


def test_the_text_itself_may_stand_before_what_is_written(writer):
    plain = ask(writer)[0]["generated_text"]
    assert ask(writer, return_full_text=True)[0]["generated_text"] == f"abc{plain}"
    assert lines(writer, return_full_text=True)[-1]["generated_text"] == f"abc{plain}"


def test_a_text_may_be_cut_to_its_end(writer):
    known = ask(writer, inputs="yz")
    assert ask(writer, inputs="x" * 1000 + "yz", truncate=2) == known


@pytest.mark.parametrize(
    ("path", "stream"), [(f"{MODEL}/generate_stream", None), (MODEL, True), (f"{MODEL}/generate", True)]
)
def test_a_stream_has_a_line_for_each_token_and_the_whole_text_in_the_last(writer, path, stream):
    told = lines(writer, path, stream, details=True, top_n_tokens=1)
    whole = ask(writer, details=True)[0]
    assert [line["index"] for line in told] == list(range(1, 11))
    assert [line["token"]["id"] for line in told] == [token["id"] for token in whole["details"]["tokens"]]
    assert "".join(line["token"]["text"] for line in told) == whole["generated_text"]
    assert all(line["generated_text"] is None and line["details"] is None for line in told[:-1])
    assert all(len(line["top_tokens"]) == 1 for line in told)
    last = told[-1]
    assert last["generated_text"] == whole["generated_text"]
    assert last["details"]["finish_reason"] == "length"
    assert lines(writer, path, stream)[-1]["details"] is None


def test_an_end_is_a_token_without_text(writer):
    schema = {"type": "regex", "value": "[a-c]{3}"}  # after which only the end may come
    told = lines(writer, grammar=schema, details=True)
    assert (told[-1]["token"]["text"], told[-1]["token"]["special"]) == ("", True)
    assert told[-1]["details"]["finish_reason"] == "eos_token"
    assert len(told[-1]["generated_text"]) == 3


def test_an_answer_ends_with_the_text_that_stopped_it_which_is_part_of_it(writer):
    text = ask(writer)[0]["generated_text"]
    stop = text[2:4]
    known = text[: text.index(stop) + 2]
    stopped = ask(writer, stop=[stop], details=True)[0]
    assert stopped["details"]["finish_reason"] == "stop_sequence"
    assert stopped["generated_text"] == known
    told = lines(writer, stop=[stop], details=True)
    assert "".join(line["token"]["text"] for line in told) == told[-1]["generated_text"] == known
    assert told[-1]["details"]["finish_reason"] == "stop_sequence"


def mean(sequence):
    return sum(token["logprob"] for token in sequence["tokens"]) / len(sequence["tokens"])


def test_of_several_answers_the_likeliest_is_returned_and_each_says_its_seed(writer):
    best = ask(writer, best_of=3, temperature=1.5, details=True)[0]
    others = best["details"]["best_of_sequences"]
    assert len(others) == 2
    assert mean(best["details"]) >= max(map(mean, others))
    sequences = [{**best["details"], "generated_text": best["generated_text"]}, *others]
    assert len({one["seed"] for one in sequences}) == 3
    for one in sequences:
        assert ask(writer, temperature=1.5, seed=one["seed"])[0]["generated_text"] == one["generated_text"]
    texts = [one["generated_text"] for one in ask(writer, inputs=["abc", "xyz"], best_of=2, do_sample=True)]
    assert len(texts) == 2


def test_several_answers_have_the_bounds_of_a_request_and_are_not_streamed(writer):
    body = {"inputs": ["abc"] * 3, "parameters": {"best_of": 8, "do_sample": True}}
    assert writer.post(MODEL, json=body).status_code == 413
    reply = writer.post(f"{MODEL}/generate_stream", json={**body, "inputs": "abc"})
    assert reply.status_code == 422
    assert "best_of" in reply.json()["error"]


def test_without_a_drawn_token_there_is_no_seed_to_tell(writer):
    assert ask(writer, details=True)[0]["details"]["seed"] is None
    assert lines(writer, details=True)[-1]["details"]["seed"] is None
    drawn = lines(writer, details=True, do_sample=True)[-1]
    again = ask(writer, do_sample=True, seed=drawn["details"]["seed"])[0]
    assert again["generated_text"] == drawn["generated_text"]


def test_json_is_of_the_schema_that_was_asked_for(writer):
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"], "additionalProperties": False}
    for kind, value in (("json", schema), ("json_schema", {"name": "one", "schema": schema})):
        text = ask(writer, grammar={"type": kind, "value": value}, max_new_tokens=40)[0]["generated_text"]
        assert json.loads(text) == {"a": 1}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"best_of": 2}, "best_of"),  # of what is not drawn
        ({"best_of": 2, "do_sample": True, "seed": 1}, "best_of"),
        ({"best_of": 9, "do_sample": True}, "best_of"),
        ({"typical_p": 0.5}, "typical_p"),
        ({"watermark": True}, "watermark"),
        ({"adapter_id": "a"}, "adapter_id"),
        ({"decoder_input_details": True}, "decoder_input_details"),
        ({"grammar": {"type": "regex", "value": "("}}, "grammar"),
        ({"min_tokens": 3}, "min_tokens"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name_as_tgi_would(writer, parameters, name):
    reply = writer.post(MODEL, json={"inputs": "abc", "parameters": parameters})
    assert reply.status_code == 422
    assert reply.json()["error_type"] == "validation"
    assert name in reply.json()["error"]
    assert reply.headers.get("x-error-message", reply.json()["error"]) == reply.json()["error"]


def test_what_changes_nothing_may_be_sent(writer):
    harmless = {"best_of": 1, "typical_p": None, "watermark": False, "decoder_input_details": False, "adapter_id": None}
    assert ask(writer, **harmless) == ask(writer)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (f"{MODEL}/generate", {"inputs": ["a", "b"]}, "must be one text"),
        (MODEL, {"inputs": ["a"], "stream": True}, "must be one text"),
        (MODEL, {"inputs": 5}, "must be a text"),
        (MODEL, {"inputs": "a", "stream": "yes"}, "must be true or false"),
        (MODEL, {"inputs": "x" * 1000}, "maximum context length is"),
        (f"{MODEL}/generate_stream", {"inputs": "x" * 1000}, "context_length_exceeded"),
    ],
)
def test_bad_inputs_have_their_own_status_and_say_what_is_wrong(writer, path, body, said):
    reply = writer.post(path, json=body)
    assert reply.status_code == 422
    assert said in reply.json()["error"]


def test_a_model_that_writes_nothing_is_not_asked_to(writer):
    for path in ("generate", "generate_stream", "v1/chat/completions"):
        reply = writer.post(f"/hf/models/tiny-sentiment/{path}", json={"inputs": "good", "messages": []})
        assert reply.status_code == 404, path
        assert "text-classification" in reply.json()["error"]
    reply = writer.post("/hf/models/tiny-sentiment", json={"inputs": "good", "stream": True})
    assert reply.status_code == 422
    assert "stream" in reply.json()["error"]


def test_a_chat_is_answered_by_the_model_in_the_path_whatever_its_body_names(writer):
    messages = [{"role": "user", "content": "Good morning"}]
    known = writer.post("/v1/chat/completions", json={"model": WRITER, "messages": messages, "max_tokens": 5}).json()
    for name in ({"model": "dummy"}, {}):
        reply = writer.post(
            f"{MODEL}/v1/chat/completions", json={**name, "messages": messages, "max_tokens": 5, "top_p": None}
        )
        assert reply.json()["choices"] == known["choices"]
        assert reply.json()["model"] == WRITER


def test_a_chat_that_is_refused_has_the_errors_of_this_dialect(writer):
    reply = writer.post(f"{MODEL}/v1/chat/completions", json={"messages": [], "max_tokens": 5})
    assert reply.status_code == 422
    assert isinstance(reply.json()["error"], str)
    assert reply.json()["error_type"] == "validation"
    assert reply.headers["x-error-message"] == reply.json()["error"]


def test_a_chat_is_streamed_in_the_form_that_tgi_and_its_client_have(writer):
    body = {"messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 5, "stream": True}
    events = writer.post(f"{MODEL}/v1/chat/completions", json=body).text.split("\n\n")[:-1]
    deltas = [json.loads(one.removeprefix("data: "))["choices"][0]["delta"] for one in events]
    assert all(delta["role"] == "assistant" and delta["tool_calls"] is None for delta in deltas)
    whole = writer.post(f"{MODEL}/v1/chat/completions", json={**body, "stream": False}).json()
    assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]


def test_no_model_ranks_texts(writer):
    reply = writer.post(f"{MODEL}/rerank", json={"query": "a", "texts": ["b"]})
    assert reply.status_code == 422
    assert "cross-encoder" in reply.json()["error"]
