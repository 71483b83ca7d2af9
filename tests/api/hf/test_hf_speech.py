"""Recordings, as `huggingface_hub.InferenceClient.automatic_speech_recognition` sends them and parses the answers."""

from base64 import b64encode

import pytest
from huggingface_hub import AutomaticSpeechRecognitionOutput
from tiny_speech import RECOGNIZER, file_of, publish_recognizer, tone
from tiny_writer import serving

PATH = f"/hf/models/{RECOGNIZER}"
FILE = file_of(tone(1.5), "FLAC")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    publish_recognizer(models, tmp_path_factory.mktemp("scratch"))
    with serving(models) as client:
        yield client


def native(client, **parameters):
    reply = client.post(f"/v1/models/{RECOGNIZER}/predict", content=FILE, params=parameters)
    return reply.json()["outputs"][0]


@pytest.mark.parametrize("content_type", ["audio/flac", "application/octet-stream", "", "text/plain"])
def test_a_file_as_it_is_has_its_text_as_the_answer(client, content_type):
    reply = client.post(PATH, content=FILE, headers={"content-type": content_type} if content_type else {})
    assert reply.status_code == 200, reply.text
    assert reply.json() == {"text": native(client)["text"]}


def test_times_are_chunks_as_the_client_parses_them(client):
    body = {"inputs": b64encode(FILE).decode(), "parameters": {"return_timestamps": True}}
    found = AutomaticSpeechRecognitionOutput.parse_obj_as_instance(client.post(PATH, json=body).json())
    expected = native(client, return_timestamps=True)
    assert found.text == expected["text"]
    assert [(one.text, *one.timestamp) for one in found.chunks] == [
        (one["text"], one["start"], one["end"]) for one in expected["segments"]
    ]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"return_timestamps": "word"}, "words are not timed"),
        ({"generation_parameters": {"num_beams": 4}}, "generation_parameters would have no effect"),
        ({"language": "de"}, "is de, and this model knows en"),
    ],
)
def test_what_would_have_no_effect_is_refused(client, parameters, words):
    reply = client.post(PATH, json={"inputs": b64encode(FILE).decode(), "parameters": parameters})
    assert reply.status_code == 422, reply.text
    assert words in reply.json()["error"]


def test_other_bodies_are_refused_with_what_may_be_sent(client):
    assert "one audio file" in client.post(PATH, files={"file": FILE}).json()["error"]
    reply = client.post(PATH, content=b"I am a text", headers={"content-type": "audio/wav"})
    assert reply.status_code == 422
    assert "is not a file of sound that is read" in reply.json()["error"]
