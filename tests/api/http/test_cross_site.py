import asyncio

import pytest

from app.api.http.cross_site import OwnPagesOnly


def status(method: str = "POST", origins: tuple[str, ...] = (), **headers: str) -> int:
    """With which status a request is answered; 200 is that of the application inside."""
    sent = []

    async def inside(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/v1/models", "headers": given, "state": {"request_id": "r"}}
    asyncio.run(OwnPagesOnly(inside, origins)(scope, lambda: None, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no browser
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://models.test:8000", "host": "models.test:8000"},
        {"origin": "https://models.test", "host": "models.test"},
        {"origin": "https://models.test:443", "host": "Models.test"},
    ],
)
def test_pages_of_ours_and_clients_that_are_no_browsers_are_let_in(headers):
    assert status(**headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://models.test:8000", "host": "models.test:8000"},
        {"origin": "http://elsewhere.test", "host": "models.test"},
        {"origin": "http://models.test:8001", "host": "models.test:8000"},
        {"origin": "null", "host": "models.test"},
        {"origin": "http://[", "host": "models.test"},
    ],
)
def test_a_page_of_another_origin_may_only_read_unless_it_is_named(headers):
    assert status(**headers) == 403
    assert status("GET", **headers) == 200
    assert status(origins=("*",), **headers) == 200
    if "origin" in headers:
        assert status(origins=(headers["origin"],), **headers) == 200
