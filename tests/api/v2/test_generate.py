"""The generate extension: text in, text out."""

import json

import pytest
from tiny_writer import WRITER, writer

__all__ = ["writer"]

MODEL = f"/v2/models/{WRITER}"


def ask(client, path=f"{MODEL}/generate", **body):
    reply = client.post(path, json={"text_input": "abc", **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


def events(client, **body):
    reply = client.post(f"{MODEL}/generate_stream", json={"text_input": "abc", **body})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return [json.loads(one.removeprefix("data: ")) for one in reply.text.split("\n\n")[:-1]]


def test_an_answer_has_the_names_of_the_extension(writer):
    known = writer.post(f"/v1/models/{WRITER}/predict", json={"inputs": ["abc"]}).json()["outputs"][0]
    answer = {"model_name": WRITER, "model_version": "1", "text_output": known["generated_text"]}
    assert ask(writer) == ask(writer, f"{MODEL}/versions/1/generate") == answer


def test_parameters_may_stand_beside_the_text_or_in_their_own_place(writer):
    eight = ask(writer, parameters={"max_new_tokens": 8})
    assert eight == ask(writer, max_new_tokens=8) == ask(writer, max_tokens=8, temperature=0, stream=False)
    assert ask(writer, parameters={"max_tokens": 8}, seed=None) == eight
    stopped = ask(writer, max_tokens=8, stop=eight["text_output"][0])
    assert stopped["text_output"] == ""


def test_a_stream_is_made_of_the_same_objects_with_what_is_new(writer):
    told = events(writer, max_tokens=12, stream=True)
    assert len(told) > 1
    assert all((one["model_name"], one["model_version"]) == (WRITER, "1") for one in told)
    assert "".join(one["text_output"] for one in told) == ask(writer, max_tokens=12)["text_output"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "text_input"),
        ({"text_input": "a", "bogus": 1}, "bogus"),
        ({"text_input": "a", "parameters": {"temperature": -1}}, "temperature"),
        ({"text_input": "a", "parameters": {"seed": 1}, "seed": 2}, "seed: given in parameters and beside them"),
        ({"text_input": "a", "stream": True}, "generate_stream in pieces"),
        ({"text_input": "x" * 1000}, "maximum context length"),
        ("text", "should be an object"),
    ],
)
def test_what_is_wrong_is_told_as_the_protocol_tells_it(writer, body, said):
    reply = writer.post(f"{MODEL}/generate", json=body)
    assert reply.status_code == 400
    assert said in reply.json()["error"] or said in reply.text


def test_a_model_that_takes_a_text_says_so_and_refuses_tensors(writer):
    metadata = writer.get(MODEL).json()
    assert metadata["inputs"] == [{"name": "text_input", "datatype": "BYTES", "shape": [1]}]
    assert metadata["outputs"] == [{"name": "text_output", "datatype": "BYTES", "shape": [1]}]
    config = writer.get(f"{MODEL}/config").json()
    assert config["max_batch_size"] == 0
    assert config["model_transaction_policy"] == {"decoupled": True}
    assert "generate" in writer.get("/v2").json()["extensions"]
    reply = writer.post(f"{MODEL}/infer", json={"inputs": []})
    assert reply.status_code == 400
    assert f"POST {MODEL}/generate" in reply.json()["error"]


def test_a_model_that_takes_tensors_is_not_asked_for_text(writer):
    for verb in ("generate", "generate_stream"):
        reply = writer.post(f"/v2/models/tiny-sentiment/{verb}", json={"text_input": "good"})
        assert reply.status_code == 400
        assert "POST /v2/models/tiny-sentiment/infer" in reply.json()["error"]


def test_both_routes_are_documented_where_there_is_a_model_for_them(writer):
    paths = writer.get("/openapi.json").json()["paths"]
    assert f"{MODEL}/generate" in paths
    assert f"{MODEL}/infer" not in paths
    assert "/v2/models/tiny-sentiment/generate" not in paths
