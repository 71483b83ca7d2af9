"""LiteLLM as a library: as OpenAI, as vLLM, whole and in streams; its own errors."""

import os

import litellm
import pytest

WRITER, EMBEDDER = os.environ["TESSERA_WRITER"], os.environ["TESSERA_EMBEDDER"]
AT = {"api_base": f"{os.environ['TESSERA_URL']}/v1", "api_key": "of nobody"}
MESSAGES = [{"role": "user", "content": "Say hi."}]
PARAMETERS = {
    "type": "object",
    "properties": {"a": {"enum": ["x", "y"]}},
    "required": ["a"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "greet", "parameters": PARAMETERS}}


def chat(model=f"openai/{WRITER}", **more):
    return litellm.completion(model=model, messages=MESSAGES, **AT, **more)


def test_chats():
    assert chat(max_tokens=5).choices[0].message.content
    assert chat(f"hosted_vllm/{WRITER}", max_tokens=5, top_k=3).choices[0].message.content
    chunks = list(chat(max_tokens=5, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage.completion_tokens == 5


def test_tools():
    (call,) = chat(max_tokens=200, tools=[TOOL], tool_choice="required").choices[0].message.tool_calls
    assert call.function.name == "greet"


def test_texts_vectors_and_responses():
    model = f"text-completion-openai/{WRITER}"
    assert litellm.text_completion(model=model, prompt="hi", max_tokens=5, **AT).choices[0].text
    assert litellm.embedding(model=f"openai/{EMBEDDER}", input=["a"], **AT).data[0]["embedding"]
    assert litellm.responses(model=f"openai/{WRITER}", input="Say hi.", max_output_tokens=5, **AT).output


def test_errors():
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(model=f"openai/{WRITER}", messages=[{"role": "user", "content": "word " * 100_000}], **AT)
    with pytest.raises(litellm.NotFoundError):
        chat("openai/nobody")
