"""LiteLLM as a proxy in front of the service, asked by OpenAI's client: whole, in streams, and its own errors."""

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import openai
import pytest

WRITER, EMBEDDER = os.environ["TESSERA_WRITER"], os.environ["TESSERA_EMBEDDER"]
MESSAGES = [{"role": "user", "content": "Say hi."}]
START_S = 600  # it imports for long
CONFIG = """
model_list:
  - model_name: writer
    litellm_params: {{model: openai/{writer}, api_base: {url}/v1, api_key: of nobody}}
  - model_name: nobody
    litellm_params: {{model: openai/nobody, api_base: {url}/v1, api_key: of nobody}}
  - model_name: embedder
    litellm_params: {{model: openai/{embedder}, api_base: {url}/v1, api_key: of nobody}}
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    config = tmp_path_factory.mktemp("proxy") / "config.yaml"
    config.write_text(CONFIG.format(writer=WRITER, embedder=EMBEDDER, url=os.environ["TESSERA_URL"]))
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    command = [Path(sys.executable).parent / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    key = f"sk-{secrets.token_hex(16)}"  # without one it does not start
    # It would fetch a list of prices, and tell its makers of each start.
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_MASTER_KEY": key}
    proxy = subprocess.Popen(command, env={**os.environ, **own})
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", proxy)
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)
    finally:
        proxy.terminate()
        proxy.wait(20)


def wait_for(address, process):
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(1)
    pytest.fail("the proxy did not start")


def test_chats_are_the_same_whole_and_in_streams(client):
    asked = {"model": "writer", "messages": MESSAGES, "max_tokens": 8, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    assert whole.usage.completion_tokens <= 8
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_tools_texts_and_vectors(client):
    tool = {"type": "function", "function": {"name": "greet", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(
        model="writer", messages=MESSAGES, max_tokens=60, tools=[tool], tool_choice="required"
    )
    assert answer.choices[0].message.tool_calls[0].function.name == "greet"
    assert client.completions.create(model="writer", prompt="hi", max_tokens=4).choices[0].text
    assert len(client.embeddings.create(model="embedder", input=["a", "b"]).data) == 2


def test_errors_keep_their_kind_and_their_words(client):
    with pytest.raises(openai.BadRequestError, match=r"ContextWindowExceededError.*maximum context length"):
        client.chat.completions.create(model="writer", messages=[{"role": "user", "content": "word " * 100_000}])
    with pytest.raises(openai.BadRequestError, match="there is no token"):
        client.chat.completions.create(model="writer", messages=MESSAGES, logit_bias={"999999": 1})
    with pytest.raises(openai.NotFoundError, match="models that write text"):
        client.chat.completions.create(model="nobody", messages=MESSAGES)
