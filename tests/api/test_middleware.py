from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.limits import Limits
from app.telemetry import Telemetry


class BrokenEngine:
    """Everything that is asked of it is a bug."""

    is_stopping = False

    async def load(self, name=None): ...

    async def stop(self): ...

    def status(self):
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
