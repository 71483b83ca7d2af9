import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from app.api.errors import on_service_error
from app.api.http.found import FindRoute
from app.api.http.routes import Direct, DirectRoute, body_limit
from app.errors import InvalidInput, ServiceError

PLACE = "/own/{model}"


async def say(request: Request, names: dict[str, str]) -> Response:
    return PlainTextResponse(f"{request.method} {names['model']}")


async def refuse(request: Request, names: dict[str, str]) -> Response:
    raise InvalidInput("not this")


async def fail(request: Request, names: dict[str, str]) -> Response:
    raise ZeroDivisionError


async def tell(request: Request, error: ServiceError) -> Response:
    reply = await on_service_error(request, error)
    reply.headers["X-Told"] = "in our own way"
    return reply


async def elsewhere(scope, receive, send):
    await PlainTextResponse("elsewhere")(scope, receive, send)


@pytest.fixture
def scopes():
    return []


@pytest.fixture
def client(scopes):
    routes = [
        DirectRoute("POST", PLACE, say, body_bytes=lambda scope: len(scope["path_params"]["model"])),
        DirectRoute("GET", PLACE, say),
        DirectRoute("POST", "/refused", refuse, tell=tell),
        DirectRoute("POST", "/failed", fail),
    ]
    direct = FindRoute(Direct(elsewhere), routes)

    async def with_id(scope, receive, send):
        if scope["type"] == "http":
            scope["state"]["request_id"] = "id"
            scopes.append(scope)
        await direct(scope, receive, send)

    return TestClient(with_id)


def test_each_method_of_a_path_has_its_route_and_every_other_is_refused(client):
    assert client.get("/own/a").text == "GET a"
    assert client.post("/own/b").text == "POST b"
    reply = client.delete("/own/a")
    assert reply.status_code == 405
    assert set(reply.headers["allow"].split(", ")) == {"POST", "GET"}


@pytest.mark.parametrize("path", ["/own", "/own/", "/own/a/b", "/", "/own/a/"])
def test_what_is_no_direct_route_goes_on(client, path):
    assert client.post(path).text == "elsewhere"


def test_an_error_is_told_as_its_route_tells_errors(client, caplog):
    refused = client.post("/refused")
    assert (refused.status_code, refused.headers["x-told"]) == (422, "in our own way")
    failed = client.post("/failed")
    assert failed.status_code == 500
    assert "ZeroDivisionError" not in failed.text
    assert "ZeroDivisionError" in caplog.text


def test_a_route_says_what_a_body_may_have_and_others_have_one_limit(client, scopes):
    for path in ("/own/abc", "/refused", "/other"):
        client.post(path)
    assert [body_limit(50)(scope) for scope in scopes] == [3, 50, 50]
