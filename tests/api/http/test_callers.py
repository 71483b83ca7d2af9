from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from waiting import eventually

from app.api.app import create_app
from app.api.http.callers import caller_of
from app.api.http.limits import Limits
from app.keys import KeyRing, add_key
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.server import Server
from app.serving.engine import Ask, Prediction
from app.serving.local import LocalEngine
from app.settings import Settings
from app.telemetry import Telemetry

ROW = {"datatype": "INT64", "shape": [1, 1], "data": [1]}
ASKED: dict[str, Any] = {
    "/v1/models/tiny-sentiment/predict": {"inputs": [{"text": "good"}]},
    "/v1/models/tiny-sentiment/explain": {"inputs": [{"text": "good"}]},
    "/v2/models/tiny-sentiment/infer": {"inputs": [{"name": n, **ROW} for n in ("input_ids", "attention_mask")]},
    "/hf/models/tiny-sentiment": {"inputs": "good"},
}


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_without_a_key_a_caller_is_his_address_or_of_ipv6_his_network(host, caller):
    assert caller_of(Request({"type": "http", "client": (host, 1), "state": {}})) == caller
    assert caller_of(Request({"type": "http", "client": (host, 1), "state": {"key": "laptop"}})) == "key laptop"


def test_over_a_socket_without_addresses_all_are_one_caller():
    assert caller_of(Request({"type": "http", "client": None, "state": {}})) == ""


class Overheard(LocalEngine):
    """An engine that remembers who called."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.callers: list[str] = []

    async def predict(self, ask: Ask) -> Prediction:
        self.callers.append(ask.caller)
        return await super().predict(ask)


@pytest.fixture
def engine(models_dir) -> Overheard:
    return Overheard(ModelRepository(models_dir), Telemetry(), options=RuntimeOptions(device="cpu"))


def ask_everywhere(app: ASGIApp, host: str, **headers: str) -> None:
    with TestClient(app, client=(host, 50_000), headers=headers) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        for path, body in ASKED.items():
            assert client.post(path, json=body).status_code == 200


def test_the_engine_is_told_who_asks_whatever_is_asked(engine):
    ask_everywhere(create_app(engine, Telemetry(), Limits()), "203.0.113.7")
    assert engine.callers == ["203.0.113.7"] * len(ASKED)


def test_with_keys_the_key_counts_and_not_the_address(engine, tmp_path):
    secret = add_key(tmp_path / "keys.json", "laptop")
    app = create_app(engine, Telemetry(), Limits(), keys=KeyRing(tmp_path / "keys.json"))
    ask_everywhere(app, "203.0.113.7", **{"X-API-Key": secret})
    assert engine.callers == ["key laptop"] * len(ASKED)


@pytest.mark.parametrize(("proxies", "caller"), [("10.0.0.0/8", "198.51.100.4"), ("", "10.0.0.2")])
def test_what_a_proxy_says_is_believed_if_it_is_named(engine, proxies, caller):
    settings = Settings(trusted_proxies=proxies.split(",") if proxies else (), models_dir="none")
    config = Server(create_app(engine, Telemetry(), Limits()), engine, settings).config
    config.load()
    ask_everywhere(config.loaded_app, "10.0.0.2", **{"X-Forwarded-For": "192.0.2.1, 198.51.100.4, 10.1.1.1"})
    assert engine.callers == [caller] * len(ASKED)
