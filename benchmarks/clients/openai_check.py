"""The version of the openai client before the newest: chats, streams, schemas, tools, texts, vectors, responses."""

import os

import openai
import pytest
from pydantic import BaseModel

WRITER, EMBEDDER = os.environ["TESSERA_WRITER"], os.environ["TESSERA_EMBEDDER"]
MESSAGES = [{"role": "user", "content": "Name three colours."}]
client = openai.OpenAI(base_url=f"{os.environ['TESSERA_URL']}/v1", api_key="of nobody")


class Colour(BaseModel):
    is_warm: bool


def test_chats():
    answer = client.chat.completions.create(model=WRITER, messages=MESSAGES, max_tokens=8, n=2, logprobs=True)
    assert len(answer.choices) == 2
    assert answer.usage.completion_tokens <= 16
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(
        model=WRITER, messages=MESSAGES, max_tokens=8, stream=True, stream_options=options
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert (last.choices, last.usage.completion_tokens) == ([], 8)


def test_schemas_and_tools():
    asked = {"model": WRITER, "messages": MESSAGES, "max_tokens": 60}
    assert client.chat.completions.parse(**asked, response_format=Colour).choices[0].message.parsed
    with client.chat.completions.stream(**asked, response_format=Colour) as stream:
        assert stream.get_final_completion().choices[0].message.parsed
    tools = [openai.pydantic_function_tool(Colour)]
    (call,) = client.chat.completions.create(**asked, tools=tools, tool_choice="required").choices[0].message.tool_calls
    assert Colour.model_validate_json(call.function.arguments)


def test_texts_and_responses():
    assert len(client.completions.create(model=WRITER, prompt=["a", "b"], max_tokens=4).choices) == 2
    assert client.responses.create(model=WRITER, input="hi", max_output_tokens=8).output_text
    parsed = client.responses.parse(model=WRITER, input="hi", text_format=Colour, max_output_tokens=60)
    assert isinstance(parsed.output_parsed, Colour)


def test_vectors():
    coded = client.embeddings.create(model=EMBEDDER, input=["a", "b"]).data
    plain = client.embeddings.create(model=EMBEDDER, input=["a", "b"], encoding_format="float").data
    for one, other in zip(coded, plain, strict=True):
        assert one.embedding == pytest.approx(other.embedding)
    assert len(client.embeddings.create(model=EMBEDDER, input="a", dimensions=4).data[0].embedding) == 4


def test_models_and_errors():
    assert WRITER in [model.id for model in client.models.list()]
    with pytest.raises(openai.NotFoundError, match="models that write text"):
        client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=WRITER, messages=[{"role": "user", "content": "word " * 100_000}])
    assert caught.value.code == "context_length_exceeded"
