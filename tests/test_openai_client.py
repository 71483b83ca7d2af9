"""The real `openai` over real sockets, on a decoder that writes noise: the client parses what it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from pydantic import BaseModel
from services import Service, running
from tiny_writer import ALIAS, WRITER, publish_writer

from app.keys import add_key

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(models, scratch, aliases=[ALIAS], max_new_tokens=8)
    with running(models) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="of nobody") as client:
        yield client


class Answer(BaseModel):
    is_good: bool


def test_a_chat_is_parsed(client):
    answer = client.chat.completions.create(model=WRITER, messages=MESSAGES, n=2, logprobs=True, top_logprobs=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.choices[0].logprobs.content[0].top_logprobs[0].logprob < 0
    assert answer.system_fingerprint.startswith("fp_")
    assert answer.generated is True


def test_a_stream_is_parsed_and_put_together(client):
    whole = client.chat.completions.create(model=WRITER, messages=MESSAGES).choices[0].message.content
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(model=WRITER, messages=MESSAGES, stream=True, stream_options=options)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[-1].choices[0].finish_reason == "length"
    assert (last.choices, last.usage.completion_tokens) == ([], 8)


def test_the_helpers_of_the_client_read_a_schema_and_a_stream(client):
    asked = {"model": WRITER, "messages": MESSAGES, "max_tokens": 60, "response_format": Answer}
    parsed = client.chat.completions.parse(**asked).choices[0].message.parsed
    assert isinstance(parsed, Answer)
    with client.chat.completions.stream(**asked) as stream:
        assert {"chunk", "content.delta", "content.done"} <= {event.type for event in stream}
        assert stream.get_final_completion().choices[0].message.parsed == parsed


def test_a_tool_is_called_whole_and_in_a_stream(client):
    tool = openai.pydantic_function_tool(Answer)
    asked = {"model": WRITER, "messages": MESSAGES, "tools": [tool], "tool_choice": "required", "max_tokens": 60}
    (call,) = client.chat.completions.create(**asked).choices[0].message.tool_calls
    assert Answer.model_validate_json(call.function.arguments)
    with client.chat.completions.stream(**asked) as stream:
        assert "tool_calls.function.arguments.done" in {event.type for event in stream}
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls
    assert streamed.function.parsed_arguments == Answer.model_validate_json(call.function.arguments)


def test_texts_are_gone_on_with(client):
    answer = client.completions.create(model=WRITER, prompt=["a", "b"])
    assert [choice.index for choice in answer.choices] == [0, 1]
    chunks = client.completions.create(model=WRITER, prompt=["a", "b"], stream=True)
    texts = ["", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [choice.text for choice in answer.choices]


def test_a_response_is_parsed_whole_and_in_a_stream(client):
    answer = client.responses.create(model=WRITER, input="hi")
    assert answer.incomplete_details.reason == "max_output_tokens"
    events = list(client.responses.create(model=WRITER, input="hi", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == answer.output_text
    assert events[-1].response.output_text == answer.output_text
    asked = {"model": WRITER, "input": "hi", "text_format": Answer, "max_output_tokens": 60}
    parsed = client.responses.parse(**asked).output_parsed
    assert isinstance(parsed, Answer)
    with client.responses.stream(**asked) as stream:
        assert stream.get_final_response().output_parsed == parsed


def test_models_are_listed_and_found_by_an_alias_with_a_slash(client):
    assert [model.id for model in client.models.list()] == [WRITER]
    assert client.models.retrieve(WRITER).owned_by == "tessera"
    assert client.models.retrieve(ALIAS).id == WRITER
    assert client.chat.completions.create(model=ALIAS, messages=MESSAGES).model == WRITER


def test_a_refusal_is_an_error_of_the_client_that_says_what_is_wrong(client):
    with pytest.raises(openai.BadRequestError, match="maximum context length is 256") as caught:
        client.chat.completions.create(model=WRITER, messages=[{"role": "user", "content": "hi" * 500}])
    error = caught.value
    assert (error.code, error.param, error.type) == ("context_length_exceeded", "messages", "invalid_request_error")
    assert error.request_id == error.body["request_id"]
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-9'; models that write text: tiny-writer"):
        client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="Unrecognized request argument supplied: mirostat"):
        client.chat.completions.create(model=WRITER, messages=MESSAGES, extra_body={"mirostat": 2})


def test_what_would_be_late_is_not_tried_again(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model=WRITER, messages=MESSAGES, max_tokens=200, extra_headers={"X-Request-Timeout-Ms": "1"}
        )
    assert caught.value.status_code == 504
    assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_who_stops_reading_is_no_failure(client, service):
    for chunk in client.chat.completions.create(model=WRITER, messages=MESSAGES, stream=True, max_tokens=200):
        assert chunk.choices
        break
    assert client.chat.completions.create(model=WRITER, messages=MESSAGES).choices


def test_the_asynchronous_client_asks_alike(service):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="of nobody") as client:
            stream = await client.chat.completions.create(model=WRITER, messages=MESSAGES, stream=True)
            streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            return streamed, (await client.chat.completions.create(model=WRITER, messages=MESSAGES)).choices[0]

    streamed, choice = asyncio.run(ask())
    assert streamed == choice.message.content


def test_its_key_is_the_key_of_a_service_that_asks_for_one(tmp_path: Path):
    publish_writer(tmp_path / "models", tmp_path / "scratch")
    secret = add_key(tmp_path / "keys.json", "laptop")
    with running(tmp_path / "models", TESSERA_KEYS="on", TESSERA_KEYS_FILE=str(tmp_path / "keys.json")) as service:
        client = openai.OpenAI(base_url=f"{service.url}/v1", api_key=secret)
        assert client.chat.completions.create(model=WRITER, messages=MESSAGES).choices
        with pytest.raises(openai.AuthenticationError, match="not known") as caught:
            client.with_options(api_key="sk-of-somebody").chat.completions.create(model=WRITER, messages=MESSAGES)
        assert caught.value.code == "invalid_api_key"


def test_a_model_that_nobody_knows_is_said_so_in_words(client, service):
    with pytest.raises(openai.NotFoundError, match="no model 'nobody'") as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"
    # Whoever is no client of that kind reads the form of all other paths.
    assert isinstance(httpx.get(f"{service.url}/v1/models/nobody").json()["error"], str)
