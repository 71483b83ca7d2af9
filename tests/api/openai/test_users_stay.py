"""Where a rule divides callers, OpenAI's field for the person who asks keeps each with one version, in streams too."""

import pytest
from conftest import ready
from engines import FarEngine
from tiny_writer import WRITER, publish_writer
from versions_that_tell import traffic_engine

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry

CHAT, COMPLETION, RESPONSE = "/v1/chat/completions", "/v1/completions", "/v1/responses"
BODIES = {
    CHAT: {"messages": [{"role": "user", "content": "Good morning"}], "max_tokens": 2},
    COMPLETION: {"prompt": "Good", "max_tokens": 2},
    RESPONSE: {"input": "Good", "max_output_tokens": 2},
}
USERS = [f"user-{i}" for i in range(12)]


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    root, telemetry = tmp_path_factory.mktemp("divided"), Telemetry()
    for version in (1, 2):
        publish_writer(root / "models", root / f"scratch{version}")
    engine = traffic_engine(root / "models", telemetry)
    limits = Limits(max_body_bytes=100_000, max_items=16, request_timeout_s=20)
    with ready(create_app(FarEngine(engine), telemetry, limits, traffic=engine)) as client:
        rule = {"canary": {"version": 2, "share": 0.5}}
        assert client.post(f"/v1/models/{WRITER}/traffic", json=rule).status_code == 200
        yield client


def versions(client, path, name="user", **fields):
    told = []
    for user in USERS:
        reply = client.post(path, json={"model": WRITER, **BODIES[path], name: user, **fields})
        assert reply.status_code == 200, reply.text
        told.append(reply.headers["x-model-version"])
        assert reply.headers["x-generated"] == f"{WRITER}@{told[-1]}"
    return told


def test_a_user_is_answered_by_one_version_whatever_the_form_of_the_request(divided):
    chats = versions(divided, CHAT)
    assert set(chats) == {"1", "2"}
    assert versions(divided, CHAT, stream=True) == chats
    assert versions(divided, CHAT, "safety_identifier", user="somebody else") == chats
    assert versions(divided, COMPLETION) == versions(divided, RESPONSE, stream=True) == chats
