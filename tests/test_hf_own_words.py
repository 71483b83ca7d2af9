"""A summarizer that writes in its own words, asked by the real `huggingface_hub` and natively, over real sockets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from services import Service, running
from tiny_own_words import WRITER_OF_LINES, publish_lines
from tiny_summarizer import NAME, TEXT, publish_summarizer

LONG = "The ferry is in port. " * 20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_lines(root, scratch / "lines")
    publish_summarizer(root, scratch / "chooses")
    with running(root) as service:
        yield service


@pytest.fixture
def client(service: Service) -> InferenceClient:
    return InferenceClient(model=f"{service.url}/hf/models/{WRITER_OF_LINES}")


def native(service: Service, text: str, model: str = WRITER_OF_LINES, **parameters: object) -> httpx.Response:
    body = {"inputs": [{"text": text}], "parameters": parameters}
    return httpx.post(f"{service.url}/v1/models/{model}/predict", json=body)


def test_the_client_gets_what_is_answered_natively(service: Service, client: InferenceClient):
    reply = native(service, "The ferry is in port.")
    (output,) = reply.json()["outputs"]
    assert output.keys() == {"summary_text", "generated", "verified", "unsupported", "is_complete", "is_truncated"}
    assert (output["generated"], output["verified"], output["is_truncated"]) == (True, False, False)
    assert reply.headers["X-Generated"] == f"{WRITER_OF_LINES}@1"
    assert client.summarization("The ferry is in port.").summary_text == output["summary_text"]
    few = client.summarization("The ferry is in port.", generate_parameters={"max_new_tokens": 2}).summary_text
    assert few == native(service, "The ferry is in port.", max_tokens=2).json()["outputs"][0]["summary_text"]


def test_a_text_that_is_too_long_is_refused_or_cut(service: Service, client: InferenceClient):
    with pytest.raises(HfHubHTTPError, match="tokens and the model reads at most 47"):
        client.summarization(LONG)
    cut = native(service, LONG, truncate=True).json()["outputs"][0]
    assert cut["is_truncated"]
    assert client.summarization(LONG, truncation="longest_first").summary_text == cut["summary_text"]


@pytest.mark.parametrize(
    ("text", "parameters", "place", "reason"),
    [
        (" ", {}, ["inputs", 0, "text"], "is empty"),
        ("a" * 1_000_000, {}, ["inputs", 0, "text"], "reads at most 47"),
        ("a", {"mode": "extractive"}, ["parameters", "mode"], "chooses no sentences"),
        ("a", {"max_sentences": 2}, ["parameters", "max_sentences"], "no effect"),
    ],
)
def test_what_cannot_be_had_is_refused_where_it_stands(service, text, parameters, place, reason):
    reply = native(service, text, **parameters)
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == place
    assert reason in reply.text


def test_half_a_character_is_refused_and_a_book_is_cut(service: Service):
    body = b'{"inputs": [{"text": "a \\ud800 b"}]}'
    reply = httpx.post(
        f"{service.url}/v1/models/{WRITER_OF_LINES}/predict", content=body, headers={"Content-Type": "application/json"}
    )
    assert (reply.status_code, "surrogate" in reply.text) == (422, True)
    assert native(service, "word " * 199_000, truncate=True).json()["outputs"][0]["is_truncated"]


def test_many_at_once_get_what_each_gets_alone(service: Service):
    texts = [f"Ferry {i} is in port." for i in range(8)]
    alone = [native(service, text).json()["outputs"] for text in texts]
    with ThreadPoolExecutor(8) as threads:
        assert [one.json()["outputs"] for one in threads.map(lambda text: native(service, text), texts)] == alone


def test_a_summarizer_that_chooses_sentences_is_asked_in_the_same_way(service: Service):
    (output,) = native(service, TEXT, NAME, max_sentences=1).json()["outputs"]
    assert output.keys() == {"summary_text", "sentences"}
    found = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    assert {f"/v1/models/{NAME}/explain", f"/v1/models/{WRITER_OF_LINES}/predict"} <= found.keys()
    assert f"/v1/models/{WRITER_OF_LINES}/explain" not in found
