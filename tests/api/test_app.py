"""The service around the routes: what runs beside it."""

from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry


def test_what_runs_beside_the_service_does_not_end_in_silence(engine, caplog):
    async def broken():
        raise ZeroDivisionError("of its own")

    with TestClient(create_app(engine, Telemetry(), Limits(), beside=[broken])):
        eventually(lambda: "broken" in caplog.text)
    assert "ZeroDivisionError: of its own" in caplog.text
