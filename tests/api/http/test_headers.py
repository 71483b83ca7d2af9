import re
from base64 import b64encode
from hashlib import sha256

import pytest
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"
ELSEWHERE = "https://app.example"


def policy_of(reply) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))


@pytest.fixture(scope="module")
def client(kept_client):
    return kept_client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("POST", PREDICT, 422),
        ("GET", PREDICT, 405),
        ("GET", "/nothing", 404),
        ("GET", "/metrics", 200),
        ("GET", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/oauth2-redirect", 200),
        ("GET", "/redoc", 200),
        ("GET", "/pages/main.js", 200),
        ("GET", "/pages/nothing.js", 404),
        ("GET", "/openapi.json", 200),
        ("HEAD", "/health/live", 200),
        ("OPTIONS", "/health/live", 405),
        ("GET", "/static-offline-docs/swagger-ui.css", 200),
    ],
)
def test_every_answer_tells_browsers_what_they_may_do_with_it(client, method, path, status):
    reply = client.request(method, path)
    assert reply.status_code == status
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert policy_of(reply)["frame-ancestors"] == "'none'"
    assert policy_of(reply)["default-src"] == "'none'"
    for name in ("x-content-type-options", "content-security-policy", "x-request-id", "content-type", "cache-control"):
        assert len(reply.headers.get_list(name)) == 1


@pytest.mark.parametrize(
    ("method", "path", "kept"),
    [
        ("GET", "/v1/models", "no-store"),
        ("GET", "/v1/models/nobody", "no-store"),
        ("POST", PREDICT, "no-store"),
        ("GET", "/metrics", "no-store"),
        ("GET", "/health/ready", "no-store"),
        ("GET", "/openapi.json", "no-store"),
        ("GET", "/nothing", "no-store"),
        ("GET", "/", "no-cache"),
        ("GET", "/docs", "no-cache"),
        ("GET", "/redoc", "no-cache"),
        ("GET", "/pages/main.js", "no-cache"),
        ("GET", "/static-offline-docs/swagger-ui.css", "no-cache"),
    ],
)
def test_what_is_answered_is_kept_by_nobody_and_pages_are_asked_for_again(client, method, path, kept):
    assert client.request(method, path).headers["cache-control"] == kept


def test_the_page_of_the_api_may_run_its_own_script_and_no_other(client):
    reply = client.get("/docs")
    scripts = re.findall(r"<script>(.*?)</script>", reply.text, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts]
    assert len(hashes) == 1
    assert policy_of(reply)["script-src"].split() == ["'self'", *hashes]


def test_a_page_at_the_root_may_use_scripts_and_styles_of_this_origin_only(client):
    policy = policy_of(client.get("/"))
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


class BrokenEngine:
    """Everything that is asked of it is a bug."""

    is_stopping = False

    async def load(self, name=None): ...

    async def stop(self): ...

    def status(self, name=None):
        raise RuntimeError("broken")

    find = status


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", PREDICT)])
def test_a_bug_is_answered_with_the_same_headers_and_can_be_read_from_elsewhere(method, path):
    application = create_app(BrokenEngine(), Telemetry(), Limits(), cors_origins=[ELSEWHERE])
    with TestClient(application, raise_server_exceptions=False) as client:
        reply = client.request(method, path, headers={"Origin": ELSEWHERE})
    assert reply.status_code == 500
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["access-control-allow-origin"] == ELSEWHERE
    assert len(reply.headers.get_list("x-request-id")) == 1


@pytest.fixture
def open_to_elsewhere(engine):
    with TestClient(create_app(engine, Telemetry(), Limits(), cors_origins=[ELSEWHERE])) as client:
        yield client


def preflight(client, origin=ELSEWHERE, method="POST", headers="authorization,content-type,x-request-timeout-ms"):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return client.options(PREDICT, headers=asked)


def test_pages_from_elsewhere_cannot_read_answers_unless_they_are_named(client):
    assert preflight(client).status_code == 405
    for reply in (preflight(client), client.get("/v1/models", headers={"Origin": ELSEWHERE})):
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_page_of_an_origin_that_is_named_may_call_with_a_key_but_without_cookies(open_to_elsewhere):
    allowed = preflight(open_to_elsewhere)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ELSEWHERE
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert "X-API-Key" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed.headers
    assert allowed.headers["x-request-id"]
    assert allowed.headers["x-content-type-options"] == "nosniff"


