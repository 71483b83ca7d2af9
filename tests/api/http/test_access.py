import json
import logging
from collections.abc import Iterator

import jsonschema
import pytest
from conftest import ready
from engines import far_engine
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.api.app import create_app
from app.api.http.access import Access, OpenPaths
from app.api.http.limits import Limits
from app.keys import EVERYTHING, KeyRing, add_key, revoke_key, ring
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"
BODY = {"inputs": ["a good film"]}


@pytest.fixture
def keys_file(tmp_path, monkeypatch):
    monkeypatch.setattr(ring, "LOOK_AGAIN_S", 0.0)
    return tmp_path / "keys.json"


@pytest.fixture
def secret(keys_file) -> str:
    return add_key(keys_file, "laptop", scopes=EVERYTHING)


@pytest.fixture
def client(engine, keys_file, secret) -> Iterator[TestClient]:
    application = create_app(engine, Telemetry(), Limits(), keys=KeyRing(keys_file), cors_origins=["https://a.example"])
    with ready(application) as client:
        yield client


@pytest.fixture(scope="module")
def closed(kept_models_dir) -> Iterator[TestClient]:
    """A service that asks for a key, for tests that have none."""
    keys_file = kept_models_dir.parent / "keys.json"
    add_key(keys_file, "laptop")
    with ready(create_app(far_engine(kept_models_dir), Telemetry(), Limits(), keys=KeyRing(keys_file))) as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("form", ["Authorization: Bearer {}", "authorization: bearer  {}", "X-API-Key: {}"])
def test_a_key_is_taken_as_bearer_and_in_a_header_of_its_own(client, secret, form):
    name, _, value = form.format(secret).partition(": ")
    assert client.post(PREDICT, json=BODY, headers={name: value}).status_code == 200
    assert client.get("/v1/models", headers={name: value}).status_code == 200


def test_another_token_beside_ours_does_no_harm(client, secret):
    for mine, theirs in (("X-API-Key", "Authorization"), ("Authorization", "X-API-Key")):
        values = {"Authorization": f"Bearer {secret}", "X-API-Key": secret}
        headers = {mine: values[mine], theirs: "Bearer hf_of_somebody_else"}
        assert client.get("/v1/models", headers=headers).status_code == 200


WRONG = [
    {},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer tessera_00000000" + "x" * 43},
    {"Authorization": "Basic {}"},
    {"Authorization": "{}"},
    {"Authorization": "Bearer {}x"},
    {"X-API-Key": ""},
    {"X-API-Key": "Bearer {}"},
    {"X-API-Key": b"\xff\xfe"},
    {"Cookie": "X-API-Key={}"},
]


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize(("method", "path"), [("POST", PREDICT), ("GET", "/v1/models"), ("GET", "/metrics")])
def test_without_a_right_key_the_answer_is_401_in_the_envelope(client, secret, method, path, headers):
    given = {name: value.format(secret) if isinstance(value, str) else value for name, value in headers.items()}
    reply = client.request(method, path, headers=given)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.json().keys() == {"error", "error_type", "request_id"}
    assert reply.json()["error_type"] == "Unauthorized"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_key_in_the_query_is_none(client, secret):
    assert client.get(f"/v1/models?api_key={secret}&X-API-Key={secret}").status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        *(
            PREDICT,
            "/v1/models/tiny-sentiment/explain",
            "/v1/models",
            "/v1/models/tiny-sentiment",
            "/v1/models/tiny-sentiment/load",
            "/nothing/here",
        ),
        *("/v2", "/v2/models/m/infer", "/v2/models/m/ready", "/v2/repository/index", "/hf/models/m", "/metrics"),
        *(
            "/health/",
            "/healthy",
            "/health/live/",
            "/health/live/x",
            "/docs/x",
            "/openapi.jsonx",
            "/static-offline-docs",
        ),
        *("/%2e%2e/v1/models", "/docs/../v1/models", "/health/live%0a", "/V1/models", "//v1/models"),
    ],
)
def test_every_path_is_closed_that_is_not_named_as_open(closed, method, path):
    assert closed.request(method, path).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/docs", "/redoc", "/openapi.json"])
def test_probes_and_pages_are_open_to_be_read_and_to_nothing_else(client, path):
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 401


