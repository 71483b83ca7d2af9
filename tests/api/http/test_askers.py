"""Who asks, and for whom."""

from starlette.requests import Request

from app.api.http.askers import asker_of
from app.serving.engine import Asker


def request(*headers, key="a"):
    return Request({"type": "http", "headers": list(headers), "state": {"key": key, "request_id": "1"}})


def test_a_caller_asks_for_whom_a_header_names_or_else_the_body():
    subject = (b"x-tessera-subject", "Zoë".encode("latin-1"))
    assert asker_of(request()) == Asker("key a", "1", "")
    assert asker_of(request(), "u1") == Asker("key a", "1", "u1")
    assert asker_of(request(subject), "u1") == Asker("key a", "1", "Zoë")
