"""The limits of keys, by real requests."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from conftest import publish_sentiment
from graphs import publish_recommender
from services import PREDICT
from starlette.testclient import TestClient
from tiny_writer import WRITER, publish_writer, serving

from app.keys import EVERYTHING, KeyRing, add_key

BODY = {"inputs": ["a good film"]}
TERMS = {
    "requests": {"rate": "5/day"},
    "time": {"quota": "1s/day"},
    "both": {"rate": "100/day", "quota": "1h/day"},
    "nothing": {"quota": "0s/day"},
    "free": {},
}


class Limited(NamedTuple):
    client: TestClient
    secrets: dict[str, str]

    def ask(self, key: str, method: str = "POST", path: str = PREDICT, **options):
        return self.client.request(method, path, headers={"X-API-Key": self.secrets[key]}, **options)

    def left_s(self, key: str) -> int:
        """Seconds of model time that are left, as an answer says that has taken none."""
        return int(
            self.ask(key, "GET", "/v1/models").headers["ratelimit"].rpartition('"model-time";r=')[2].split(";")[0]
        )


@pytest.fixture
def limited(tmp_path, monkeypatch) -> Iterator[Limited]:
    publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    publish_writer(tmp_path / "models", tmp_path / "scratch", max_new_tokens=4)
    publish_recommender(tmp_path / "models", tmp_path / "scratch", ["Toy Story", "Heat"])
    secrets = {name: add_key(tmp_path / "keys.json", name, scopes=EVERYTHING, **terms) for name, terms in TERMS.items()}
    with serving(tmp_path / "models", keys=KeyRing(tmp_path / "keys.json")) as client:
        yield Limited(client, secrets)


def test_answers_tell_the_limits_of_a_key_and_only_of_a_key_that_has_some(limited):
    reply = limited.ask("both", json=BODY)
    assert reply.headers["ratelimit-policy"] == (
        '"requests";q=100;qu="requests";w=86400, "model-time";q=3600;qu="model-seconds";w=86400'
    )
    requests, time = reply.headers["ratelimit"].split(", ")
    assert requests == '"requests";r=99;t=864'
    assert time.startswith('"model-time";r=3599;t=')
    assert "ratelimit" not in limited.ask("free", json=BODY).headers
    assert "ratelimit" not in limited.client.get("/health/live").headers


def test_beyond_the_rate_every_dialect_says_when_to_come_again(limited):
    for _ in range(5):
        assert limited.ask("requests", json=BODY).status_code == 200
    refused = limited.ask("requests", json=BODY)
    assert (refused.status_code, refused.json()["error_type"]) == (429, "LimitReached")
    assert 17_000 < int(refused.headers["retry-after"]) <= 17_280
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={refused.headers["retry-after"]}'
    openai = limited.ask("requests", path="/v1/chat/completions", json={})
    assert (openai.status_code, openai.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(openai.headers["retry-after"]) > 17_000
    for path in ("/v2/models/tiny-sentiment/infer", "/hf/models/tiny-sentiment"):
        assert "its rate of 5/day is used up" in limited.ask("requests", path=path).json()["error"]
    assert limited.ask("free", json=BODY).status_code == 200


def test_what_is_refused_for_want_of_room_is_not_counted_and_what_is_wrong_is(limited):
    def left() -> str:
        return limited.ask("both", "GET", "/v1/models").headers["ratelimit"].split(";")[1]

    assert left() == "r=99"
    assert limited.ask("both", json=BODY, path="/v1/models/nobody/predict").status_code == 404
    assert left() == "r=97"
    assert limited.ask("both", "POST", "/v1/models/tiny-sentiment/load").status_code == 200
    assert limited.ask("both", "POST", "/v2/repository/models/tiny-sentiment/unload").status_code == 200
    assert left() == "r=94"
    assert limited.ask("both", json=BODY).status_code == 503
    assert left() == "r=93"


def test_a_stream_and_a_search_take_model_time_too(limited, monkeypatch):
    spent: list[float] = []
    monkeypatch.setattr("app.keys.limits.Meter.spend", lambda meter, seconds: spent.append(seconds))
    chat = {"model": WRITER, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    asked = (
        {"json": BODY},
        {"path": "/v1/chat/completions", "json": chat},
        {"path": "/v1/chat/completions", "json": {**chat, "stream": False}},
        {"path": "/v1/models/tiny-sentiment/explain", "json": BODY},
        {"path": "/v1/models/places/items", "method": "GET"},
    )
    for count, one in enumerate(asked, 1):
        assert limited.ask("time", **one).status_code == 200
        assert len(spent) == count
    assert all(0 < seconds < 10 for seconds in spent[:4])


def test_a_quota_that_is_used_up_stops_what_asks_models_and_nothing_else(limited):
    assert limited.left_s("time") == 1
    assert limited.ask("time", json=BODY).status_code == 200
    assert limited.left_s("time") == 0
    for _ in range(5000):
        reply = limited.ask("time", json={"inputs": ["a good film"] * 16})
        if reply.status_code != 200:
            break
    assert reply.status_code == 429
    assert "its quota of 1s/day of model time is used up" in reply.json()["error"]
    assert 0 < int(reply.headers["retry-after"]) <= 86_400
    assert limited.ask("time", "GET", "/v1/models/tiny-sentiment").status_code == 200


def test_a_quota_of_nothing_refuses_every_model_and_says_so(limited):
    for path in (PREDICT, "/v2/models/tiny-sentiment/infer", "/hf/models/tiny-sentiment", "/v1/completions"):
        reply = limited.ask("nothing", path=path, json=BODY)
        assert reply.status_code == 403
        assert "the key nothing may have no model time at all: its limit is 0" in reply.text
        assert "retry-after" not in reply.headers