def test_what_the_pages_load_is_open_and_leads_nowhere_else(client):
    assert client.get("/static-offline-docs/swagger-ui.css").status_code == 200
    for path in ("/static-offline-docs/../v1/models", "/static-offline-docs/%2e%2e/v1/models"):
        assert client.get(path).status_code in (401, 404)


def test_a_key_that_is_revoked_is_refused_while_the_service_runs_and_a_new_one_is_taken(client, keys_file, secret):
    assert client.post(PREDICT, json=BODY, headers=bearer(secret)).status_code == 200
    revoke_key(keys_file, "laptop")
    refused = client.post(PREDICT, json=BODY, headers=bearer(secret))
    assert refused.status_code == 401
    assert "not known, or was revoked" in refused.json()["error"]
    new = add_key(keys_file, "laptop-2")
    assert client.post(PREDICT, json=BODY, headers=bearer(new)).status_code == 200


def test_when_no_key_can_be_checked_the_fault_is_ours_and_no_path_of_this_machine_is_told(
    client, keys_file, secret, monkeypatch
):
    monkeypatch.setattr(ring, "TRUSTED_S", 0.0)
    keys_file.write_text("not keys")
    reply = client.post(PREDICT, json=BODY, headers=bearer(secret))
    assert reply.status_code == 503
    assert reply.json()["error_type"] == "KeysUnreadable"
    assert str(keys_file) not in reply.text
    assert client.get("/health/live").status_code == 200


async def later(scope, receive, send):
    """Whatever somebody may add: it answers every path, and sockets."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("reached")(scope, receive, send)


def test_a_later_route_is_closed_without_being_named(keys_file, secret):
    async def with_id(scope, receive, send):
        scope.setdefault("state", {})["request_id"] = "id"
        await access(scope, receive, send)

    access = Access(later, KeyRing(keys_file), Telemetry(), OpenPaths(["/open", "/folder/{path:path}"]))
    client = TestClient(with_id)
    assert client.get("/v3/anything").status_code == 401
    for path in ("/open", "/folder/", "/folder/of/more"):
        assert client.get(path).text == "reached"
        assert client.post(path).status_code == 401
    for path in ("/open/", "/openly", "/folder", "/folders/x"):
        assert client.get(path).status_code == 401
    assert client.get("/v3/anything", headers=bearer(secret)).text == "reached"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v3/socket"):
        pass
    with client.websocket_connect("/v3/socket", headers=bearer(secret)):
        pass


def test_the_name_of_a_key_is_counted_and_its_secret_is_nowhere(client, secret, keys_file, caplog):
    caplog.set_level(logging.DEBUG)
    client.post(PREDICT, json=BODY, headers=bearer(secret))
    client.post(PREDICT, json={"inputs": [7]}, headers={"X-API-Key": secret})
    wrong = client.post(PREDICT, json=BODY, headers=bearer(secret[:-1]))
    metrics = client.get("/metrics", headers=bearer(secret)).text
    assert 'tessera_key_requests_total{key="laptop"} 3.0' in metrics
    assert 'status="401"' in metrics
    for text in (metrics, wrong.text, caplog.text, keys_file.read_text()):
        assert secret[16:40] not in text


def test_the_document_says_that_keys_are_asked_for_and_where_not(client, secret):
    document = client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {(one["type"], one.get("scheme") or one["name"]) for one in schemes.values()} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
    }
    assert document["security"] == [{name: []} for name in schemes]
    assert document["paths"]["/health/live"]["get"]["security"] == []
    operation = document["paths"][PREDICT]["post"]
    assert operation["security"] == [{name: ["predict"]} for name in schemes]
    assert document["paths"]["/v1/models/{model}/load"]["post"]["security"] == [{name: ["admin"]} for name in schemes]
    assert all("`metrics`, read /metrics" in one["description"] for one in schemes.values())
    schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
    jsonschema.validate(client.post(PREDICT).json(), {**schema, "components": document["components"]})


def test_without_keys_the_document_says_nothing_of_them(engine):
    with TestClient(create_app(engine, Telemetry(), Limits())) as client:
        document = json.dumps(client.get("/openapi.json").json())
        assert "securitySchemes" not in document
        assert '"401"' not in document
