"""A dialect of one's own is one function from what is given to a section of routes, and one line of a table."""

from functools import partial

import pytest
from conftest import ready
from starlette.responses import PlainTextResponse

import app.api.app
from app.api.app import SECTIONS, create_app
from app.api.ask import Question, ask, headers_of
from app.api.http.limits import OTHER_BODY_BYTES, Limits
from app.api.http.routes import DirectRoute, Section
from app.keys import KeyRing, add_key
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

LABEL = "/own/{model}/label"
PATH = "/own/tiny-sentiment/label"


def labelling(given):
    return Section("own", "A text in, its likeliest label out", (DirectRoute(
        "POST", LABEL, partial(ask, given, read), (404, 429, 503, 504), describe=describe, scope="predict"
    ),))  # fmt: skip


async def read(request, body, served, aside):
    parameters = TextClassificationParameters(top_k=1)
    return Question(served.contract.name, [TextInput(text=body.decode())], parameters, respond)


async def respond(prediction):
    return PlainTextResponse(prediction.outputs[0][0].label, headers=headers_of(prediction))


def describe(served):
    text = {"text/plain": {"schema": {"type": "string"}}}
    operation = {"requestBody": {"content": text}, "responses": {"200": {"description": "the label", "content": text}}}
    return {LABEL.format(model=served.manifest.name): operation}


@pytest.fixture
def client(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(app.api.app, "SECTIONS", (*SECTIONS, labelling))
    secret = add_key(tmp_path / "keys.json", "laptop", scopes=["predict", "metrics"])
    with ready(create_app(engine, Telemetry(), Limits(), keys=KeyRing(tmp_path / "keys.json"))) as client:
        assert client.post(PATH, content=b"good").status_code == 401
        client.headers["X-API-Key"] = secret
        yield client


def test_its_questions_are_answered_and_all_the_rest_comes_by_itself(client):
    reply = client.post(PATH, content=b"what a good film")
    assert (reply.status_code, reply.text) == (200, "positive")
    assert reply.headers["x-model-version"] == "1"
    assert client.post("/own/nobody/label", content=b"good").json()["error_type"] == "ModelNotFound"
    assert client.post(PATH, content=bytes(OTHER_BODY_BYTES + 1)).status_code == 413
    assert client.get(PATH).headers["allow"] == "POST"
    assert f'route="{LABEL}"' in client.get("/metrics").text


def test_it_stands_in_the_document_as_it_describes_itself(client):
    document = client.get("/openapi.json").json()
    assert document["tags"][-1]["name"] == "own"
    operation = document["paths"][PATH]["post"]
    assert operation["tags"] == ["own"]
    assert operation["responses"].keys() == {"200", "401", "403", "404", "429", "503", "504"}
