"""The real `openai` and `huggingface_hub` over real sockets, on a recognizer that writes noise."""

import io
from collections.abc import Iterator

import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from services import Service, running
from tiny_speech import ALIAS, RECOGNIZER, file_of, publish_recognizer, tone

FILE = file_of(tone(1.5), "FLAC")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    models = tmp_path_factory.mktemp("models")
    publish_recognizer(models, tmp_path_factory.mktemp("scratch"))
    with running(models) as service:
        yield service


@pytest.fixture
def asking(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="of nobody") as client:
        yield client


def test_openai_parses_every_format(asking):
    ask = asking.audio.transcriptions.create
    plain = ask(model=ALIAS, file=("speech.flac", FILE))
    assert plain.text
    assert plain.usage.seconds == 2
    verbose = ask(
        model=RECOGNIZER, file=FILE, response_format="verbose_json", timestamp_granularities=["segment"], temperature=0
    )
    assert verbose.duration == 1.5
    assert verbose.segments[0].text in verbose.text
    assert ask(model=RECOGNIZER, file=FILE, response_format="text", language="en") == f"{plain.text}\n"
    assert ask(model=RECOGNIZER, file=io.BytesIO(FILE), response_format="srt").startswith("1\n00:00:0")
    assert ask(model=RECOGNIZER, file=FILE, response_format="vtt").startswith("WEBVTT")


def test_a_refusal_is_an_error_of_openai_that_names_the_parameter(asking):
    ask = asking.audio.transcriptions.create
    with pytest.raises(openai.BadRequestError, match="is not a file of sound") as caught:
        ask(model=RECOGNIZER, file=("speech.mp3", b"I am a text"))
    assert (caught.value.param, caught.value.type) == ("file", "invalid_request_error")
    with pytest.raises(openai.BadRequestError, match="words are not timed"):
        ask(model=RECOGNIZER, file=FILE, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    with (
        pytest.warns(DeprecationWarning, match="deprecated"),
        pytest.raises(openai.BadRequestError, match="can only transcribe"),
    ):
        asking.audio.translations.create(model=RECOGNIZER, file=FILE)
    with pytest.raises(openai.NotFoundError, match="models that write down what is said: tiny-recognizer"):
        ask(model="whisper-9", file=FILE)


def test_huggingface_hub_sends_a_path_or_bytes_and_parses_text_and_chunks(service, asking, tmp_path):
    client = InferenceClient(model=f"{service.url}/hf/models/{RECOGNIZER}")
    path = tmp_path / "speech.flac"
    path.write_bytes(FILE)
    text = asking.audio.transcriptions.create(model=RECOGNIZER, file=FILE).text
    assert client.automatic_speech_recognition(str(path)).text == text
    timed = client.automatic_speech_recognition(FILE, extra_body={"return_timestamps": True})
    assert timed.chunks[0].timestamp[0] <= timed.chunks[0].timestamp[1] <= 1.5
    with pytest.raises(HfHubHTTPError, match="is not a file of sound"):
        client.automatic_speech_recognition(b"I am a text")
