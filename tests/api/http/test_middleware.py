from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.tasks.text_classification import TextClassification
from app.telemetry import Telemetry


class BrokenEngine:
    """Everything that is asked of it is a bug."""

    is_stopping = False

    async def load(self, name=None): ...

    async def stop(self): ...

    def status(self, name=None):
        raise RuntimeError("a path of this machine, or a secret")


def test_a_bug_of_ours_is_answered_in_the_same_envelope_and_says_nothing_it_should_not(caplog):
    with TestClient(create_app(BrokenEngine(), Telemetry(), Limits()), raise_server_exceptions=False) as client:
        reply = client.get("/v1/models", headers={"X-Request-Id": "find-me"})
        assert reply.status_code == 500
        assert reply.json() == {
            "error": "internal error; the log has the reason",
            "error_type": "InternalError",
            "request_id": "find-me",
        }
        assert reply.headers["x-request-id"] == "find-me"
        assert 'status="500"' in client.get("/metrics").text
    assert "a secret" in caplog.text
    assert "find-me" in caplog.text


class Panic(BaseException):
    """A library in Rust that panics raises this: no Exception."""


def test_a_panic_in_a_library_is_answered_in_the_envelope_too(app, monkeypatch):
    def panic(self, item, parameters):
        raise Panic("a path of this machine, or a secret")

    with TestClient(app, raise_server_exceptions=False) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        monkeypatch.setattr(TextClassification, "preprocess", panic)
        reply = client.post("/v1/models/tiny-sentiment/predict", json={"inputs": ["good"]})
        assert (reply.status_code, reply.json()["error_type"]) == (500, "InternalError")
        assert "secret" not in reply.text
        assert client.get("/health/live").status_code == 200
