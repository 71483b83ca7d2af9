"""Translations over HTTP, sentence by sentence."""

import json

import pytest
from tiny_translator import TRANSLATOR, publish_translator
from tiny_writer import serving

PATH = f"/v1/models/{TRANSLATOR}/predict"
TEXTS = ["# Head\n\n- One. Two!\n", "Three."]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    publish_translator(models, tmp_path_factory.mktemp("scratch"))
    with serving(models) as client:
        yield client


@pytest.mark.parametrize("parameters", [{}, {"num_beams": 3, "length_penalty": 0.5}])
@pytest.mark.parametrize("way", ["stream", "accept"])
def test_events_joined_are_the_text_and_the_last_of_each_has_the_whole(client, way, parameters):
    body = {"inputs": [{"text": text} for text in TEXTS], "parameters": parameters}
    whole = client.post(PATH, json=body).json()["outputs"]
    headers = {"accept": "text/event-stream"} if way == "accept" else {}
    reply = client.post(PATH, json={**body, "stream": True} if way == "stream" else body, headers=headers)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-generated"] == f"{TRANSLATOR}@1"
    *events, done = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    pieces = [json.loads(event) for event in events]
    assert {(one["model"], one["version"]) for one in pieces} == {(TRANSLATOR, 1)}
    for item, expected in enumerate(whole):
        own = [one for one in pieces if one["item"] == item]
        assert "".join(one["text"] for one in own) == expected["translation_text"]
        assert [one["output"] for one in own] == [None] * (len(own) - 1) + [expected]


@pytest.mark.parametrize(
    ("parameters", "where"),
    [({"num_beams": 5}, "num_beams"), ({"num_beams": 0}, "num_beams"), ({"length_penalty": 2}, "length_penalty")],
)
def test_what_cannot_be_searched_is_refused_before_the_first_event(client, parameters, where):
    body = {"inputs": [{"text": "One."}], "parameters": parameters, "stream": True}
    reply = client.post(PATH, json=body)
    assert reply.status_code == 422, reply.text
    assert reply.json()["details"][0]["loc"] == ["parameters", where]


def test_the_document_tells_of_the_events(client):
    document = client.get("/openapi.json").json()
    answers = document["paths"][PATH]["post"]["responses"]["200"]["content"]
    assert "text/event-stream" in answers
    assert {"item", "text", "output"} <= document["components"]["schemas"]["TextTranslationEvent"]["properties"].keys()
