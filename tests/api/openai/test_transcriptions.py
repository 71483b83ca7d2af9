"""Recordings over the OpenAI dialect: forms, formats, refusals."""

import jsonschema
import pytest
from tiny_speech import ALIAS, MULTILINGUAL, RECOGNIZER, file_of, publish_recognizer, silence, tone
from tiny_writer import serving

from app.api.openai.transcriptions_schema import Transcription, VerboseTranscription

PATH, INTO_ENGLISH, POLYGLOT = "/v1/audio/transcriptions", "/v1/audio/translations", "tiny-polyglot"
FILE = file_of(tone(1.5), "FLAC")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_recognizer(models, scratch)
    publish_recognizer(models, scratch, POLYGLOT, **MULTILINGUAL, aliases=[])
    with serving(models) as client:
        yield client


def asked(client, content=FILE, path=PATH, **fields):
    return client.post(path, data={"model": RECOGNIZER, **fields}, files={"file": ("speech.flac", content)})


def native(client, **parameters):
    reply = client.post(f"/v1/models/{RECOGNIZER}/predict", content=FILE, params=parameters)
    assert reply.status_code == 200, reply.text
    return reply.json()["outputs"][0]


@pytest.mark.parametrize("model", [RECOGNIZER, ALIAS])
def test_the_text_is_that_of_the_native_dialect(client, model):
    reply = asked(client, model=model)
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "text": native(client)["text"],
        "usage": {"type": "duration", "seconds": 2},
        "generated": True,
    }
    Transcription.model_validate(reply.json())
    assert reply.headers["x-generated"] == f"{RECOGNIZER}@1"


def test_times_are_told_in_each_format_that_has_them(client):
    expected = native(client, return_timestamps=True)
    assert len(expected["segments"]) > 1
    verbose = asked(client, response_format="verbose_json", **{"timestamp_granularities[]": "segment"}).json()
    found = VerboseTranscription.model_validate(verbose)
    assert [(one.start, one.end, one.text) for one in found.segments] == [
        (one["start"], one["end"], one["text"]) for one in expected["segments"]
    ]
    assert (found.duration, found.language, found.task) == (1.5, "en", "transcribe")
    first = expected["segments"][0]
    start, end = (f"00:00:{int(first[one]):02},{round(first[one] % 1 * 1000):03}" for one in ("start", "end"))
    srt = asked(client, response_format="srt")
    assert srt.text.startswith(f"1\n{start} --> {end}\n{first['text']}\n\n2\n")
    vtt = asked(client, response_format="vtt")
    assert vtt.text.startswith(f"WEBVTT\n\n{start} --> {end}\n".replace(",", "."))
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert asked(client, response_format="text").text == f"{native(client)['text']}\n"


def test_silence_is_no_text(client):
    reply = asked(client, file_of(silence(2)))
    assert (reply.status_code, reply.json()["text"]) == (200, "")
    assert asked(client, file_of(silence(2)), response_format="srt").text == ""


def test_a_model_that_can_translates(client):
    assert asked(client, path=INTO_ENGLISH, model=POLYGLOT).status_code == 200
    reply = asked(client, path=INTO_ENGLISH)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "model: is translate, and this model can only transcribe"


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"prompt": "Names: Ada"}, "prompt", "each window is read by itself"),
        ({"stream": "true"}, "stream", "comes as a whole"),
        ({"temperature": "0.4"}, "temperature", "less than or equal to 0"),
        ({"language": "english"}, "language", "language: is no code of a language, such as en"),
        ({"model": ""}, "model", "model: Field required"),
        ({"language": "fr"}, "language", "is fr, and this model knows en"),
        ({"response_format": "diarized_json"}, "response_format", "srt"),
        ({"timestamp_granularities[]": ["segment", "word"]}, "timestamp_granularities", "words are not timed"),
        ({"timestamp_granularities[]": "segment"}, "timestamp_granularities", "verbose_json"),
        ({"beam_size": "5"}, "beam_size", "Unrecognized request argument"),
        ({"model": "gpt-9"}, None, "models that write down what is said: tiny-polyglot, tiny-recognizer"),
    ],
)
def test_what_would_have_no_effect_is_refused(client, fields, param, words):
    reply = asked(client, **fields)
    assert reply.status_code == (404 if param is None else 400), reply.text
    error = reply.json()["error"]
    assert error["param"] == param
    assert words in error["message"]
    assert "request_id" in error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello, I am a text", "file: is not a file of sound that is read; WAV, FLAC"),
        (b"", "file: is empty"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "file: is an MP4 file (M4A), which is not read"),
    ],
)
def test_what_is_no_sound_is_refused_as_the_file(client, content, words):
    reply = asked(client, content)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["message"].startswith(words)
    assert reply.json()["error"]["param"] == "file"


def test_other_bodies_are_refused_in_the_form_of_openai(client):
    assert "must be a form" in client.post(PATH, json={"model": RECOGNIZER}).json()["error"]["message"]
    without = client.post(PATH, files={"model": (None, RECOGNIZER)})
    assert without.json()["error"]["message"] == "file: must be one file; the form has none"
    assert client.post(PATH, files={"file": FILE}).json()["error"]["param"] == "model"


def test_what_is_documented_is_what_is_answered(client):
    document = client.get("/openapi.json").json()
    content = document["paths"][PATH]["post"]["responses"]["200"]["content"]
    for form in ("json", "verbose_json", "text", "srt", "vtt"):
        reply = asked(client, response_format=form)
        assert reply.headers["content-type"] in content
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    jsonschema.validate(asked(client, response_format="verbose_json").json(), schema)
    assert INTO_ENGLISH in document["paths"]


def test_fields_of_a_form_without_a_text_say_nothing(client):
    said = asked(client).json()
    assert asked(client, language="", response_format="", prompt="").json() == said
