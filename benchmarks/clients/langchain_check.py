"""LangChain's own suites for chats and for vectors, over ChatOpenAI and OpenAIEmbeddings."""

import os

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

AT = {"base_url": f"{os.environ['TESSERA_URL']}/v1", "api_key": "of nobody"}
WRITER, EMBEDDER = os.environ["TESSERA_WRITER"], os.environ["TESSERA_EMBEDDER"]


# A small model repeats itself within a text of JSON, which may not be ended there.
CHAT = {**AT, "model": WRITER, "max_tokens": 200, "stream_usage": True, "extra_body": {"repetition_penalty": 1.2}}
# Or else it would send the token ids of another tokenizer.
VECTORS = {**AT, "model": EMBEDDER, "check_embedding_ctx_length": False}


class TestChats(ChatModelIntegrationTests):
    """The model may choose no tool by itself; which one it has to call can be said."""

    chat_model_class = ChatOpenAI
    chat_model_params = CHAT
    has_tool_calling = False
    has_structured_output = True
    structured_output_kwargs = {"method": "json_schema"}  # noqa: RUF012
    supports_json_mode = False  # which leaves the fields to the model


class TestVectors(EmbeddingsIntegrationTests):
    embeddings_class = OpenAIEmbeddings
    embedding_model_params = VECTORS


def test_what_is_too_long_is_its_own_error():
    with pytest.raises(ContextOverflowError):
        ChatOpenAI(model=WRITER, **AT).invoke("word " * 100_000)


def test_texts():
    assert OpenAI(model=WRITER, max_tokens=4, **AT).invoke("hi")


def test_a_tool_that_is_named_is_called():
    def weather(city: str) -> str:
        """The weather of a city."""
        return city

    model = ChatOpenAI(**CHAT).bind_tools([weather], tool_choice="weather")
    (call,) = model.invoke("How is the weather in Paris?").tool_calls
    assert (call["name"], call["args"].keys()) == ("weather", {"city"})
