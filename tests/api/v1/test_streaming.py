"""Outputs piece by piece in the native dialect."""

import json

import jsonschema
import pytest
from events import data_of
from tiny_writer import WRITER, writer

__all__ = ["writer"]

PREDICT = f"/v1/models/{WRITER}/predict"
OTHER = "/v1/models/tiny-sentiment/predict"
EVENTS = {"Accept": "text/event-stream"}


def events(reply):
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    *told, end, rest = reply.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    return [json.loads(one.removeprefix("data: ")) for one in told]


@pytest.mark.parametrize(("root", "headers"), [({"stream": True}, {}), ({}, EVENTS)], ids=["body", "accept"])
def test_pieces_are_those_of_the_whole_answer(writer, root, headers):
    asked = {"inputs": ["abc", "def"], "parameters": {"max_new_tokens": 12}}
    whole = writer.post(PREDICT, json=asked).json()["outputs"]
    reply = writer.post(PREDICT, json={**asked, **root}, headers=headers)
    pieces = events(reply)
    assert {(piece["model"], piece["version"]) for piece in pieces} == {(WRITER, 1)}
    for item in (0, 1):
        own = [piece for piece in pieces if piece["item"] == item]
        assert "".join(piece["text"] for piece in own) == whole[item]["generated_text"]
        assert [piece["finish_reason"] for piece in own[:-1]] == [None] * (len(own) - 1)
        assert own[-1]["finish_reason"] == "length"
    assert (reply.headers["x-model-version"], reply.headers["x-generated"]) == ("1", f"{WRITER}@1")


def test_an_event_is_as_it_is_documented(writer):
    document = writer.get("/openapi.json").json()
    answers = document["paths"][PREDICT]["post"]["responses"]["200"]["content"]
    schema = {**data_of(answers["text/event-stream"]), "components": document["components"]}
    asked = {"inputs": ["a"], "parameters": {"top_logprobs": 1, "max_new_tokens": 4}, "stream": True}
    for piece in events(writer.post(PREDICT, json=asked)):
        jsonschema.validate(piece, schema)
    request = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "stream" in document["components"]["schemas"][request["$ref"].rsplit("/", 1)[1]]["properties"]


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "*/*"])
def test_who_would_rather_have_json_gets_it(writer, accept):
    reply = writer.post(PREDICT, json={"inputs": ["a"]}, headers={"Accept": accept})
    assert reply.json()["outputs"][0]["generated"] is True


def test_an_error_before_the_first_piece_has_its_own_status(writer):
    reply = writer.post(PREDICT, json={"inputs": ["x" * 1000], "stream": True})
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "text"]


@pytest.mark.parametrize(("root", "headers"), [({"stream": True}, {}), ({}, EVENTS)], ids=["body", "accept"])
def test_an_answer_without_pieces_is_not_streamed(writer, root, headers):
    reply = writer.post(OTHER, json={"inputs": ["good"], **root}, headers=headers)
    assert reply.status_code == 422
    assert "an answer of text-classification comes as a whole" in reply.json()["error"]


def test_who_also_takes_json_gets_it_of_a_model_without_pieces(writer):
    accept = {"Accept": "text/event-stream, application/json"}
    assert writer.post(OTHER, json={"inputs": ["good"]}, headers=accept).status_code == 200
