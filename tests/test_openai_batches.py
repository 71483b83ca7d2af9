"""The real `openai` over a real socket: files, and batches of chats, completions, embeddings and predictions."""

import io
import json
from collections.abc import Iterator

import openai
import pytest
from conftest import publish_sentiment
from services import running
from tiny_writer import WRITER, publish_writer
from waiting import eventually

ENDED = ("completed", "failed", "cancelled", "expired")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    root = tmp_path_factory.mktemp("openai-batches")
    (root / "models").mkdir()
    publish_writer(root / "models", root / "writer", max_new_tokens=8)
    publish_sentiment(root / "models", root / "sentiment")
    with (
        running(root / "models", TESSERA_JOBS_DIR=str(root / "jobs")) as service,
        openai.OpenAI(base_url=f"{service.url}/v1", api_key="of nobody") as client,
    ):
        yield client


def line(name: str, url: str, **body: object) -> dict[str, object]:
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def ended(client: openai.OpenAI, lines: list[dict[str, object]], endpoint: str) -> openai.types.Batch:
    content = io.BytesIO("".join(f"{json.dumps(one)}\n" for one in lines).encode())
    file = client.files.create(purpose="batch", file=("questions.jsonl", content))
    assert client.files.retrieve(file.id).filename == "questions.jsonl"
    batch = client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"for": "a test"}
    )
    assert batch.status == "validating"
    eventually(lambda: client.batches.retrieve(batch.id).status in ENDED, 60)
    return client.batches.retrieve(batch.id)


def told(client: openai.OpenAI, file_id: str) -> list[dict]:
    return [json.loads(one) for one in client.files.content(file_id).text.splitlines()]


def test_chats_and_completions_are_answered_as_they_are_alone(client):
    messages = [{"role": "user", "content": "hi"}]
    chats = [line(f"c{i}", "/v1/chat/completions", model=WRITER, messages=messages, seed=i) for i in range(3)]
    chats.append(line("none", "/v1/chat/completions", model="gpt-9", messages=messages))
    batch = ended(client, chats, "/v1/chat/completions")
    assert (batch.status, batch.metadata) == ("completed", {"for": "a test"})
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (4, 3, 1)
    answers = told(client, batch.output_file_id)
    assert [one["custom_id"] for one in answers] == ["c0", "c1", "c2"]
    body = answers[1]["response"]["body"]
    alone = client.chat.completions.create(model=WRITER, messages=messages, seed=1)
    assert body["choices"][0]["message"]["content"] == alone.choices[0].message.content
    assert body["id"] == f"chatcmpl-{answers[1]['response']['request_id']}"
    (failed,) = told(client, batch.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("none", 404)
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"
    batch = ended(client, [line("t", "/v1/completions", model=WRITER, prompt="a")], "/v1/completions")
    assert told(client, batch.output_file_id)[0]["response"]["body"]["object"] == "text_completion"


def test_any_native_address_may_be_asked(client):
    url = "/v1/models/tiny-sentiment/predict"
    batch = ended(client, [line("a", url, inputs=["good"]), line("b", url, inputs=["bad"])], url)
    labels = [one["response"]["body"]["outputs"][0][0]["label"] for one in told(client, batch.output_file_id)]
    assert labels == ["positive", "negative"]


def test_a_file_with_faults_fails_before_anything_is_asked(client):
    url = "/v1/chat/completions"
    batch = ended(client, [line("a", url), line("a", url), line("b", "/v1/images")], url)
    assert batch.status == "failed"
    assert [(one.line, one.code) for one in batch.errors.data] == [(2, "duplicate_custom_id"), (3, "mismatched_url")]
    with pytest.raises(openai.BadRequestError, match="cannot be cancelled any more"):
        client.batches.cancel(batch.id)


def test_batches_and_files_are_listed_page_by_page_and_files_deleted(client):
    url = "/v1/models/tiny-sentiment/predict"
    made = [ended(client, [line("a", url, inputs=["good"])], url).id for _ in range(2)]
    assert made == [one.id for one in client.batches.list(limit=1)][1::-1][:2]
    files = list(client.files.list(limit=1, purpose="batch"))
    assert len(files) >= 2
    assert client.files.delete(files[0].id).deleted
    with pytest.raises(openai.NotFoundError, match="no file"):
        client.files.retrieve(files[0].id)
    with pytest.raises(openai.BadRequestError, match="purpose: must be 'batch'"):
        client.files.create(purpose="fine-tune", file=b"x")
