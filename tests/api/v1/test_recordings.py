"""Recordings over the native dialect: the forms in which they come, and what is refused at once."""

from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from tiny_speech import MULTILINGUAL, RECOGNIZER, file_of, publish_recognizer, silence, tone
from tiny_writer import serving

POLYGLOT = "tiny-polyglot"
PATH = f"/v1/models/{RECOGNIZER}/predict"
FILE = file_of(tone(1.5), "FLAC")
TEXT = b64encode(FILE).decode()
LONG = file_of(silence(21), "FLAC")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_recognizer(models, scratch, max_seconds=20)
    publish_recognizer(models, scratch, POLYGLOT, **MULTILINGUAL, aliases=[])
    with serving(models) as client:
        yield client


def test_a_recording_is_the_same_however_it_comes(client):
    raw = client.post(PATH, content=FILE, headers={"content-type": "audio/flac"}, params={"return_timestamps": True})
    assert raw.status_code == 200, raw.text
    assert raw.headers["x-generated"] == f"{RECOGNIZER}@1"
    parameters = {"return_timestamps": True}
    others = [
        client.post(PATH, json={"inputs": [TEXT], "parameters": parameters}),
        client.post(PATH, json={"inputs": [{"audio": f"data:audio/flac;base64,{TEXT}"}], "parameters": parameters}),
        client.post(PATH, files={"file": ("a.flac", FILE)}, data={"return_timestamps": "true"}),
        client.post(PATH, files={"audio": (None, FILE)}, data={"parameters": '{"return_timestamps": true}'}),
    ]
    assert [one.json() for one in others] == [raw.json()] * 4


def test_several_recordings_are_answered_in_their_order(client):
    files = [("file", file_of(tone(1, hz=hz), "OGG", "OPUS")) for hz in (300, 500, 900)]
    together = client.post(PATH, files=files).json()["outputs"]
    apart = [client.post(PATH, files=[one]).json()["outputs"][0] for one in files]
    assert together == apart


def test_windows_of_a_long_recording_are_put_together(client):
    samples = np.concatenate([tone(12), silence(3), tone(15), silence(8)])
    reply = client.post(
        f"/v1/models/{POLYGLOT}/predict", content=file_of(samples, "OGG", "VORBIS"), params={"language": "de"}
    )
    assert reply.status_code == 200, reply.text
    (found,) = reply.json()["outputs"]
    assert [round(one["start"]) for one in found["segments"]] == [0, 15]
    assert found["text"].replace(" ", "") == "".join(one["text"] for one in found["segments"]).replace(" ", "")
    assert (found["language"], found["duration_s"]) == ("de", 38.0)
    assert 'batch;desc="2x1500"' in reply.headers["server-timing"]


def asked(*inputs: str, **parameters: Any) -> dict[str, Any]:
    return {"json": {"inputs": inputs, "parameters": parameters}}


AS_SOUND = {"headers": {"content-type": "audio/wav"}}
NO_SOUND = b64encode(b"text").decode()


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        pytest.param({"content": b"a text", **AS_SOUND}, 422, "audio: is not a file of sound", id="a text"),
        pytest.param({"content": b"a text"}, 422, "Content-Type audio/flac (or another audio/*)", id="no type"),
        pytest.param({"content": LONG}, 422, "audio: lasts 21 s or more, and may last 20 s", id="long"),
        pytest.param(asked("§"), 422, "inputs.0.audio: not valid base64", id="no base64"),
        pytest.param(asked(TEXT, NO_SOUND), 422, "inputs.1.audio: is not a file of sound", id="the second"),
        pytest.param(asked(*[TEXT] * 5), 413, "more than 4 inputs", id="five"),
        pytest.param(asked(TEXT, language="fr"), 422, "parameters.language: is fr, and this model knows en", id="fr"),
        pytest.param(asked(TEXT, language="English"), 422, "parameters.language", id="a name"),
        pytest.param(asked(TEXT, beams=4), 422, "parameters.beams", id="unknown"),
        pytest.param({"json": {"inputs": [TEXT], "stream": True}}, 422, "comes as a whole", id="stream"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_place(client, sent, status, words):
    reply = client.post(PATH, **sent)
    assert reply.status_code == status, reply.text
    assert words in reply.json()["error"]


def test_it_has_no_tensors_and_explains_nothing(client):
    infer = client.post(f"/v2/models/{RECOGNIZER}/infer", json={"inputs": []})
    assert infer.status_code == 400
    assert PATH in infer.json()["error"]
    assert client.post(PATH.replace("predict", "explain"), content=FILE).status_code == 422


@pytest.mark.parametrize("end", ["infer", "generate"])
def test_routes_of_tensors_and_of_texts_say_where_recordings_go(client, end):
    reply = client.post(f"/v2/models/{RECOGNIZER}/{end}", json={"text_input": "a"})
    assert reply.status_code == 400
    assert "is a model for automatic-speech-recognition and" in reply.json()["error"]
    assert reply.json()["error"].endswith(f"/v1/models/{RECOGNIZER}/predict")


def test_a_text_with_parameters_beside_it_is_told_how_files_are_sent(client):
    reply = client.post(PATH, content=b"hello", params={"language": "en"}, headers={"content-type": "text/plain"})
    assert reply.status_code == 422
    assert "to send a file as it is, say so: Content-Type audio/flac" in reply.json()["error"]
