"""A service that asks for keys, and the clients people have: each brings its key in its own way, or is refused."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import openai
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from browser import CHROMIUM, SWITCHES, Visit, needs_browser
from conftest import publish_sentiment
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from playwright.sync_api import expect, sync_playwright
from services import running
from tritonclient.utils import InferenceServerException
from waiting import eventually

from app.keys import add_key, revoke_key
from tessera_client import Client, TesseraError, Unauthorized, classify_texts

MODEL = "tiny-sentiment"


class Guarded(NamedTuple):
    url: str
    keys: Path
    secret: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    publish_sentiment(folder / "models", folder / "scratch")
    keys = folder / "keys.json"
    secret = add_key(keys, "laptop")
    with running(folder / "models", TESSERA_KEYS="on", TESSERA_KEYS_FILE=str(keys)) as service:
        yield Guarded(service.url, keys, secret)


def ids() -> triton.InferInput:
    return triton.InferInput("input_ids", [1, 2], "INT64").set_data_from_numpy(np.array([[5, 2]]))


def mask() -> triton.InferInput:
    return triton.InferInput("attention_mask", [1, 2], "INT64").set_data_from_numpy(np.array([[1, 1]]))


def test_huggingface_hub_sends_its_token(guarded: Guarded):
    address = f"{guarded.url}/hf/models/{MODEL}"
    assert InferenceClient(model=address, token=guarded.secret).text_classification("good")[0].label == "positive"
    for token in (None, "hf_of_somebody_else"):
        with pytest.raises(HfHubHTTPError, match="401"):
            InferenceClient(model=address, token=token).text_classification("good")

    async def ask() -> str:
        async with AsyncInferenceClient(model=address, token=guarded.secret) as client:
            return (await client.text_classification("good"))[0].label

    assert asyncio.run(ask()) == "positive"


def test_tritonclient_takes_it_as_a_header_of_each_call(guarded: Guarded):
    address = guarded.url.removeprefix("http://")
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_ready()  # probes are open
        answer = client.infer(MODEL, [ids(), mask()], headers=guarded.bearer)
        assert answer.as_numpy("logits").tolist() == [[0.0, 2.0]]
        assert client.get_model_metadata(MODEL, headers={"X-API-Key": guarded.secret})["name"] == MODEL
        with pytest.raises(InferenceServerException, match="key"):
            client.infer(MODEL, [ids(), mask()])
        with pytest.raises(InferenceServerException, match="key"):
            client.unload_model(MODEL)

    async def ask() -> list[list[float]]:
        async with triton_aio.InferenceServerClient(address) as client:
            answer = await client.infer(MODEL, [ids(), mask()], headers=guarded.bearer)
            return answer.as_numpy("logits").tolist()

    assert asyncio.run(ask()) == [[0.0, 2.0]]


def test_our_client_is_given_it_once(guarded: Guarded):
    with Client(guarded.url, key=guarded.secret) as client:
        assert client.ask(classify_texts(MODEL, ["good"])).outputs[0][0].label == "positive"
    with Client(guarded.url) as client, pytest.raises(Unauthorized, match="key"):
        client.ask(classify_texts(MODEL, ["good"]))


def test_either_header_is_enough_and_a_revoked_key_opens_nothing(guarded: Guarded):
    def status(headers: dict[str, str]) -> int:
        return httpx.post(
            f"{guarded.url}/v1/models/{MODEL}/predict", json={"inputs": ["good"]}, headers=headers
        ).status_code

    secret = add_key(guarded.keys, "lent")
    for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
        eventually(lambda sent=headers: status(sent) == 200, 5)
    revoke_key(guarded.keys, "lent")
    eventually(lambda: status({"X-API-Key": secret}) == 401, 5)
    assert status(guarded.bearer) == 200


def test_every_client_shows_what_a_key_may_not_do_and_why(guarded: Guarded):
    """The refusals of a key without the scope, of a model that it does not have, and of one that has had its rate."""
    secrets = {
        "reads": add_key(guarded.keys, "reads", scopes=["read"]),
        "other": add_key(guarded.keys, "other", models=["another-model"]),
        "tried": add_key(guarded.keys, "tried", rate="0/s"),
        "once": add_key(guarded.keys, "once", rate="1/day"),
    }
    url = f"{guarded.url}/v1/models/{MODEL}"
    eventually(lambda: httpx.get(url, headers={"X-API-Key": secrets["once"]}).status_code != 401, 5)
    said = {
        "reads": "needs a key with the scope predict; the key reads has: read",
        "other": f"no model '{MODEL}' for this key; it may use: another-model",
        "tried": "the key tried may have no request at all: its limit is 0",
        "once": "the key once has to wait .* s: its rate of 1/day is used up",
    }
    address = guarded.url.removeprefix("http://")
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    for name, why in said.items():
        with pytest.raises(HfHubHTTPError, match=why):
            InferenceClient(model=f"{guarded.url}/hf/models/{MODEL}", token=secrets[name]).text_classification("good")
        with triton.InferenceServerClient(address) as client, pytest.raises(InferenceServerException, match=why):
            client.infer(MODEL, [ids(), mask()], headers={"X-API-Key": secrets[name]})
        with Client(guarded.url, key=secrets[name]) as client, pytest.raises(TesseraError, match=why):
            client.ask(classify_texts(MODEL, ["good"]), timeout_s=2)
        with openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=secrets[name], max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as refused:
                client.chat.completions.create(**chat)
            expected = {"reads": 403, "other": 404, "tried": 403, "once": 429}[name]
            assert refused.value.status_code == expected
            if name != "other":  # there the list has only models that write, and this key has none
                assert re.search(why, refused.value.message)
    assert isinstance(refused.value, openai.RateLimitError)
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["ratelimit-policy"] == '"requests";q=1;qu="requests";w=86400'


@needs_browser
def test_the_playground_asks_for_it_and_then_works(guarded: Guarded):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        visit = Visit(browser.new_context(), guarded.url)
        page = visit.page
        page.goto(f"{guarded.url}/#/{MODEL}")
        expect(page.get_by_role("dialog", name="This service asks for a key")).to_be_visible()
        page.get_by_label("API key").fill(guarded.secret)
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator(".bars li")).to_have_count(2)
        visit.expect_refusals()
        assert visit.faults == []
        browser.close()
