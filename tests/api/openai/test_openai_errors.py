"""Errors at the paths of the OpenAI dialect have its envelope, whoever refuses: layers before the routes, too."""

import json

import pytest
from conftest import publish_sentiment, ready
from engines import FarEngine, far_engine
from starlette.testclient import TestClient
from tiny_writer import WRITER, publish_writer, serving, writer

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.openai import paths
from app.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, Overloaded
from app.keys import KeyRing
from app.telemetry import Telemetry

__all__ = ["writer"]

BODIES = {
    paths.CHAT: {"model": WRITER, "messages": [{"role": "user", "content": "hi"}]},
    paths.COMPLETIONS: {"model": WRITER, "prompt": "hi"},
    paths.EMBEDDINGS: {"model": WRITER, "input": "hi"},
    paths.RESPONSES: {"model": WRITER, "input": "hi"},
}
ENVELOPE = {"message", "type", "param", "code", "request_id"}


def told(reply):
    error = reply.json().pop("error")
    assert error.keys() == ENVELOPE
    assert error["request_id"] == reply.headers["x-request-id"]
    return reply.status_code, error["type"], error["code"]


@pytest.mark.parametrize("path", BODIES)
def test_a_router_refuses_in_the_envelope(writer, path):
    assert told(writer.get(path)) == (405, "invalid_request_error", None)
    assert told(writer.get(f"{path}/7")) == (404, "invalid_request_error", None)
    assert told(writer.post(path, content=b"{")) == (400, "invalid_request_error", None)
    assert told(writer.post(path, content=b"[]")) == (400, "invalid_request_error", None)
    assert told(writer.post(path, content=b'{"model": "\\ud800"}')) == (400, "invalid_request_error", None)
    assert told(writer.post(path, content=bytes(100_001))) == (413, "invalid_request_error", None)
    assert told(writer.post(path, content=b"x", headers={"Content-Encoding": "br"}))[0] == 415
    late = writer.post(path, json=BODIES[path], headers={"X-Request-Timeout-Ms": "soon"})
    assert told(late) == (400, "invalid_request_error", None)


def test_elsewhere_errors_are_told_as_ever(writer):
    assert isinstance(writer.get("/v1/chat").json()["error"], str)
    assert isinstance(writer.get("/v1/models/nobody").json()["error"], str)
    assert isinstance(writer.get("/v1/completionsandmore").json()["error"], str)


@pytest.mark.parametrize("path", BODIES)
def test_who_has_no_key_or_comes_from_elsewhere_is_refused_in_the_envelope(tmp_path, path):
    publish_writer(tmp_path / "models", tmp_path / "scratch")
    with serving(tmp_path / "models", hosts=[]) as client:
        foreign = client.post(path, json=BODIES[path], headers={"Sec-Fetch-Site": "cross-site"})
        assert told(foreign) == (403, "permission_error", None)
        renamed = client.post(path, json=BODIES[path], headers={"Host": "evil.example"})
        assert told(renamed) == (403, "permission_error", None)
    telemetry = Telemetry()
    engine = far_engine(tmp_path / "models", telemetry)
    with TestClient(create_app(engine, telemetry, Limits(), keys=KeyRing(tmp_path / "keys.json"))) as client:
        for headers in ({}, {"Authorization": "Bearer sk-of-somebody"}):
            refused = client.post(path, json=BODIES[path], headers=headers)
            assert told(refused) == (401, "authentication_error", "invalid_api_key")


class Failing(FarEngine):
    """Refuses, or fails after a piece, with `error`."""

    error = None
    is_begun = False

    async def predict(self, ask):
        raise self.error

    async def stream(self, ask):
        if self.is_begun:
            async for piece in super().stream(ask):
                yield piece
                break
        raise self.error
        yield


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(models, scratch)
    publish_sentiment(models, scratch)
    telemetry = Telemetry()
    engine = Failing(far_engine(models, telemetry))
    with ready(create_app(engine, telemetry, Limits())) as client:
        yield client, engine


FAILURES = [
    (Overloaded("much", 2.4), 429, "rate_limit_error", "overloaded", {"retry-after": "3", "retry-after-ms": "2400"}),
    (Overloaded("far too much", 900.0), 429, "rate_limit_error", "overloaded",
     {"retry-after": "120", "retry-after-ms": "120000"}),
    (ModelNotReady("loading"), 503, "server_error", None, {"retry-after": "5", "retry-after-ms": "5000"}),
    (DeadlineExceeded("late"), 504, "timeout_error", None, {"x-should-retry": "false"}),
    (InferenceFailed("broken"), 500, "server_error", None, {"x-should-retry": "false"}),
    (ValueError("of ours"), 500, "server_error", None, {"x-should-retry": "false"}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "status", "kind", "code", "headers"), FAILURES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_has_its_status_and_says_when_to_try_again(failing, error, status, kind, code, headers, stream):
    client, engine = failing
    engine.error, engine.is_begun = error, False
    reply = client.post(paths.CHAT, json={**BODIES[paths.CHAT], "stream": stream})
    assert told(reply) == (status, kind, code)
    assert headers.items() <= reply.headers.items()
    assert ("x-should-retry" in reply.headers) == ("x-should-retry" in headers)


@pytest.mark.parametrize(("error", "status", "kind", "code", "headers"), FAILURES)
def test_a_failure_after_the_first_piece_is_an_event_and_then_comes_the_end(
    failing, error, status, kind, code, headers
):
    client, engine = failing
    engine.error, engine.is_begun = error, True
    reply = client.post(paths.CHAT, json={**BODIES[paths.CHAT], "stream": True})
    assert reply.status_code == 200
    first, *_, failure, end, rest = reply.text.split("\n\n")
    assert json.loads(first.removeprefix("data: "))["choices"][0]["delta"]["role"] == "assistant"
    (inside,) = json.loads(failure.removeprefix("data: ")).values()
    assert inside.keys() == ENVELOPE
    assert (inside["type"], inside["code"]) == (kind, code)
    assert (end, rest) == ("data: [DONE]", "")


def test_a_failure_of_a_response_is_an_event_of_its_own(failing):
    client, engine = failing
    engine.error, engine.is_begun = DeadlineExceeded("late"), True
    reply = client.post(paths.RESPONSES, json={**BODIES[paths.RESPONSES], "stream": True})
    assert reply.status_code == 200
    *_, failure, rest = reply.text.split("\n\n")
    name, data = failure.split("\n")
    told = json.loads(data.removeprefix("data: "))
    assert (name, rest) == ("event: error", "")
    assert (told["type"], told["message"], told["error"]["type"]) == ("error", "late", "timeout_error")


# A template puts texts together: of a message without one it can make nothing.
NO_TEXT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (paths.CHAT, {"model": WRITER, "messages": NO_TEXT}, 400),
        (f"/hf/models/{WRITER}/v1/chat/completions", {"messages": NO_TEXT}, 422),
        (f"/v1/models/{WRITER}/predict", {"inputs": [{"messages": NO_TEXT}]}, 422),
    ],
)
def test_what_a_chat_template_refuses_is_the_callers_fault_in_every_dialect(writer, path, body, status, stream):
    reply = writer.post(path, json={**body, "stream": stream})
    assert reply.status_code == status
    assert "chat template refuses" in reply.text
    assert "messages" in reply.text