def test_a_page_may_use_the_methods_of_every_route(open_to_elsewhere):
    paths = open_to_elsewhere.get("/openapi.json").json()["paths"]
    methods = {method.upper() for item in paths.values() for method in item if method != "parameters"}
    assert {method: preflight(open_to_elsewhere, method=method).status_code for method in methods} == dict.fromkeys(
        methods, 200
    )


def test_other_origins_methods_and_headers_are_not_allowed(open_to_elsewhere):
    assert "access-control-allow-origin" not in preflight(open_to_elsewhere, origin="https://evil.example").headers
    assert preflight(open_to_elsewhere, origin="null").status_code == 400
    assert preflight(open_to_elsewhere, method="PUT").status_code == 400
    assert preflight(open_to_elsewhere, headers="x-evil").status_code == 400


def test_errors_can_be_read_from_elsewhere_too(open_to_elsewhere):
    for reply in (
        open_to_elsewhere.post(PREDICT, json={"inputs": []}, headers={"Origin": ELSEWHERE}),
        open_to_elsewhere.get("/nothing", headers={"Origin": ELSEWHERE}),
    ):
        assert reply.status_code >= 400
        assert reply.headers["access-control-allow-origin"] == ELSEWHERE
        assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
        assert reply.headers["vary"] == "Origin"


def sent_by_a_page(client, site, origin=ELSEWHERE, method="POST", path=PREDICT):
    headers = {"Sec-Fetch-Site": site, "Origin": origin}
    return client.request(method, path, json={"inputs": ["good"]}, headers=headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_from_elsewhere_cannot_act_through_the_browser_of_somebody_else(client, site):
    for path in (PREDICT, "/v1/models/tiny-sentiment/load"):
        reply = sent_by_a_page(client, site, path=path)
        assert reply.status_code == 403
        assert reply.json()["error_type"] == "Forbidden"
    assert sent_by_a_page(client, site, method="GET", path="/v1/models").status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_can(client, site):
    assert sent_by_a_page(client, site, origin="http://testserver").status_code == 200


def test_a_page_of_an_origin_that_is_named_can_and_others_still_cannot(open_to_elsewhere):
    eventually(lambda: open_to_elsewhere.get("/health/ready").status_code == 200)
    assert sent_by_a_page(open_to_elsewhere, "cross-site").status_code == 200
    assert sent_by_a_page(open_to_elsewhere, "cross-site", origin="https://evil.example").status_code == 403
    assert sent_by_a_page(open_to_elsewhere, "cross-site", origin="null").status_code == 403


HERE = "http://testserver"


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://evil.test", "tessera.test:8119", 403),
        ("http://tessera.test", "tessera.test:8119", 403),
        ("http://tessera.test:8118", "tessera.test:8119", 403),
        ("http://tessera.test:8119.evil.test", "tessera.test:8119", 403),
        ("http://tessera.test:8119@evil.test", "tessera.test:8119", 403),
        ("null", "tessera.test:8119", 403),
        ("", "tessera.test:8119", 403),
        ("file://", "tessera.test:8119", 403),
        ("http://[", "tessera.test:8119", 403),
        ("http://tessera.test:8119", "tessera.test:8119", 200),
        ("http://TESSERA.test:8119", "tessera.test:8119", 200),
        ("https://tessera.test", "tessera.test", 200),
        ("https://tessera.test", "tessera.test:443", 200),
        ("http://tessera.test", "tessera.test:80", 200),
        ("http://[::1]:8000", "[::1]:8000", 200),
        (None, "tessera.test:8119", 200),
    ],
)
def test_where_a_browser_names_only_the_origin_that_must_be_the_host_that_was_asked(client, origin, host, status):
    headers = {"Host": host} if origin is None else {"Host": host, "Origin": origin}
    for path in (PREDICT, "/v1/models/tiny-sentiment/load"):
        assert client.post(path, json={"inputs": ["good"]}, headers=headers).status_code == status


def test_an_origin_that_is_named_may_act_where_a_browser_names_only_the_origin(open_to_elsewhere):
    eventually(lambda: open_to_elsewhere.get("/health/ready").status_code == 200)
    ask = {"json": {"inputs": ["good"]}}
    assert open_to_elsewhere.post(PREDICT, **ask, headers={"Origin": ELSEWHERE}).status_code == 200
    assert open_to_elsewhere.post(PREDICT, **ask, headers={"Origin": "https://evil.test"}).status_code == 403


def test_a_browser_that_says_something_new_of_where_a_page_is_from_is_not_believed(client):
    assert sent_by_a_page(client, "cross-origin-but-new").status_code == 403
